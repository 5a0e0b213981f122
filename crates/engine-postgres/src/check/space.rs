//! Whether our own places lie apart from the server's, and have room.

use std::path::{Path, PathBuf};

use engine::{BackupError, Finding};

use super::{DirectoryInUse, finding};
use crate::data_directory::overlap;

/// Least room when nothing else is said: 1 GiB, or 2 % where that is more.
const FLOOR_BYTES: u64 = 1 << 30;

/// A home or repository in the server's directories would be backed up into itself; the reverse could be deleted with it.
pub(super) fn check_places(own: &[PathBuf], directory: &DirectoryInUse) -> Vec<Finding> {
    let mut findings = Vec::new();
    for place in directory.places() {
        let place = place.canonicalize().unwrap_or(place);
        for ours in own {
            let ours = ours.canonicalize().unwrap_or_else(|_| ours.clone());
            if overlap(&ours, &place) {
                findings.push(finding(
                    format!("{} and {} lie one in the other", ours.display(), place.display()),
                    "move Backstop's home or repository to a directory apart from the database's",
                ));
            }
        }
    }
    findings.dedup();
    findings
}

/// # Errors
/// A place has less room than the floor → [`BackupError::NoSpace`].
pub(super) fn check_floor(own: &[PathBuf], floor: Option<u64>) -> Result<(), BackupError> {
    for place in own {
        // What cannot be measured fails when it is written to, with the cause.
        let Some((free_bytes, total_bytes)) = space_at(place) else { continue };
        let floor_bytes = floor.unwrap_or(FLOOR_BYTES.max(total_bytes / 50));
        if free_bytes < floor_bytes {
            return Err(BackupError::NoSpace {
                location: place.display().to_string(),
                free_bytes,
                floor_bytes,
            });
        }
    }
    Ok(())
}

/// Bytes that we may still write at `place`, and bytes of the whole file system.
pub(crate) fn space_at(place: &Path) -> Option<(u64, u64)> {
    let space = rustix::fs::statvfs(place).ok()?;
    Some((space.f_bavail.saturating_mul(space.f_frsize), space.f_blocks.saturating_mul(space.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_ours_must_have_the_room_that_is_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = [PathBuf::from("/does/not/exist"), folder.path().to_owned()];
        let (_, total_bytes) = space_at(folder.path()).expect("it can be measured");
        check_floor(&places, Some(0)).expect("any room is enough");
        let error = check_floor(&places, Some(total_bytes + 1)).expect_err("there is never so much");
        assert!(error.to_string().starts_with(&folder.path().display().to_string()), "{error}");
        check_floor(&places[..1], Some(u64::MAX)).expect("what cannot be measured is not judged");
    }
}
