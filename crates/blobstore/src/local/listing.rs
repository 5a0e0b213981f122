//! Listings in byte order of the whole names, a page at a time.
//!
//! A file system gives names in no order. A page takes the smallest names of a folder that come after
//! the last page, as many as it has room for, so memory is bounded by the page, whatever the folder holds. A
//! folder sorts as its name with a final `/`, since that is how the names of its objects go on: the
//! objects `a-b` and `a.d` come before the folder `a`, for `-` and `.` come before `/`.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use rustix::fs::AtFlags;

use super::children::{ChildKind, for_each_child};
use super::folders::open_child;
use super::symbolic_link;
use crate::key::{KEY_BYTES_MAX, is_segment};
use crate::{Listing, ObjectEntry, ObjectKey};

/// One page of the objects in `dir`, whose names begin with `start` ("" or with a final `/`).
pub(super) fn page(dir: &File, start: &str, after: Option<&str>, entries_max: usize) -> io::Result<Listing> {
    // One more than the page holds shows whether there is more.
    let mut walk = Walk { after, entries_max: entries_max.saturating_add(1), entries: Vec::new() };
    walk.folder(dir, start)?;
    let mut entries = walk.entries;
    let more = entries.len() > entries_max;
    entries.truncate(entries_max);
    Ok(Listing { entries, more })
}

/// The objects and folders directly in `dir`, sorted; folders end in `/` and hold at least one object.
pub(super) fn folder_names(dir: &File) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for_each_object_or_folder(dir, |sort_name| {
        names.push(sort_name.to_owned());
        Ok(ControlFlow::Continue(()))
    })?;
    let mut kept = Vec::with_capacity(names.len());
    for name in names {
        let holds_objects = match name.strip_suffix('/') {
            Some(folder) => {
                open_if_there(dir, folder)?.map_or(Ok(false), |child| holds_object(&child, name.len()))?
            }
            None => true,
        };
        if holds_objects {
            kept.push(name);
        }
    }
    kept.sort_unstable();
    Ok(kept)
}

struct Walk<'a> {
    after: Option<&'a str>,
    entries_max: usize,
    entries: Vec<ObjectEntry>,
}

impl Walk<'_> {
    /// Adds what lies in `dir`; `start` is how the names in it begin. Recursion ends where names
    /// would be longer than they may be.
    fn folder(&mut self, dir: &File, start: &str) -> io::Result<()> {
        let after = match self.after {
            Some(after) if after.starts_with(start) => Some(&after[start.len()..]),
            Some(after) if after > start => return Ok(()),
            Some(_) | None => None,
        };
        let mut cursor: Option<String> = None;
        while self.entries.len() < self.entries_max {
            let room = self.entries_max - self.entries.len();
            let names = smallest(dir, room, |name| {
                cursor.as_deref().is_none_or(|cursor| name > cursor)
                    && after
                        .is_none_or(|after| name > after || (name.ends_with('/') && after.starts_with(name)))
            })?;
            let all = names.len() < room;
            for name in &names {
                self.child(dir, start, name)?;
                if self.entries.len() == self.entries_max {
                    return Ok(());
                }
            }
            if all {
                return Ok(());
            }
            cursor = names.into_iter().next_back();
        }
        Ok(())
    }

    fn child(&mut self, dir: &File, start: &str, name: &str) -> io::Result<()> {
        let whole = format!("{start}{name}");
        if let Some(folder) = name.strip_suffix('/') {
            if whole.len() < KEY_BYTES_MAX
                && let Some(child) = open_if_there(dir, folder)?
            {
                self.folder(&child, &whole)?;
            }
            return Ok(());
        }
        let Ok(key) = whole.parse::<ObjectKey>() else { return Ok(()) };
        match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => self.entries.push(ObjectEntry {
                key,
                bytes: u64::try_from(stat.st_size).unwrap_or(0),
                stored_seconds: u64::try_from(stat.st_mtime).unwrap_or(0),
            }),
            // Deleted since its name was read.
            Err(rustix::io::Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }
}

/// The `count` smallest names in `dir` that `admits` lets in, sorted; folders end in `/`.
fn smallest(dir: &File, count: usize, admits: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let mut heap: BinaryHeap<String> = BinaryHeap::new();
    for_each_object_or_folder(dir, |name| {
        if !admits(name) {
            return Ok(ControlFlow::Continue(()));
        }
        if heap.len() < count {
            heap.push(name.to_owned());
        } else if let Some(mut largest) = heap.peek_mut()
            && name < largest.as_str()
        {
            name.clone_into(&mut largest);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(heap.into_sorted_vec())
}

fn for_each_object_or_folder(
    dir: &File,
    mut see: impl FnMut(&str) -> io::Result<ControlFlow<()>>,
) -> io::Result<()> {
    let mut sort_name = String::new();
    for_each_child(dir, |name, kind| {
        if !is_segment(name) {
            return Ok(ControlFlow::Continue(()));
        }
        match kind {
            ChildKind::File => see(name),
            ChildKind::Folder => {
                sort_name.clear();
                sort_name.push_str(name);
                sort_name.push('/');
                see(&sort_name)
            }
            ChildKind::SymbolicLink => Err(symbolic_link()),
            ChildKind::Other => Ok(ControlFlow::Continue(())),
        }
    })
}

/// Stops at the first object it meets. `depth` is how much of a name's length is used up.
fn holds_object(dir: &File, depth: usize) -> io::Result<bool> {
    let mut found = false;
    for_each_object_or_folder(dir, |name| {
        found = match name.strip_suffix('/') {
            None => true,
            Some(_) if depth + name.len() >= KEY_BYTES_MAX => false,
            Some(folder) => match open_if_there(dir, folder)? {
                Some(child) => holds_object(&child, depth + name.len())?,
                None => false,
            },
        };
        Ok(if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

fn open_if_there(dir: &File, folder: &str) -> io::Result<Option<File>> {
    match open_child(dir, folder) {
        Ok(child) => Ok(Some(child)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
