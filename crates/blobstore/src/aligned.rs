//! Memory that the kernel accepts for direct I/O, which passes by its cache.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::OFlags;

/// Direct I/O wants addresses, offsets and lengths in whole blocks of the medium: 512 or 4,096 bytes.
pub(crate) const ALIGNMENT: usize = 4096;

/// A buffer that begins at an address divisible by [`ALIGNMENT`], cut from a somewhat larger one.
pub(crate) struct AlignedBuffer {
    bytes: Vec<u8>,
    start: usize,
    capacity: usize,
}

impl AlignedBuffer {
    /// Zeroed bytes, at least `capacity`, rounded up to whole blocks.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.next_multiple_of(ALIGNMENT);
        let mut bytes = vec![0; allocation_bytes(capacity + ALIGNMENT)];
        bytes.truncate(capacity + ALIGNMENT);
        // `align_offset` may give up by returning a huge number; the kernel then refuses direct I/O
        // and the callers go the plain way.
        let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, start, capacity }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.capacity]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.capacity]
    }

    /// The first `len` bytes as a vector, moved to its front.
    pub(crate) fn into_vec(mut self, len: usize) -> Vec<u8> {
        self.bytes.copy_within(self.start..self.start + len, 0);
        self.bytes.truncate(len);
        self.bytes
    }
}

/// How much is asked of the allocator for a buffer. The C library's keeps what was freed in blocks of up to
/// 32 MiB for later, one store of them for each thread; larger ones it gives back to the system at once.
/// So a buffer of some size asks for more than that: pages that nobody touches take no memory.
fn allocation_bytes(bytes: usize) -> usize {
    const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
    const LARGE_BYTES: usize = 8 * 1024 * 1024;
    if bytes < LARGE_BYTES { bytes } else { bytes.max(KEPT_BYTES_MAX + 2 * ALIGNMENT) }
}

/// Switches direct I/O on for an open file; an error where the file system does not know it.
pub(crate) fn switch_direct_on(file: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&file)?;
    Ok(rustix::fs::fcntl_setfl(&file, flags | OFlags::DIRECT)?)
}

/// Switches direct I/O off again.
pub(crate) fn switch_direct_off(file: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&file)?;
    Ok(rustix::fs::fcntl_setfl(&file, flags - OFlags::DIRECT)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_aligned_and_keeps_its_bytes() {
        for capacity in [1, 4096, 5000, 1 << 20] {
            let mut buffer = AlignedBuffer::new(capacity);
            assert_eq!(buffer.as_slice().as_ptr().align_offset(ALIGNMENT), 0);
            assert!(buffer.as_slice().len() >= capacity);
            buffer.as_mut_slice()[..capacity].fill(7);
            assert_eq!(buffer.into_vec(capacity), vec![7; capacity]);
        }
    }
}
