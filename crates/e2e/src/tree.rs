//! The files below a directory, byte by byte, and ways to change them that nobody notices.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// What lies at each path, relative to the directory: for a file the hash of its content, for a link where it leads.
pub type Tree = BTreeMap<PathBuf, String>;

/// Reads everything below `directory`.
///
/// # Errors
/// Something cannot be read.
pub fn tree(directory: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let what = if kind.is_dir() {
                pending.push(path.clone());
                "directory".to_owned()
            } else if kind.is_symlink() {
                format!("-> {}", fs::read_link(&path)?.display())
            } else {
                let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
                format!("{} bytes {:?}", content.len(), &Sha256::digest(&content)[..])
            };
            tree.insert(path.strip_prefix(directory)?.to_owned(), what);
        }
    }
    Ok(tree)
}

/// Flips bits of one byte in place.
///
/// # Errors
/// The file cannot be written, or is shorter.
pub fn flip_byte(path: &Path, offset: u64) -> Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset)
        .with_context(|| format!("read byte {offset} of {}", path.display()))?;
    file.write_all_at(&[byte[0] ^ 0x21], offset).with_context(|| format!("write {}", path.display()))
}

/// Sets a file's time of modification, as a tool does that wants a change to go unseen.
///
/// # Errors
/// It cannot be set.
pub fn set_modified(path: &Path, time: SystemTime) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_modified(time).with_context(|| format!("set the time of {}", path.display()))
}
