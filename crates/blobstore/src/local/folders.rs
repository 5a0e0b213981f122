//! The folders of a local store: walked from the root without following symbolic links, created
//! durably, removed when empty.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::children::{ChildKind, child_kind};
use super::symbolic_link;
use crate::durable;

/// Folders remembered as durable, about 100 bytes each. When it is full it is emptied: each folder then
/// costs one more sync.
const DURABLE_FOLDERS_MAX: usize = 10_000;

/// The root and what is known of the folders below it.
#[derive(Debug)]
pub(super) struct Folders {
    root: File,
    /// Folders whose name this process has synced in their parent. Finding a folder is not enough: whoever
    /// created it may not have synced yet, and an object in it would be lost with it.
    durable: Mutex<BTreeSet<String>>,
}

impl Folders {
    /// Opens the root, which may itself be reached by symbolic links.
    pub(super) fn at(root: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = File::from(rustix::fs::open(root, flags, Mode::empty())?);
        Ok(Self { root, durable: Mutex::default() })
    }

    pub(super) fn root(&self) -> &File {
        &self.root
    }

    /// The folder `folder` ("" is the root), opened.
    pub(super) fn open(&self, folder: &str) -> io::Result<File> {
        match self.open_chain(folder)?.pop() {
            Some(last) => Ok(last),
            None => open_child(&self.root, "."),
        }
    }

    /// All folders on the way to `folder`, without the root, opened.
    pub(super) fn open_chain(&self, folder: &str) -> io::Result<Vec<File>> {
        let mut chain: Vec<File> = Vec::new();
        for name in segments(folder) {
            let child = open_child(chain.last().unwrap_or(&self.root), name)?;
            chain.push(child);
        }
        Ok(chain)
    }

    /// The folder `folder`, opened; created where it is missing. It is durable on return.
    pub(super) fn ensure(&self, folder: &str) -> io::Result<File> {
        let mut here = open_child(&self.root, ".")?;
        let mut end = 0;
        for name in segments(folder) {
            end += name.len() + usize::from(end > 0);
            let path = &folder[..end];
            let known = self.durable().contains(path);
            let (child, created) = match open_child(&here, name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    durable::make_dir_in(&here, OsStr::new(name))?;
                    (open_child(&here, name)?, true)
                }
                other => (other?, false),
            };
            if created || !known {
                durable::sync_open_dir(&here)?;
                self.remember(path);
            }
            here = child;
        }
        Ok(here)
    }

    /// Removes `folder` and its parents as far as they are empty. `chain` is what `open_chain` gave.
    pub(super) fn remove_emptied(&self, folder: &str, chain: &[File]) {
        let mut path = folder;
        for depth in (0..chain.len()).rev() {
            let parent = if depth == 0 { &self.root } else { &chain[depth - 1] };
            let (rest, name) = path.rsplit_once('/').unwrap_or(("", path));
            // Forgotten first: whoever creates it anew then syncs it anew.
            self.durable().remove(path);
            if durable::remove_empty_dir_in(parent, OsStr::new(name)).is_err() {
                // Not empty, mostly. An empty folder that stays means nothing and is not listed.
                return;
            }
            path = rest;
        }
    }

    fn remember(&self, path: &str) {
        let mut durable = self.durable();
        if durable.len() >= DURABLE_FOLDERS_MAX {
            durable.clear();
        }
        durable.insert(path.to_owned());
    }

    fn durable(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.durable.lock().expect("nothing panics while it holds this")
    }
}

/// Opens the folder `name` in `dir`.
pub(super) fn open_child(dir: &File, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(child) => Ok(File::from(child)),
        Err(Errno::NOTDIR | Errno::LOOP)
            if matches!(child_kind(dir, OsStr::new(name)), Ok(ChildKind::SymbolicLink)) =>
        {
            Err(symbolic_link())
        }
        Err(errno) => Err(errno.into()),
    }
}

fn segments(folder: &str) -> impl Iterator<Item = &str> {
    folder.split('/').filter(|name| !name.is_empty())
}
