//! Where each file of a set goes, and which places a restore refuses.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use repository::StoredPath;

use super::{PlannedTablespace, RestoreError, RestorePlan, io_error};

/// Folder in the target for settings files that lay outside of the data directory.
pub(super) const CONFIG_FOLDER: &str = "backstop-config";

/// Where the entry at `path` of the set goes; `None` for what is written last, by other means.
pub(super) fn place(target: &Path, tablespaces: &[PlannedTablespace], path: &StoredPath) -> Option<PathBuf> {
    let below = |folder: &Path, rest: &[u8]| folder.join(OsStr::from_bytes(rest));
    match path.as_bytes() {
        b"data" => return Some(target.to_owned()),
        b"config" => return Some(target.join(CONFIG_FOLDER)),
        _ => {}
    }
    if let Some(rest) = path.within("data") {
        return Some(below(target, rest));
    }
    if let Some(rest) = path.within("config") {
        return Some(below(&target.join(CONFIG_FOLDER), rest));
    }
    if let Some(rest) = path.within("wal") {
        return Some(below(&target.join("pg_wal"), rest));
    }
    let rest = path.within("tablespace")?;
    let (oid, rest) = match rest.iter().position(|byte| *byte == b'/') {
        Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
        None => (rest, None),
    };
    let oid: u32 = std::str::from_utf8(oid).ok()?.parse().ok()?;
    let tablespace = tablespaces.iter().find(|tablespace| tablespace.record.oid == oid)?;
    Some(rest.map_or_else(|| tablespace.new.clone(), |rest| below(&tablespace.new, rest)))
}

/// Where a settings file or folder of the source lies in the restored tree.
pub(super) fn settings_place(plan: &RestorePlan, path: &Path) -> PathBuf {
    match path.strip_prefix(&plan.record.data_directory) {
        Ok(rest) => plan.target.join(rest),
        Err(_) => plan.target.join(CONFIG_FOLDER).join(path.strip_prefix("/").unwrap_or(path)),
    }
}

/// What a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    DataDirectory,
    Tablespace,
}

/// Refuses a place that is not absent and not an empty folder.
pub(super) fn refuse_used(path: &Path, is_for: Use) -> Result<(), RestoreError> {
    let at = || path.to_owned();
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("look at", path)(error)),
    };
    if metadata.is_symlink() {
        return Err(RestoreError::Link { path: at() });
    }
    if !metadata.is_dir() {
        return Err(RestoreError::NotDirectory { path: at() });
    }
    if path.join("postmaster.pid").exists() {
        return Err(RestoreError::Running { path: at() });
    }
    for child in fs::read_dir(path).map_err(io_error("list", path))? {
        let name = child.map_err(io_error("list", path))?.file_name();
        // A tablespace may be a file system of its own, with the folder that mkfs makes.
        if is_for == Use::DataDirectory || name != "lost+found" {
            return Err(RestoreError::NotEmpty { path: at() });
        }
    }
    let parent = path.parent().map(fs::metadata);
    let is_mount = matches!(parent, Some(Ok(parent)) if parent.dev() != metadata.dev());
    if is_mount && is_for == Use::DataDirectory {
        return Err(RestoreError::MountPoint { path: at() });
    }
    Ok(())
}

/// The absolute path without `.`, `..` and, as far as it exists, without links.
pub(super) fn resolved(path: &Path) -> io::Result<PathBuf> {
    let absolute = without_dots(&std::path::absolute(path)?);
    for ancestor in absolute.ancestors() {
        if let Ok(canonical) = ancestor.canonicalize() {
            let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
            // Joining nothing would add a slash at the end.
            return Ok(if rest.as_os_str().is_empty() { canonical } else { canonical.join(rest) });
        }
    }
    Ok(absolute)
}

fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

/// The nearest folder above `path` that exists, and the number of its file system.
pub(super) fn file_system_of(path: &Path) -> Option<(PathBuf, u64)> {
    path.ancestors().find_map(|ancestor| Some((ancestor.to_owned(), fs::metadata(ancestor).ok()?.dev())))
}
