//! Writing a new file in stretches, in any order and by several threads: past the kernel's cache where they are large.
//!
//! Measured on ext4, eight files of 512 MiB, two threads, create to durable: through the cache 270 to 500 MB/s and a
//! core's whole time; past it 1,500 to 2,100 MB/s into files that have their length only, and 1,900 to 2,500 MB/s
//! into files whose room is reserved. There the threads do not wait for one another either.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;

use rustix::fs::Advice;
use rustix::io::Errno;

use super::calls;
use crate::aligned::{ALIGNMENT, AlignedBuffer, switch_direct_off, switch_direct_on};

/// Bytes of one direct write. Measured: 256 KiB lost a quarter, and 4 and 8 MiB a fifth.
const PIECE_BYTES: usize = 1024 * 1024;

/// After a stretch as long as this went through the cache, its write-back is begun. For small files that costs more
/// than it saves: 100,000 files of 8 KiB took 55 s in place of 4.
const WRITE_BACK_BYTES_MIN: usize = 256 * 1024;

/// How the stretches of one file are written.
///
/// All who write the same file choose the same: the kernel answers with an error for the whole file when a page that
/// it holds is written past it at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Straight to the medium, gathered to large writes: for long stretches of whole blocks of 4,096 bytes. What is
    /// not whole, and all where the file system knows no direct I/O, goes through the cache.
    PastCache,
    /// Through the kernel's cache: for small files and scattered blocks.
    ThroughCache,
}

/// Gives a new, empty file its length; for [`Way::PastCache`] room for it is reserved, where the file system can.
/// Not durable.
///
/// # Errors
/// There is no room → `StorageFull` or `QuotaExceeded`; the file system refuses.
pub fn set_length(file: &File, bytes: u64, way: Way) -> io::Result<()> {
    if way == Way::PastCache && bytes > 0 {
        match calls::reserve(file, bytes) {
            Ok(()) => return Ok(()),
            Err(error) if is_room_missing(&error) => return Err(error),
            // Only a refusal to reserve: what is written finds its room then.
            Err(_) => {}
        }
    }
    file.set_len(bytes)
}

fn is_room_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Writes stretches of one file after the other; one thread's.
///
/// Nothing is durable when it is done, not even what went past the cache: sync each file ([`super::sync_file`]), or
/// all of them ([`super::sync_filesystem`]).
pub struct StretchWriter {
    gathered: AlignedBuffer,
    filled: usize,
    /// Where what is gathered begins in the file.
    start: u64,
    target: Option<Target>,
}

struct Target {
    file: File,
    way: Way,
    direct: bool,
}

impl std::fmt::Debug for StretchWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StretchWriter").field("filled", &self.filled).finish_non_exhaustive()
    }
}

impl Default for StretchWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl StretchWriter {
    /// A writer without a file.
    pub fn new() -> Self {
        Self { gathered: AlignedBuffer::new(PIECE_BYTES), filled: 0, start: 0, target: None }
    }

    /// What follows is written into `file`. The file before must have been ended with [`Self::finish`].
    pub fn begin(&mut self, file: File, way: Way) {
        debug_assert!(self.filled == 0, "the file before was not finished");
        let direct = way == Way::PastCache && switch_direct_on(&file).is_ok();
        self.filled = 0;
        self.target = Some(Target { file, way, direct });
    }

    /// Writes `bytes` at `offset`, or gathers them with those that end there.
    ///
    /// # Errors
    /// These bytes or some that were gathered are lost: the file is given up, and nothing more is written to it.
    pub fn write_at(&mut self, mut bytes: &[u8], offset: u64) -> io::Result<()> {
        let target = self.target.as_mut().ok_or_else(given_up)?;
        if target.way == Way::ThroughCache {
            let written = target.write(bytes, offset);
            return self.or_give_up(written);
        }
        if offset != self.start + self.filled as u64 {
            self.flush()?;
            self.start = offset;
        }
        while !bytes.is_empty() {
            let room = &mut self.gathered.as_mut_slice()[self.filled..];
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == self.gathered.as_slice().len() {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is still gathered, and closes the file. Without a file it does nothing.
    ///
    /// # Errors
    /// As [`Self::write_at`].
    pub fn finish(&mut self) -> io::Result<()> {
        if self.target.is_some() {
            self.flush()?;
        }
        self.target = None;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let target = self.target.as_mut().ok_or_else(given_up)?;
        let written = target.write(&self.gathered.as_slice()[..self.filled], self.start);
        self.start += self.filled as u64;
        self.filled = 0;
        self.or_give_up(written)
    }

    fn or_give_up(&mut self, written: io::Result<()>) -> io::Result<()> {
        if written.is_err() {
            self.target = None;
            self.filled = 0;
        }
        written
    }
}

fn given_up() -> io::Error {
    io::Error::other("no file is open for writing, or a write to it has failed before")
}

impl Target {
    /// Writes all of `bytes`; a gathered piece begins at an aligned address.
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let is_aligned = offset.is_multiple_of(ALIGNMENT as u64);
        let whole = if self.direct && is_aligned { bytes.len() - bytes.len() % ALIGNMENT } else { 0 };
        let (whole, rest) = bytes.split_at(whole);
        let mut written = 0;
        while self.direct && written < whole.len() {
            match calls::write_at(&self.file, &whole[written..], offset + written as u64) {
                Ok(count) => written += count,
                // A refusal, nothing was written: this file system wants other blocks.
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                    switch_direct_off(&self.file)?;
                    self.direct = false;
                }
                Err(error) => return Err(error),
            }
        }
        let rest_offset = offset + whole.len() as u64;
        match (self.direct, rest.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => {
                switch_direct_off(&self.file)?;
                self.write_plain(rest, rest_offset)?;
                self.direct = switch_direct_on(&self.file).is_ok();
                Ok(())
            }
            (false, _) => self.write_plain(&bytes[written..], offset + written as u64),
        }
    }

    fn write_plain(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            written += calls::write_at(&self.file, &bytes[written..], offset + written as u64)?;
        }
        if bytes.len() >= WRITE_BACK_BYTES_MIN {
            // This advice begins write-back on Linux. Only advice: the sync decides.
            let length = NonZeroU64::new(bytes.len() as u64);
            let _ = rustix::fs::fadvise(&self.file, offset, length, Advice::DontNeed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
