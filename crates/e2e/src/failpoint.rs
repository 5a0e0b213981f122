//! Failpoints: places in the program at which a test stops or holds it, by `BACKSTOP_FAILPOINTS`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::Backstop;

/// The names of all points in the program's source, sorted, so that none is left out when one is added.
///
/// # Errors
/// The source cannot be read.
pub fn failpoints() -> Result<Vec<String>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let mut names = Vec::new();
    let mut pending: Vec<PathBuf> = Vec::new();
    for member in fs::read_dir(crates)? {
        let member = member?.path();
        if member != Path::new(env!("CARGO_MANIFEST_DIR")) && member.join("src").is_dir() {
            pending.push(member.join("src"));
        }
    }
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                let found =
                    text.split("failpoint::pass(\"").skip(1).filter_map(|rest| rest.split('"').next());
                names.extend(found.map(str::to_owned));
            }
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "the source has no failpoints");
    Ok(names)
}

/// Points at which the service waits as long as a file exists.
#[derive(Debug)]
pub struct Holds {
    files: TempDir,
}

impl Holds {
    /// Prepares holds at `points` for the service's next start. None holds yet.
    ///
    /// # Errors
    /// There is no place for the files.
    pub fn prepare(backstop: &mut Backstop, points: &[&str]) -> Result<Self> {
        let files = tempfile::tempdir()?;
        let action = |point: &&str| format!("{point}=hold:{}", files.path().join(point).display());
        let actions: Vec<String> = points.iter().map(action).collect();
        backstop.set("BACKSTOP_FAILPOINTS", &actions.join(";"));
        Ok(Self { files })
    }

    /// From now on, whoever comes to `point` waits.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn hold(&self, point: &str) -> Result<()> {
        fs::write(self.files.path().join(point), "").with_context(|| format!("hold at {point}"))
    }

    /// Lets whoever waits at `point` go on.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn release(&self, point: &str) -> Result<()> {
        rustix::fs::unlink(self.files.path().join(point)).with_context(|| format!("release {point}"))
    }
}
