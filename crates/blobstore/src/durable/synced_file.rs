//! A file that is whole and on disk, under a temporary name.

use std::ffi::OsStr;
use std::fs::File;
use std::io;

use rustix::fs::Mode;

use super::{UNFINISHED_PREFIX, calls, parts};

/// A file without its name yet: all bytes are written and on the medium. One that could not be
/// written or synced never becomes a value of this type, so nothing can go on with it; its temporary
/// name is removed, as far as the disk still allows.
pub(super) struct SyncedFile<'d> {
    temporary: TemporaryName<'d>,
}

/// Removes the name when dropped.
struct TemporaryName<'d> {
    dir: &'d File,
    name: String,
    taken: bool,
}

impl<'d> SyncedFile<'d> {
    /// Writes `parts` under a temporary name in `dir`, mode 0600, lets `prepare` set owner and mode, and syncs.
    pub(super) fn write(
        dir: &'d File,
        parts: &[&[u8]],
        prepare: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut temporary = TemporaryName { dir, name: temporary_name()?, taken: false };
        let file = calls::create(dir, temporary.as_os_str(), Mode::RUSR | Mode::WUSR)?;
        temporary.taken = true;
        parts::write_parts(&file, parts)?;
        prepare(&file)?;
        calls::sync_data(&file)?;
        Ok(Self { temporary })
    }

    /// Gives the file its name, which must be free, durably.
    pub(super) fn publish(mut self, name: &OsStr) -> io::Result<()> {
        let dir = self.temporary.dir;
        self.temporary.taken = calls::link(dir, self.temporary.as_os_str(), name)?;
        let finished = self.temporary.remove().and_then(|()| calls::sync_all(dir));
        if finished.is_err() {
            // The name may not be durable, and a second sync would prove nothing: take it back, so
            // that the caller finds it free when it tries again.
            let _ = calls::unlink(dir, name);
        }
        finished
    }

    /// Gives the file its name, replacing what had it, durably.
    pub(super) fn replace(mut self, name: &OsStr) -> io::Result<()> {
        let dir = self.temporary.dir;
        calls::rename(dir, self.temporary.as_os_str(), dir, name)?;
        self.temporary.taken = false;
        calls::sync_all(dir)
    }
}

impl TemporaryName<'_> {
    fn as_os_str(&self) -> &OsStr {
        OsStr::new(&self.name)
    }

    fn remove(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.taken) { calls::unlink(self.dir, self.as_os_str()) } else { Ok(()) }
    }
}

impl Drop for TemporaryName<'_> {
    fn drop(&mut self) {
        // Only tidiness: a name that stays is never listed, and `clean_unfinished` finds it.
        let _ = self.remove();
    }
}

/// 64 random bits: two writers never meet, and a name left behind by a dead one is never in the way.
fn temporary_name() -> io::Result<String> {
    let random = getrandom::u64().map_err(io::Error::other)?;
    Ok(format!("{UNFINISHED_PREFIX}{random:016x}"))
}
