//! Writes a set's file table and block maps while its files are being stored.
//!
//! Entries come in order. A block map goes into the open map frame; its entry waits until that frame
//! has a place, so at most one map frame's entries wait. Maps and table frames that did not change are
//! referred to.

use std::collections::HashMap;

use crate::attempt::{AttemptError, AttemptWriter};
use crate::codec::Compression;
use crate::encode::FrameEncoder;
use crate::format::block_map::{MapFrameBuilder, Run};
use crate::format::file_table::{Content, Entry, MapPiece, TABLE_FRAME_BYTES, TableFrameBuilder, ends_frame};
use crate::format::frame::FrameId;
use crate::{PackUse, StoredPath};

/// A map frame is closed at about this size, so that one file's map is cheap to reach.
const MAP_FRAME_BYTES: usize = 64 * 1024;
/// Runs in a piece of a map, at most: a piece is some 40 KiB and fits any frame.
const PIECE_RUNS_MAX: usize = 4096;

/// Why the table cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The attempt takes no more frames.
    #[error("store the file table")]
    Attempt(#[from] AttemptError),
    /// The compression library failed.
    #[error("compress the file table")]
    Compress(#[from] std::io::Error),
    /// An entry is not after the one before.
    #[error("{path} comes after {before} in the file table, which is sorted")]
    OutOfOrder {
        /// The entry.
        path: StoredPath,
        /// The one before.
        before: StoredPath,
    },
}

/// What is known of an entry beside its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryHead {
    /// Its path.
    pub path: StoredPath,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
}

/// A finished table.
#[derive(Debug)]
pub struct WrittenTable {
    /// Its frames, with the first 16 bytes of each digest.
    pub frames: Vec<(FrameId, [u8; 16])>,
    /// Every pack that the set needs.
    pub packs: PackUse,
    /// Entries.
    pub entries: u64,
    /// Files among them.
    pub files: u64,
    /// Bytes of all files.
    pub source_bytes: u64,
}

/// The table being written.
#[derive(Debug)]
pub struct TableWriter {
    encoder: FrameEncoder,
    maps: MapFrameBuilder,
    waiting: Vec<Waiting>,
    table: TableFrameBuilder,
    older: HashMap<[u8; 16], FrameId>,
    last: Option<StoredPath>,
    written: WrittenTable,
}

#[derive(Debug)]
struct Waiting {
    head: EntryHead,
    content: WaitingContent,
}

#[derive(Debug)]
enum WaitingContent {
    Whole(Content),
    File { bytes: u64, pieces: Vec<Piece> },
}

#[derive(Debug)]
enum Piece {
    Placed(MapPiece),
    Open(u32),
}

impl TableWriter {
    /// A table that refers to the frames of `older`, by digest, where it would write the same.
    ///
    /// # Errors
    /// The compression library has no memory.
    pub fn new(older: HashMap<[u8; 16], FrameId>) -> std::io::Result<Self> {
        Ok(Self {
            encoder: FrameEncoder::new(Compression::Zstd(3))?,
            maps: MapFrameBuilder::default(),
            waiting: Vec::new(),
            table: TableFrameBuilder::default(),
            older,
            last: None,
            written: WrittenTable {
                frames: Vec::new(),
                packs: PackUse::default(),
                entries: 0,
                files: 0,
                source_bytes: 0,
            },
        })
    }

    /// Adds a folder or symbolic link.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn push(
        &mut self,
        attempt: &AttemptWriter,
        head: EntryHead,
        content: Content,
    ) -> Result<(), TableError> {
        self.enqueue(attempt, head, WaitingContent::Whole(content))
    }

    /// Adds a file whose blocks lie where `runs` say. `kept` is where an older set keeps the very same
    /// map.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn push_file(
        &mut self,
        attempt: &AttemptWriter,
        head: EntryHead,
        bytes: u64,
        runs: &[Run],
        kept: Option<&[MapPiece]>,
    ) -> Result<(), TableError> {
        for run in runs {
            self.written.packs.add(run.frame);
        }
        self.written.files += 1;
        self.written.source_bytes += bytes;
        let pieces = match kept {
            Some(pieces) => pieces.iter().map(|piece| Piece::Placed(*piece)).collect(),
            None => self.push_map(attempt, runs)?,
        };
        self.enqueue(attempt, head, WaitingContent::File { bytes, pieces })
    }

    /// Writes what is open.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn finish(mut self, attempt: &AttemptWriter) -> Result<WrittenTable, TableError> {
        self.close_maps(attempt, &mut [])?;
        self.place_waiting(attempt)?;
        self.close_table(attempt)?;
        Ok(self.written)
    }

    fn push_map(&mut self, attempt: &AttemptWriter, runs: &[Run]) -> Result<Vec<Piece>, TableError> {
        let mut pieces = Vec::new();
        for part in runs.chunks(PIECE_RUNS_MAX) {
            if self.maps.len() >= MAP_FRAME_BYTES {
                self.close_maps(attempt, &mut pieces)?;
            }
            pieces.push(Piece::Open(self.maps.push(part)));
        }
        Ok(pieces)
    }

    fn enqueue(
        &mut self,
        attempt: &AttemptWriter,
        head: EntryHead,
        content: WaitingContent,
    ) -> Result<(), TableError> {
        if let Some(before) = self.last.as_ref().filter(|last| **last >= head.path) {
            return Err(TableError::OutOfOrder { path: head.path, before: before.clone() });
        }
        self.last = Some(head.path.clone());
        self.written.entries += 1;
        self.waiting.push(Waiting { head, content });
        if self.maps.is_empty() {
            self.place_waiting(attempt)?;
        }
        Ok(())
    }

    /// Gives the open map frame its place, and with it all pieces that lie in it.
    fn close_maps(&mut self, attempt: &AttemptWriter, more: &mut [Piece]) -> Result<(), TableError> {
        if self.maps.is_empty() {
            return Ok(());
        }
        let content = self.maps.finish();
        let frame = attempt.append(self.encoder.metadata(&content)?)?;
        let waiting = self.waiting.iter_mut().filter_map(|waiting| match &mut waiting.content {
            WaitingContent::File { pieces, .. } => Some(pieces.as_mut_slice()),
            WaitingContent::Whole(_) => None,
        });
        for piece in waiting.flatten().chain(more) {
            if let Piece::Open(number) = *piece {
                *piece = Piece::Placed(MapPiece { frame, number });
            }
        }
        self.place_waiting(attempt)
    }

    /// Moves entries whose map has its place into the table.
    fn place_waiting(&mut self, attempt: &AttemptWriter) -> Result<(), TableError> {
        for Waiting { head, content } in std::mem::take(&mut self.waiting) {
            let content = match content {
                WaitingContent::Whole(content) => content,
                WaitingContent::File { bytes, pieces } => Content::File { bytes, map: placed(&pieces) },
            };
            if let Content::File { map, .. } = &content {
                for piece in map {
                    self.written.packs.add(piece.frame);
                }
            }
            let EntryHead { path, mode, owner, group } = head;
            let ends = ends_frame(&path);
            self.table.push(&Entry { path, mode, owner, group, content });
            if ends || self.table.len() >= TABLE_FRAME_BYTES {
                self.close_table(attempt)?;
            }
        }
        Ok(())
    }

    fn close_table(&mut self, attempt: &AttemptWriter) -> Result<(), TableError> {
        if self.table.is_empty() {
            return Ok(());
        }
        let content = self.table.finish();
        let mut digest = [0; 16];
        digest.copy_from_slice(&blake3::hash(&content).as_bytes()[..16]);
        let frame = match self.older.get(&digest) {
            Some(frame) => *frame,
            None => attempt.append(self.encoder.metadata(&content)?)?,
        };
        self.written.packs.add(frame);
        self.written.frames.push((frame, digest));
        Ok(())
    }
}

fn placed(pieces: &[Piece]) -> Vec<MapPiece> {
    let piece = |piece: &Piece| match piece {
        Piece::Placed(piece) => *piece,
        Piece::Open(_) => unreachable!("entries wait until their map frame has its place"),
    };
    pieces.iter().map(piece).collect()
}
