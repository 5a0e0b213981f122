//! The system calls that change what lies on disk, one function each.
//!
//! In tests each call is noted down in order and can be made to fail in its turn ([`probe`]), so that
//! the order and every error path are proven.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

/// Opens a folder; a symbolic link on the way is followed.
pub(super) fn open_dir(path: &Path) -> io::Result<File> {
    open_dir_at(rustix::fs::CWD, path.as_os_str())
}

/// As [`open_dir`], from an open folder.
pub(super) fn open_dir_at(dir: impl std::os::fd::AsFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(dir, name, flags, Mode::empty())?))
}

/// Creates a folder of mode 0700; `false` when there is one already.
pub(super) fn make_dir(dir: &File, name: &OsStr) -> io::Result<bool> {
    step("mkdir", name)?;
    match rustix::fs::mkdirat(dir, name, Mode::RWXU) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Creates a file for writing; a taken name is `AlreadyExists`, also where it is a symbolic link.
pub(super) fn create(dir: &File, name: &OsStr, mode: Mode) -> io::Result<File> {
    step("create", name)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(dir, name, flags, mode)?))
}

/// Writes some of `bytes` and says how many.
pub(super) fn write(file: &File, bytes: &[u8]) -> io::Result<usize> {
    step("write", OsStr::new(""))?;
    match retry_on_intr(|| rustix::io::write(file, bytes))? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// Writes some of `bytes` at `offset` and says how many.
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    step("pwrite", OsStr::new(""))?;
    match retry_on_intr(|| rustix::io::pwrite(file, bytes, offset))? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// Makes an empty file `bytes` long, with room on the medium for all of them.
pub(super) fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    step("fallocate", OsStr::new(""))?;
    Ok(retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes))?)
}

/// Contents and size of a file onto the medium.
pub(super) fn sync_data(file: &File) -> io::Result<()> {
    step("fdatasync", OsStr::new(""))?;
    Ok(retry_on_intr(|| rustix::fs::fdatasync(file))?)
}

/// A file with all its properties, or the names in a folder, onto the medium.
pub(super) fn sync_all(file: &File) -> io::Result<()> {
    step("fsync", OsStr::new(""))?;
    Ok(retry_on_intr(|| rustix::fs::fsync(file))?)
}

/// Everything written to the file system of `file` onto the medium.
pub(super) fn sync_filesystem(file: &File) -> io::Result<()> {
    step("syncfs", OsStr::new(""))?;
    Ok(retry_on_intr(|| rustix::fs::syncfs(file))?)
}

/// Gives `from` the second name `to`; a taken name is `AlreadyExists`. Whether `from` is still there
/// afterwards: a file system without hard links renames instead.
pub(super) fn link(dir: &File, from: &OsStr, to: &OsStr) -> io::Result<bool> {
    step("link", to)?;
    match rustix::fs::linkat(dir, from, dir, to, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => {
            rustix::fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE)?;
            Ok(false)
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Renames, replacing what had the name.
pub(super) fn rename(from_dir: &File, from: &OsStr, to_dir: &File, to: &OsStr) -> io::Result<()> {
    step("rename", to)?;
    Ok(rustix::fs::renameat(from_dir, from, to_dir, to)?)
}

/// Removes a name.
pub(super) fn unlink(dir: &File, name: &OsStr) -> io::Result<()> {
    step("unlink", name)?;
    Ok(rustix::fs::unlinkat(dir, name, AtFlags::empty())?)
}

/// Removes an empty folder.
pub(super) fn remove_dir(dir: &File, name: &OsStr) -> io::Result<()> {
    step("rmdir", name)?;
    Ok(rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR)?)
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests a step can fail")]
fn step(_call: &'static str, _name: &OsStr) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use probe::step;

/// Notes down the calls of this thread, and makes the chosen one fail.
#[cfg(test)]
pub(crate) mod probe {
    use super::{OsStr, io};
    use std::cell::RefCell;

    #[derive(Default)]
    struct Calls {
        made: Vec<String>,
        failing: Option<(usize, i32)>,
    }

    thread_local! {
        static CALLS: RefCell<Calls> = RefCell::default();
    }

    /// Forgets the calls so far; with `Some((index, errno))`, the call with that index will fail.
    pub(crate) fn start(failing: Option<(usize, i32)>) {
        CALLS.with_borrow_mut(|calls| *calls = Calls { made: Vec::new(), failing });
    }

    /// The calls since [`start`]; temporary names read `*`.
    pub(crate) fn calls() -> Vec<String> {
        CALLS.with_borrow(|calls| calls.made.clone())
    }

    pub(super) fn step(call: &'static str, name: &OsStr) -> io::Result<()> {
        let name = name.to_string_lossy();
        let name = if name.starts_with(super::super::UNFINISHED_PREFIX) { "*" } else { &name };
        CALLS.with_borrow_mut(|calls| {
            let index = calls.made.len();
            calls.made.push(format!("{call} {name}").trim_end().to_owned());
            match calls.failing {
                Some((failing, errno)) if failing == index => Err(io::Error::from_raw_os_error(errno)),
                Some(_) | None => Ok(()),
            }
        })
    }
}
