//! Where the parts are that `scripts/test-parts` installs, and the drivers of real clients.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The directory of the parts, by the rule of `scripts/test-parts`.
pub fn parts_directory() -> PathBuf {
    if let Some(directory) = env::var_os("BACKSTOP_TEST_PARTS").filter(|value| !value.is_empty()) {
        return directory.into();
    }
    if rustix::process::geteuid().is_root() {
        return "/var/cache/backstop-test-parts".into();
    }
    let cache = env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    cache.unwrap_or_else(home).join("backstop-test-parts")
}

/// A command that runs `file` of `e2e/clients` with the interpreter that has its client: `py-new`, `py-first`,
/// `py-old` or `node`.
///
/// # Errors
/// The interpreter or the driver is absent.
pub fn client_driver(interpreter: &str, file: &str) -> Result<Command> {
    let parts = parts_directory();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the workspace")?;
    let driver = repository.join("e2e/clients").join(file);
    let mut command = if interpreter == "node" {
        let modules = parts.join("node/node_modules");
        require(&modules)?;
        let mut command = Command::new("node");
        command.env("NODE_PATH", modules);
        command
    } else {
        let python = parts.join(interpreter).join("bin/python");
        require(&python)?;
        let mut command = Command::new(python);
        // Tests leave no caches in the source tree.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.arg(driver);
    Ok(command)
}

fn require(path: &Path) -> Result<()> {
    if !path.exists() {
        bail!("{} is absent; run `scripts/test-parts test`", path.display());
    }
    Ok(())
}
