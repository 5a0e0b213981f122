//! Unfinished writes that killed processes left behind.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use rustix::fs::AtFlags;

use super::children::{ChildKind, for_each_child};
use super::folders::open_child;
use crate::durable::{UNFINISHED_PREFIX, remove_leftover_in};
use crate::key::is_segment;

/// Removes those last written before `before_seconds`, in `dir` and below, and says how many.
///
/// Folders nest at most as deep as a name has segments, 256: what lies deeper is nothing of ours.
pub(super) fn clean(dir: &File, before_seconds: u64) -> io::Result<u64> {
    clean_below(dir, before_seconds, 256)
}

fn clean_below(dir: &File, before_seconds: u64, depth_left: u32) -> io::Result<u64> {
    let mut removed = 0;
    for_each_child(dir, |name, kind| {
        if kind == ChildKind::File && name.starts_with(UNFINISHED_PREFIX) {
            removed += u64::from(remove_if_old(dir, OsStr::new(name), before_seconds)?);
        } else if kind == ChildKind::Folder && is_segment(name) && depth_left > 0 {
            match open_child(dir, name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                child => removed += clean_below(&child?, before_seconds, depth_left - 1)?,
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(removed)
}

fn remove_if_old(dir: &File, name: &OsStr, before_seconds: u64) -> io::Result<bool> {
    let removed =
        rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from).and_then(|stat| {
            let old = u64::try_from(stat.st_mtime).unwrap_or(0) < before_seconds;
            if old { remove_leftover_in(dir, name).map(|()| true) } else { Ok(false) }
        });
    match removed {
        // Its writer was alive and has finished.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        other => other,
    }
}
