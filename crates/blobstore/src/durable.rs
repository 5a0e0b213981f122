//! The one place where files get, change and lose their names, and where they are synced.
//!
//! Each function says what is durable when it returns. Two rules hold for all:
//! - Contents are on the medium before the name that shows them.
//! - After a failed write or sync the file is given up, never synced again: the kernel reports a lost
//!   page once, and a second sync that succeeds proves nothing.
//!
//! New files and folders belong to their owner alone (0600, 0700).

mod calls;
mod parts;
mod stretches;
mod synced_file;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::Mode;

use synced_file::SyncedFile;

pub use stretches::{StretchWriter, Way, set_length};

/// With this every temporary name begins. One is left behind only by a process that was killed.
pub const UNFINISHED_PREFIX: &str = ".unfinished-";

/// Creates `path` and its missing parents. Every folder created is durable on return, also one that another
/// thread or process is creating at the same time; folders that were there before are not synced.
///
/// # Errors
/// A component is no folder or cannot be created; what was created so far stays.
pub fn create_dir_all_durable(path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut existing = path;
    let mut dir = loop {
        let here = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
        match calls::open_dir(here) {
            Ok(dir) => break dir,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.push(existing.file_name().ok_or(error)?);
                existing = existing.parent().unwrap_or(Path::new(""));
            }
            Err(error) => return Err(error),
        }
    };
    for name in missing.into_iter().rev() {
        calls::make_dir(&dir, name)?;
        calls::sync_all(&dir)?;
        dir = calls::open_dir_at(&dir, name)?;
    }
    Ok(())
}

/// Makes `parts`, one after the other, visible as `name` in `dir`: whole or not at all, and durable, name
/// and contents, on return.
///
/// Create-only: a taken name is `AlreadyExists` and stays as it is. After an error the name is
/// absent, or was taken before; the caller may try again.
///
/// # Errors
/// Any step fails; no room is `StorageFull` or `QuotaExceeded`.
pub fn publish(dir: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    publish_in(&calls::open_dir(dir)?, name, parts)
}

/// As [`publish`], in an open folder.
///
/// # Errors
/// As [`publish`].
pub fn publish_in(dir: &File, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    SyncedFile::write(dir, parts, |_| Ok(()))?.publish(OsStr::new(name))
}

/// Writes a small file that must not be there yet. Durable, name and contents, on return.
///
/// # Errors
/// As [`publish`].
pub fn write_new_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, name) = split(path)?;
    SyncedFile::write(&dir, &[bytes], |_| Ok(()))?.publish(name)
}

/// Writes a small file, replacing one that is there: at every moment the old or the new contents
/// are there, whole. Durable on return.
///
/// # Errors
/// Any step fails; the old file stays, except when the last sync fails: then either may be there.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_file_prepared(path, bytes, |_| Ok(()))
}

/// As [`replace_file`]; `prepare` sets owner and mode before the file gets its name.
///
/// # Errors
/// As [`replace_file`], and what `prepare` returns.
pub fn replace_file_prepared(
    path: &Path,
    bytes: &[u8],
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let (dir, name) = split(path)?;
    SyncedFile::write(&dir, &[bytes], prepare)?.replace(name)
}

/// Creates a file for writing that must not be there yet, of mode 0600. Nothing is durable: when all is
/// written the caller syncs the file ([`sync_file`]) and then its folder ([`sync_dir`]).
///
/// # Errors
/// The name is taken (a symbolic link, too, is never followed) → `AlreadyExists`; it cannot be created.
pub fn create_file(path: &Path) -> io::Result<File> {
    let (dir, name) = split(path)?;
    calls::create(&dir, name, Mode::RUSR | Mode::WUSR)
}

/// Contents, size and properties of `file` are durable on return; its name is not, see [`sync_dir`].
///
/// # Errors
/// Something written was lost: give the file up, a second sync proves nothing.
pub fn sync_file(file: &File) -> io::Result<()> {
    calls::sync_all(file)
}

/// The names directly in the folder `path` are durable on return.
///
/// # Errors
/// The folder cannot be opened or synced.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    calls::sync_all(&calls::open_dir(path)?)
}

/// All that was written to the file system that holds `file` is durable on return: one call instead
/// of one for each of many files. An error of a file that was closed before is reported only to those
/// who hold a file of that file system open since before the write, so open `file` first.
///
/// # Errors
/// Something written to that file system was lost, not necessarily by the caller.
pub fn sync_filesystem(file: &File) -> io::Result<()> {
    calls::sync_filesystem(file)
}

/// Renames, replacing what had the name `to`. The change of name is durable on return; the contents are as
/// durable as they were: sync the file first.
///
/// # Errors
/// `from` is absent, or any step fails.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let (from_dir, from_name) = split(from)?;
    let (to_dir, to_name) = split(to)?;
    calls::rename(&from_dir, from_name, &to_dir, to_name)?;
    calls::sync_all(&to_dir)?;
    if from.parent() == to.parent() { Ok(()) } else { calls::sync_all(&from_dir) }
}

/// Removes a file. That it is gone is durable on return.
///
/// # Errors
/// It is absent → `NotFound`; any step fails.
pub fn remove_file(path: &Path) -> io::Result<()> {
    let (dir, name) = split(path)?;
    remove_file_in(&dir, name)
}

/// As [`remove_file`], in an open folder.
pub(crate) fn remove_file_in(dir: &File, name: &OsStr) -> io::Result<()> {
    calls::unlink(dir, name)?;
    calls::sync_all(dir)
}

/// Removes a leftover; not durable, since one that comes back is removed again.
pub(crate) fn remove_leftover_in(dir: &File, name: &OsStr) -> io::Result<()> {
    calls::unlink(dir, name)
}

/// Removes a folder that is empty; not durable, since an empty folder means nothing.
pub(crate) fn remove_empty_dir_in(dir: &File, name: &OsStr) -> io::Result<()> {
    calls::remove_dir(dir, name)
}

/// Creates a folder where there is none, without syncing; see [`sync_open_dir`].
pub(crate) fn make_dir_in(dir: &File, name: &OsStr) -> io::Result<bool> {
    calls::make_dir(dir, name)
}

/// The names directly in `dir` are durable on return.
pub(crate) fn sync_open_dir(dir: &File) -> io::Result<()> {
    calls::sync_all(dir)
}

/// The contents of `file` are on the medium on return, whoever wrote them.
pub(crate) fn sync_contents(file: &File) -> io::Result<()> {
    calls::sync_data(file)
}

fn split(path: &Path) -> io::Result<(File, &OsStr)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    Ok((calls::open_dir(dir)?, name))
}

#[cfg(test)]
pub(crate) use calls::probe;

#[cfg(test)]
mod tests;
