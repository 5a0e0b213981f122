//! Compression of frames, by well-known libraries, with contexts kept for each thread.

use std::io;

use crate::format::frame::{Codec, FRAME_BYTES_MAX};

/// How new frames are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4: faster, larger.
    Lz4,
    /// Zstandard at this level, 1 to 19.
    Zstd(i32),
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(1)
    }
}

/// One thread's compressor and its output.
pub(crate) struct Compressor {
    compression: Compression,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    out: Vec<u8>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").field("compression", &self.compression).finish_non_exhaustive()
    }
}

impl Compressor {
    /// # Errors
    /// The library has no memory or does not know the level.
    pub(crate) fn new(compression: Compression) -> io::Result<Self> {
        let zstd = match compression {
            Compression::Zstd(level) => Some(zstd_context(level)?),
            Compression::None | Compression::Lz4 => None,
        };
        Ok(Self { compression, zstd, out: Vec::new() })
    }

    /// The compressed `content`, or the content itself where compression does not make it shorter.
    ///
    /// # Errors
    /// The library fails.
    pub(crate) fn compress<'a>(&'a mut self, content: &'a [u8]) -> io::Result<(Codec, &'a [u8])> {
        debug_assert!(content.len() <= FRAME_BYTES_MAX);
        let (codec, length) = match (&self.compression, &mut self.zstd) {
            (Compression::Lz4, _) => {
                self.out.resize(lz4_flex::block::get_maximum_output_size(content.len()), 0);
                let length =
                    lz4_flex::block::compress_into(content, &mut self.out).map_err(io::Error::other)?;
                (Codec::Lz4, length)
            }
            (Compression::Zstd(_), Some(zstd)) => {
                self.out.resize(zstd::zstd_safe::compress_bound(content.len()), 0);
                (Codec::Zstd, zstd.compress_to_buffer(content, self.out.as_mut_slice())?)
            }
            (Compression::None | Compression::Zstd(_), _) => (Codec::None, content.len()),
        };
        if length < content.len() { Ok((codec, &self.out[..length])) } else { Ok((Codec::None, content)) }
    }
}

/// 2 to this power are the entries of level 1's table.
const FAST_HASH_LOG: u32 = 13;

fn zstd_context(level: i32) -> io::Result<zstd::bulk::Compressor<'static>> {
    let mut context = zstd::bulk::Compressor::new(level)?;
    // The frame has a tag and a digest of its own, and its length stands in the index.
    context.include_checksum(false)?;
    context.include_dictid(false)?;
    context.include_contentsize(false)?;
    if level == 1 {
        // Half of the table that level 1 takes for a whole mebibyte: it stays in the first cache, and pages of a
        // database come out 5 % faster and 0.3 % smaller.
        context.set_parameter(zstd::zstd_safe::CParameter::HashLog(FAST_HASH_LOG))?;
    }
    Ok(context)
}

/// One thread's decompressor.
pub(crate) struct Decompressor {
    zstd: zstd::bulk::Decompressor<'static>,
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decompressor")
    }
}

impl Decompressor {
    /// # Errors
    /// The library has no memory.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new()? })
    }

    /// Fills `content` from `stored`.
    ///
    /// # Errors
    /// `stored` is damaged, or makes another length.
    pub(crate) fn decompress(&mut self, codec: Codec, stored: &[u8], content: &mut [u8]) -> io::Result<()> {
        let length = match codec {
            Codec::None if stored.len() == content.len() => {
                content.copy_from_slice(stored);
                stored.len()
            }
            Codec::None => stored.len(),
            Codec::Lz4 => lz4_flex::block::decompress_into(stored, content).map_err(io::Error::other)?,
            Codec::Zstd => self.zstd.decompress_to_buffer(stored, content)?,
        };
        if length == content.len() {
            Ok(())
        } else {
            Err(io::Error::other(format!("{length} bytes come out of it, not {}", content.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn content_comes_back(content in prop::collection::vec(0u8..4, 0..20_000)) {
            for compression in [Compression::None, Compression::Lz4, Compression::Zstd(1), Compression::Zstd(5)] {
                let mut compressor = Compressor::new(compression).expect("compressor");
                let (codec, stored) = compressor.compress(&content).expect("compress");
                prop_assert!(stored.len() <= content.len());
                let mut back = vec![1; content.len()];
                Decompressor::new().expect("decompressor").decompress(codec, stored, &mut back).expect("decompress");
                prop_assert_eq!(&back, &content);
            }
        }

        #[test]
        fn any_bytes_are_decompressed_without_panic(stored: Vec<u8>, length in 0usize..5000) {
            let mut decompressor = Decompressor::new().expect("decompressor");
            for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
                let _ = decompressor.decompress(codec, &stored, &mut vec![0; length]);
            }
        }
    }
}
