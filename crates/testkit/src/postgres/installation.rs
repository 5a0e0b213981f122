//! Where PostgreSQL's programs are.
//!
//! Versions other than Debian's lie in a folder that `scripts/test-parts` fills before the tests run:
//! `BACKSTOP_TEST_PARTS`; else, for root, `/var/cache/backstop-test-parts`, because the users that servers run as cannot
//! read below `/root`; else `$XDG_CACHE_HOME/backstop-test-parts` or `~/.cache/backstop-test-parts`. In it are
//! `postgresql-N/bin` and `postgresql-N/lib`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{ServerUser, command_as};

/// The programs of one version of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    major: u32,
    bin: PathBuf,
    lib: Option<PathBuf>,
}

impl Installation {
    /// Versions that Backstop supports.
    pub const SUPPORTED: [u32; 5] = [14, 15, 16, 17, 18];

    /// Debian's PostgreSQL 15.
    ///
    /// # Errors
    /// It is not installed.
    pub fn debian15() -> Result<Self> {
        Self::debian(15)
    }

    /// A version of PostgreSQL: from the folder of test parts, else Debian's.
    ///
    /// # Errors
    /// It is in neither place.
    pub fn find(major: u32) -> Result<Self> {
        let root = parts_folder().join(format!("postgresql-{major}"));
        let bin = root.join("bin");
        if bin.join("postgres").exists() {
            return Ok(Self { major, bin, lib: Some(root.join("lib")) });
        }
        Self::debian(major)
    }

    /// Every supported version that is here, oldest first.
    pub fn available() -> Vec<Self> {
        Self::SUPPORTED.into_iter().filter_map(|major| Self::find(major).ok()).collect()
    }

    fn debian(major: u32) -> Result<Self> {
        let bin = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
        if !bin.join("postgres").exists() {
            bail!(
                "PostgreSQL {major} is neither in {} nor in {}; `scripts/test-parts` puts it there",
                parts_folder().display(),
                bin.display()
            );
        }
        Ok(Self { major, bin, lib: None })
    }

    /// Such as 15.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The folder of its programs.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// A command for one of its programs, with its libraries, run as the user that the tests run as.
    pub fn command(&self, program: &str) -> Command {
        self.environment(Command::new(self.bin.join(program)))
    }

    /// A command for one of its programs, with its libraries, run as the user that servers run as.
    ///
    /// # Errors
    /// There is no such user.
    pub fn server_command(&self, program: &str) -> Result<Command> {
        Ok(self.environment(command_as(ServerUser::find()?, &self.bin.join(program))))
    }

    fn environment(&self, mut command: Command) -> Command {
        if let Some(lib) = &self.lib {
            command.env("LD_LIBRARY_PATH", lib);
        }
        // Settings of the user's own must not reach the tests.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").env("TZ", "UTC");
        command
    }
}

/// The folder of test parts, by the same rule as `scripts/test-parts`.
pub(crate) fn parts_folder() -> PathBuf {
    const NAME: &str = "backstop-test-parts";
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("BACKSTOP_TEST_PARTS") {
        return folder;
    }
    if rustix::process::geteuid().is_root() {
        return Path::new("/var/cache").join(NAME);
    }
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    cache.unwrap_or_else(env::temp_dir).join(NAME)
}
