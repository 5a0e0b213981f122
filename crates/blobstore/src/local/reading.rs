//! Reading an object: through the kernel's cache, or past it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::symbolic_link;
use crate::aligned::{ALIGNMENT, AlignedBuffer, switch_direct_off, switch_direct_on};
use crate::durable;

/// Opens the object `name` in `folder`, and says its size.
pub(super) fn open_file(folder: &File, name: &str) -> io::Result<(File, u64)> {
    // Without NONBLOCK, opening a pipe would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => return Err(symbolic_link()),
        // A socket.
        Err(Errno::NXIO) => return Err(io::ErrorKind::NotFound.into()),
        Err(errno) => return Err(errno.into()),
    };
    let bytes = size_of_object(&rustix::fs::fstat(&file)?)?;
    Ok((file, bytes))
}

/// Size of the object `name` in `folder`.
pub(super) fn file_size(folder: &File, name: &str) -> io::Result<u64> {
    size_of_object(&rustix::fs::statat(folder, OsStr::new(name), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn size_of_object(stat: &Stat) -> io::Result<u64> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(u64::try_from(stat.st_size).unwrap_or(0)),
        FileType::Symlink => Err(symbolic_link()),
        // A folder, pipe, device or socket is no object.
        FileType::Directory
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Err(io::ErrorKind::NotFound.into()),
    }
}

/// All `bytes` of the file, which never grows.
pub(super) fn read_whole(file: &File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(in_memory(bytes)?);
    file.take(bytes).read_to_end(&mut content)?;
    complete(content, bytes)
}

/// The bytes of `range`, which lies within the file.
pub(super) fn read_range(file: &File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut content = vec![0; in_memory(range.end.saturating_sub(range.start))?];
    file.read_exact_at(&mut content, range.start)?;
    Ok(content)
}

/// All `bytes` of the file, as they lie on the medium: read direct, which passes by the kernel's cache, or
/// plainly, after the kernel was told to drop what it holds, where the file system knows no direct I/O.
pub(super) fn read_from_medium(file: &File, bytes: u64) -> io::Result<Vec<u8>> {
    // Also before a direct read: a pack that was written needs no place in the cache.
    rustix::fs::fadvise(file, 0, None, Advice::DontNeed)?;
    if bytes > 0 && switch_direct_on(file).is_ok() {
        if let Some(content) = read_direct(file, in_memory(bytes)?)? {
            return complete(content, bytes);
        }
        switch_direct_off(file)?;
    }
    // Pages that are still to be written cannot be dropped. There are none after a put.
    durable::sync_contents(file)?;
    rustix::fs::fadvise(file, 0, None, Advice::DontNeed)?;
    read_whole(file, bytes)
}

/// `None` when the file system refuses after all.
fn read_direct(file: &File, len: usize) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = AlignedBuffer::new(len);
    let mut filled = 0;
    // Only the end of the file is no whole block; a short read elsewhere ends on one.
    while filled < len && filled.is_multiple_of(ALIGNMENT) {
        let rest = &mut buffer.as_mut_slice()[filled..];
        let offset = u64::try_from(filled).expect("a length in memory fits");
        match retry_on_intr(|| rustix::io::pread(file, &mut *rest, offset)) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INVAL) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(Some(buffer.into_vec(filled.min(len))))
}

fn complete(content: Vec<u8>, bytes: u64) -> io::Result<Vec<u8>> {
    if u64::try_from(content.len()).is_ok_and(|len| len == bytes) {
        Ok(content)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn in_memory(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
