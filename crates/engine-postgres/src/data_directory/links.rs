//! Symbolic links in a data directory: which are tablespaces, which are followed, and which are refused.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use engine::SourceError;

use super::{Tablespace, failure, is_gone};

/// Reads the links and folders of `pg_tblspc`.
pub(super) fn tablespaces(root: &Path) -> Result<Vec<Tablespace>, SourceError> {
    let folder = root.join("pg_tblspc");
    let failed = |error| failure("list", &folder, error);
    let mut found = Vec::new();
    for child in fs::read_dir(&folder).map_err(failed)? {
        let child = child.map_err(failed)?;
        let Some(oid) = tablespace_oid(child.file_name().as_bytes()) else { continue };
        match fs::read_link(child.path()) {
            // A relative link counts from the folder that it lies in.
            Ok(location) => found.push(Tablespace { oid, location: Some(folder.join(location)) }),
            Err(error) if is_gone(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                found.push(Tablespace { oid, location: None });
            }
            Err(error) => return Err(failure("read the link", &child.path(), error)),
        }
    }
    found.sort_by_key(|tablespace| tablespace.oid);
    Ok(found)
}

/// The number that `name`, an entry of `pg_tblspc`, stands for.
pub(super) fn tablespace_oid(name: &[u8]) -> Option<u32> {
    let digits = name.iter().all(u8::is_ascii_digit) && !name.starts_with(b"0");
    if digits { std::str::from_utf8(name).ok()?.parse().ok() } else { None }
}

/// What a link leads to.
pub(super) enum Destination {
    /// A file; its content is stored as if it lay here.
    File(Metadata),
    /// A folder; its content is stored as if it lay here.
    Folder(Metadata),
    /// Nothing, or itself.
    Nowhere {
        /// The link's text.
        target: Vec<u8>,
    },
    /// A socket, a pipe or a device.
    Special,
}

/// Remembers where links led to, so that no folder is stored twice.
#[derive(Debug, Default)]
pub(super) struct FollowedFolders(Vec<PathBuf>);

impl FollowedFolders {
    /// The folders that are stored anyway: a link into one of them, or around one, is refused.
    pub(super) fn beside(canonical: Vec<PathBuf>) -> Self {
        Self(canonical)
    }

    /// Looks where the link at `path` leads to.
    ///
    /// # Errors
    /// To a folder that is stored already, in part or as a whole.
    pub(super) fn follow(&mut self, path: &Path) -> Result<Destination, SourceError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if is_gone(&error) || error.raw_os_error() == Some(LINKS_TOO_DEEP) => {
                let target = fs::read_link(path).map_err(|error| failure("read the link", path, error))?;
                return Ok(Destination::Nowhere { target: target.as_os_str().as_bytes().to_vec() });
            }
            Err(error) => return Err(failure("follow the link", path, error)),
        };
        if metadata.is_file() {
            return Ok(Destination::File(metadata));
        }
        if !metadata.is_dir() {
            return Ok(Destination::Special);
        }
        let target = path.canonicalize().map_err(|error| failure("follow the link", path, error))?;
        if let Some(other) = self.0.iter().find(|other| overlap(other, &target)) {
            let reason = format!(
                "it leads to {}, which is stored already or holds what is stored already ({}); \
                 remove the link or make it a folder of its own",
                target.display(),
                other.display()
            );
            return Err(failure(
                "follow the link",
                path,
                io::Error::new(io::ErrorKind::InvalidInput, reason),
            ));
        }
        self.0.push(target);
        Ok(Destination::Folder(metadata))
    }
}

/// `ELOOP`, for which the standard library has no stable kind.
const LINKS_TOO_DEEP: i32 = rustix::io::Errno::LOOP.raw_os_error();

/// Whether one of the two lies in the other, or they are the same.
pub(crate) fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The name of a directory entry as a path's last part.
pub(super) fn name_as_path(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}
