//! Objects as files in a folder of a local disk.
//!
//! - An object's name is its path below the root; nothing outside the root is ever touched. The root is held
//!   open, and every path is walked from there without following a symbolic link: one that lies where an
//!   object or folder should be is an error, never skipped and never followed.
//! - Unfinished writes have names that no object can have ([`crate::durable::UNFINISHED_PREFIX`]).
//! - Files that could not be objects by their name (`lost+found`) are left alone and not listed.
//! - A folder goes with its last object.
//!
//! Fails as the disk does; nothing here tries again.

mod children;
mod folders;
mod leftovers;
mod listing;
mod reading;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use crate::key::folder_start;
use crate::{BlobStore, Listing, ObjectKey, Space, StoreError, durable};
use children::{ChildKind, child_kind};
use folders::Folders;

/// Objects in one page of a listing, about 2 MB of names. Each page reads every folder on its way once: one
/// of 1,000,000 objects is read 100 times, in 50 s as measured, where pages of 1,000 took minutes.
const PAGE_ENTRIES: usize = 10_000;

/// Times that a put creates its folder anew because the last object of it was removed meanwhile.
const FOLDER_ATTEMPTS_MAX: u32 = 16;

/// A [`BlobStore`] in a local folder.
#[derive(Debug)]
pub struct LocalStore {
    path: PathBuf,
    folders: Folders,
    page_entries: usize,
}

impl LocalStore {
    /// The store in the existing folder `root`.
    ///
    /// # Errors
    /// It is absent, no folder, or cannot be read → `Io`.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Folders::at(root)
            .map(|folders| Self { path: root.to_owned(), folders, page_entries: PAGE_ENTRIES })
            .map_err(|source| io_error("open", "the root", root, source))
    }

    /// As [`LocalStore::open`]; a missing folder is created durably, mode 0700, with its parents.
    ///
    /// # Errors
    /// It cannot be created or opened → `Io`.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        durable::create_dir_all_durable(root)
            .map_err(|source| io_error("create", "the root", root, source))?;
        Self::open(root)
    }

    /// With pages of at most `entries` objects; for tests of paging.
    #[must_use]
    pub fn with_page_entries(self, entries: std::num::NonZeroUsize) -> Self {
        Self { page_entries: entries.get(), ..self }
    }

    /// Removes the unfinished writes of killed processes that began more than `older_than` ago, by the store's
    /// clock, and says how many. A write that still runs and is older loses its file and fails.
    ///
    /// # Errors
    /// A folder cannot be read or a file cannot be removed → `Io`.
    pub fn clean_unfinished(&self, older_than: Duration) -> Result<u64, StoreError> {
        let before = self.clock_seconds()?.saturating_sub(older_than.as_secs());
        self.folders
            .open("")
            .and_then(|root| leftovers::clean(&root, before))
            .map_err(|source| self.failed("clean", "unfinished writes", source))
    }

    fn failed(&self, action: &'static str, object: &str, source: io::Error) -> StoreError {
        io_error(action, object, &self.path, source)
    }

    fn failed_reading(&self, action: &'static str, key: &ObjectKey, source: io::Error) -> StoreError {
        if is_absent(&source) {
            StoreError::Absent { key: key.clone(), location: self.location() }
        } else {
            self.failed(action, key.as_str(), source)
        }
    }

    /// The object's file and its size, of at most `bytes_max`.
    fn open_object(
        &self,
        action: &'static str,
        key: &ObjectKey,
        bytes_max: u64,
    ) -> Result<(File, u64), StoreError> {
        let (file, bytes) = self
            .folders
            .open(key.folder())
            .and_then(|folder| reading::open_file(&folder, key.file_name()))
            .map_err(|source| self.failed_reading(action, key, source))?;
        if bytes > bytes_max {
            return Err(StoreError::TooLarge { key: key.clone(), bytes, bytes_max });
        }
        Ok((file, bytes))
    }

    fn start_of(&self, prefix: &str) -> Result<String, StoreError> {
        folder_start(prefix).ok_or_else(|| self.failed("list", prefix, io::ErrorKind::InvalidInput.into()))
    }

    fn remove(&self, key: &ObjectKey) -> io::Result<()> {
        let chain = self.folders.open_chain(key.folder())?;
        let folder = chain.last().unwrap_or(self.folders.root());
        match child_kind(folder, OsStr::new(key.file_name()))? {
            ChildKind::File => durable::remove_file_in(folder, OsStr::new(key.file_name()))?,
            ChildKind::SymbolicLink => return Err(symbolic_link()),
            // Not objects.
            ChildKind::Folder | ChildKind::Other => return Ok(()),
        }
        self.folders.remove_emptied(key.folder(), &chain);
        Ok(())
    }
}

impl BlobStore for LocalStore {
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
        let mut attempts_left = FOLDER_ATTEMPTS_MAX;
        loop {
            let stored = self
                .folders
                .ensure(key.folder())
                .and_then(|folder| durable::publish_in(&folder, key.file_name(), parts));
            let Err(error) = stored else { return Ok(()) };
            attempts_left -= 1;
            // The folder lost its last object, and went, between two steps of ours.
            if error.kind() == io::ErrorKind::NotFound && attempts_left > 0 {
                continue;
            }
            let (key, location) = (key.clone(), self.location());
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "the standard library's list of kinds is open"
            )]
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => StoreError::Exists { key, location },
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    StoreError::Full { key, location }
                }
                _ => self.failed("put", key.as_str(), error),
            });
        }
    }

    fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let (file, bytes) = self.open_object("get", key, bytes_max)?;
        reading::read_whole(&file, bytes).map_err(|source| self.failed("get", key.as_str(), source))
    }

    fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let (file, bytes) = self.open_object("get", key, u64::MAX)?;
        if bytes < range.end {
            return Err(StoreError::Short { key: key.clone(), bytes, wanted: range.end });
        }
        reading::read_range(&file, range).map_err(|source| self.failed("get", key.as_str(), source))
    }

    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let (file, bytes) = self.open_object("get", key, bytes_max)?;
        reading::read_from_medium(&file, bytes).map_err(|source| self.failed("get", key.as_str(), source))
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        let size =
            self.folders.open(key.folder()).and_then(|folder| reading::file_size(&folder, key.file_name()));
        match size {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed("measure", key.as_str(), error)),
        }
    }

    fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
        let start = self.start_of(prefix)?;
        let page = match self.folders.open(prefix) {
            Ok(folder) => listing::page(&folder, &start, after.map(ObjectKey::as_str), self.page_entries),
            Err(error) => Err(error),
        };
        match page {
            Err(error) if is_absent(&error) => Ok(Listing { entries: Vec::new(), more: false }),
            other => other.map_err(|source| self.failed("list", prefix, source)),
        }
    }

    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.start_of(prefix)?;
        match self.folders.open(prefix).and_then(|folder| listing::folder_names(&folder)) {
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            other => other.map_err(|source| self.failed("list", prefix, source)),
        }
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match self.remove(key) {
            Err(error) if is_absent(&error) => Ok(()),
            other => other.map_err(|source| self.failed("delete", key.as_str(), source)),
        }
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        let room = rustix::fs::fstatvfs(self.folders.root())
            .map_err(|errno| self.failed("measure", "free space", errno.into()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(room.f_frsize);
        Ok(Some(Space { free_bytes: bytes(room.f_bavail), total_bytes: bytes(room.f_blocks) }))
    }

    fn clock_seconds(&self) -> Result<u64, StoreError> {
        // Touching the root asks the file system for its time, which on a network disk is the
        // server's, as are the times in listings. It works where there is no room for a file.
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let root = self.folders.root();
        rustix::fs::futimens(root, &Timestamps { last_access: now, last_modification: now })
            .and_then(|()| rustix::fs::fstat(root))
            .map(|root| u64::try_from(root.st_mtime).unwrap_or(0))
            .map_err(|errno| self.failed("ask", "the time", errno.into()))
    }

    fn location(&self) -> String {
        self.path.display().to_string()
    }
}

fn io_error(action: &'static str, object: &str, location: &Path, source: io::Error) -> StoreError {
    let object = if object.is_empty() { "the root" } else { object };
    StoreError::Io { action, object: object.to_owned(), location: location.display().to_string(), source }
}

/// Whether nothing is there, or a folder on the way is an object.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn symbolic_link() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a symbolic link lies there; a repository holds none")
}

#[cfg(test)]
mod tests;
