//! What is directly in a folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use rustix::fs::{AtFlags, FileType, RawDir, SeekFrom};

/// Bytes of names asked of the kernel at once, some 800 of them.
const NAMES_BYTES: usize = 32 * 1024;

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChildKind {
    File,
    Folder,
    SymbolicLink,
    /// A device, pipe or socket.
    Other,
}

/// Calls `see` with every name in `dir`, in no order, until it breaks off. Names that are not UTF-8 are not ours.
pub(super) fn for_each_child(
    dir: &File,
    mut see: impl FnMut(&str, ChildKind) -> io::Result<ControlFlow<()>>,
) -> io::Result<()> {
    rustix::fs::seek(dir, SeekFrom::Start(0))?;
    let mut names = Vec::with_capacity(NAMES_BYTES);
    let mut children = RawDir::new(dir, names.spare_capacity_mut());
    while let Some(child) = children.next() {
        let child = child?;
        let Ok(name) = child.file_name().to_str() else { continue };
        if name == "." || name == ".." {
            continue;
        }
        let kind = if child.file_type() == FileType::Unknown {
            // Some file systems do not say.
            match child_kind(dir, OsStr::new(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            }
        } else {
            kind_of(child.file_type())
        };
        if see(name, kind)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// What `name` in `dir` stands for.
pub(super) fn child_kind(dir: &File, name: &OsStr) -> io::Result<ChildKind> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(kind_of(FileType::from_raw_mode(stat.st_mode)))
}

fn kind_of(file_type: FileType) -> ChildKind {
    match file_type {
        FileType::RegularFile => ChildKind::File,
        FileType::Directory => ChildKind::Folder,
        FileType::Symlink => ChildKind::SymbolicLink,
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => ChildKind::Other,
    }
}
