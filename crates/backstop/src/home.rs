//! Which home a command works with, and its configuration.

use std::path::{Path, PathBuf};

use service::{Config, Home};

use crate::command_line::Everywhere;
use crate::failure::WrongUse;

/// The home's directory: `--home`, `BACKSTOP_HOME`, or `.backstop` in the user's home directory.
///
/// # Errors
/// None is named, and the user has no home directory → `WrongUse`.
pub(crate) fn directory(everywhere: &Everywhere) -> anyhow::Result<PathBuf> {
    if let Some(home) = &everywhere.home {
        return Ok(std::path::absolute(home)?);
    }
    let user = std::env::home_dir().filter(|home| home.is_absolute() && home != Path::new("/"));
    let no_home = || WrongUse("there is no home directory; name one with --home or BACKSTOP_HOME".to_owned());
    Ok(user.ok_or_else(no_home)?.join(".backstop"))
}

/// Opens the home.
///
/// # Errors
/// There is none.
pub(crate) fn open(everywhere: &Everywhere) -> anyhow::Result<Home> {
    Ok(Home::open(&directory(everywhere)?)?)
}

/// The home's configuration, overlaid by the environment.
///
/// # Errors
/// It cannot be read, or a setting is wrong.
pub(crate) fn config(home: &Home) -> Result<Config, service::Error> {
    Config::load(home, variable)
}

/// A variable of the environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
