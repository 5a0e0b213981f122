//! The file table: all entries of a set in the order of [`StoredPath`], cut into metadata frames.
//!
//! A frame ends after an entry whose path's hash says so ([`ends_frame`]), whatever lies around it; so
//! stretches of entries that did not change make the same frames again, which are then referred to.
//!
//! ```text
//! table frame = attempt count · attempts (16 each) · entries
//! entry       = bytes shared with the path before · rest of the path (length, bytes) · kind · mode ·
//!               owner · group · [file: bytes · piece count · pieces] [symlink: target (length, bytes)]
//! piece       = attempt number · pack · frame · number in that frame
//! ```

use super::block_map::AttemptList;
use super::bytes::{FormatError, Reader, put_bytes, put_varint};
use super::frame::{FRAME_BYTES_MAX, FrameId, PackId};
use crate::{PATH_BYTES_MAX, StoredPath};

const DIRECTORY: u8 = 0;
const FILE: u8 = 1;
const SYMLINK: u8 = 2;

/// A table frame is closed at this size even where no path ends it.
pub(crate) const TABLE_FRAME_BYTES: usize = FRAME_BYTES_MAX / 2;

/// One entry of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub path: StoredPath,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
    /// What it is.
    pub content: Content,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A folder.
    Directory,
    /// A file.
    File {
        /// Its size.
        bytes: u64,
        /// Where its block map lies.
        map: Vec<MapPiece>,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to.
        target: Vec<u8>,
    },
}

/// Where a piece of a block map lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapPiece {
    /// The map frame.
    pub frame: FrameId,
    /// The piece's number in it.
    pub number: u32,
}

/// Does a table frame end after this path? For about one in a thousand it does.
pub(crate) fn ends_frame(path: &StoredPath) -> bool {
    let hash = blake3::hash(path.as_bytes());
    hash.as_bytes()[0] == 0 && hash.as_bytes()[1] < 64
}

/// A table frame being filled.
#[derive(Debug, Default)]
pub(crate) struct TableFrameBuilder {
    attempts: AttemptList,
    last_path: Vec<u8>,
    bytes: Vec<u8>,
}

impl TableFrameBuilder {
    pub(crate) fn push(&mut self, entry: &Entry) {
        let Entry { path, mode, owner, group, content } = entry;
        let path = path.as_bytes();
        let shared = self.last_path.iter().zip(path).take_while(|(a, b)| a == b).count();
        put_varint(&mut self.bytes, shared as u64);
        put_bytes(&mut self.bytes, &path[shared..]);
        self.bytes.push(match content {
            Content::Directory => DIRECTORY,
            Content::File { .. } => FILE,
            Content::Symlink { .. } => SYMLINK,
        });
        for number in [mode, owner, group] {
            put_varint(&mut self.bytes, u64::from(*number));
        }
        match content {
            Content::Directory => {}
            Content::File { bytes, map } => {
                put_varint(&mut self.bytes, *bytes);
                put_varint(&mut self.bytes, map.len() as u64);
                for MapPiece { frame, number } in map {
                    put_varint(&mut self.bytes, self.attempts.number(frame.pack.attempt));
                    put_varint(&mut self.bytes, u64::from(frame.pack.number));
                    put_varint(&mut self.bytes, u64::from(frame.number));
                    put_varint(&mut self.bytes, u64::from(*number));
                }
            }
            Content::Symlink { target } => put_bytes(&mut self.bytes, target),
        }
        self.last_path.clear();
        self.last_path.extend_from_slice(path);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The frame's content; the builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let Self { attempts, last_path: _, bytes } = std::mem::take(self);
        let mut out = Vec::with_capacity(bytes.len() + 64);
        attempts.encode(&mut out);
        out.extend_from_slice(&bytes);
        out
    }
}

/// Reads all entries of a table frame.
///
/// # Errors
/// Damaged: cut, numbers out of range, a path that none can be, paths out of order.
pub(crate) fn decode_table_frame(content: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader::new("file table", content);
    let attempts = AttemptList::decode(&mut reader)?;
    let mut entries: Vec<Entry> = Vec::new();
    while reader.remaining() > 0 {
        let before = entries.last().map(|entry| &entry.path);
        let entry = decode_entry(&mut reader, &attempts, before)?;
        entries.push(entry);
    }
    Ok(entries)
}

fn decode_entry(
    reader: &mut Reader<'_>,
    attempts: &AttemptList,
    before: Option<&StoredPath>,
) -> Result<Entry, FormatError> {
    let shared: usize = reader.number()?;
    let shared = before.map_or(&[][..], StoredPath::as_bytes).get(..shared);
    let shared = shared.ok_or_else(|| reader.error("a path shares more than there is"))?;
    let path = [shared, reader.bytes()?].concat();
    let path = StoredPath::new(path).map_err(|e| reader.error(e.to_string()))?;
    if before.is_some_and(|before| *before >= path) {
        return Err(reader.error(format!("{path:?} is out of order")));
    }
    let kind = reader.byte()?;
    let (mode, owner, group) = (reader.number()?, reader.number()?, reader.number()?);
    let content = match kind {
        DIRECTORY => Content::Directory,
        FILE => Content::File { bytes: reader.varint()?, map: decode_pieces(reader, attempts)? },
        SYMLINK => Content::Symlink { target: decode_target(reader)? },
        other => return Err(reader.error(format!("kind {other} is unknown"))),
    };
    Ok(Entry { path, mode, owner, group, content })
}

fn decode_target(reader: &mut Reader<'_>) -> Result<Vec<u8>, FormatError> {
    let target = reader.bytes()?;
    if target.is_empty() || target.len() > PATH_BYTES_MAX || target.contains(&0) {
        return Err(reader.error("a symbolic link points nowhere"));
    }
    Ok(target.to_vec())
}

fn decode_pieces(reader: &mut Reader<'_>, attempts: &AttemptList) -> Result<Vec<MapPiece>, FormatError> {
    let count = reader.count(4)?;
    let mut pieces = Vec::with_capacity(count);
    for _ in 0..count {
        let attempt = reader.varint()?;
        let attempt = attempts.get(attempt).ok_or_else(|| reader.error("an attempt is not listed"))?;
        let pack = PackId { attempt, number: reader.number()? };
        pieces.push(MapPiece { frame: FrameId { pack, number: reader.number()? }, number: reader.number()? });
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::AttemptId;

    fn content() -> impl Strategy<Value = Content> {
        let piece =
            (0u8..3, any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(attempt, pack, frame, number)| {
                let pack = PackId { attempt: AttemptId::from_bytes([attempt; 16]), number: pack };
                MapPiece { frame: FrameId { pack, number: frame }, number }
            });
        prop_oneof![
            Just(Content::Directory),
            (any::<u64>(), prop::collection::vec(piece, 0..4))
                .prop_map(|(bytes, map)| Content::File { bytes, map }),
            Just(Content::Symlink { target: b"../x".to_vec() }),
        ]
    }

    proptest! {
        #[test]
        fn entries_read_back_as_written(
            parts in prop::collection::btree_map("[a-c./]{1,12}", (content(), any::<u32>()), 0..20),
        ) {
            let paths = parts.into_iter().filter_map(|(path, rest)| Some((StoredPath::new(path).ok()?, rest)));
            let sorted: BTreeMap<StoredPath, _> = paths.collect();
            let entry = |(path, (content, mode))| Entry { path, mode, owner: 7, group: 8, content };
            let entries: Vec<Entry> = sorted.into_iter().map(entry).collect();
            let mut builder = TableFrameBuilder::default();
            for entry in &entries {
                builder.push(entry);
            }
            prop_assert_eq!(decode_table_frame(&builder.finish()).expect("frame"), entries);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = decode_table_frame(&bytes);
        }
    }
}
