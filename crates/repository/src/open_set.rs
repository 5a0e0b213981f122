//! A published set, opened for reading: its entries in order, their block maps, their content.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::format::block_map::{Run, decode_map_frame};
use crate::format::bytes::FormatError;
use crate::format::file_table::{Content, Entry, MapPiece, decode_table_frame};
use crate::format::frame::{BLOCK_BYTES, FrameId, PackId};
use crate::format::manifest::{Manifest, TableFrame};
use crate::reader::{FrameBuffers, FrameReader};
use crate::{Repository, RepositoryError, StoredPath};

/// Decoded map frames kept: a walk in order needs the newest, a set after many incrementals a few more.
const MAP_FRAMES_MAX: usize = 16;

/// An open set. Used by many threads at once.
#[derive(Debug, Clone)]
pub struct OpenSet {
    manifest: Arc<Manifest>,
    reader: Arc<FrameReader>,
    maps: Arc<Mutex<VecDeque<(FrameId, MapFrame)>>>,
}

type MapFrame = Arc<Vec<Vec<Run>>>;

impl OpenSet {
    pub(crate) fn new(repository: Repository, manifest: Manifest) -> Self {
        let sets = manifest.references.iter().map(|r| (r.of.attempt, r.of.set)).collect::<HashMap<_, _>>();
        let reader = FrameReader::new(repository, manifest.origin.instance.clone(), sets);
        Self { manifest: Arc::new(manifest), reader: Arc::new(reader), maps: Arc::default() }
    }

    /// The same set for somebody who goes through it in order, as a download does: it keeps less in memory.
    #[must_use]
    pub fn in_order(&self) -> Self {
        Self {
            manifest: Arc::clone(&self.manifest),
            reader: Arc::new(self.reader.in_order()),
            maps: Arc::default(),
        }
    }

    /// The root.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What reads its frames.
    pub fn reader(&self) -> &Arc<FrameReader> {
        &self.reader
    }

    /// Where a table frame lies; `None` where the manifest contradicts itself.
    pub fn table_frame(&self, frame: &TableFrame) -> Option<FrameId> {
        let reference = self.manifest.references.get(usize::try_from(frame.reference).ok()?)?;
        let pack = PackId { attempt: reference.of.attempt, number: frame.pack };
        Some(FrameId { pack, number: frame.frame })
    }

    /// All entries, in the order of their paths; one table frame in memory.
    ///
    /// # Errors
    /// The compression library has no memory.
    pub fn entries(&self) -> Result<Entries, RepositoryError> {
        self.entries_from(0)
    }

    /// The entries from the first one of a table frame on, the frames counted from 0; see [`Entries::frames_read`].
    ///
    /// # Errors
    /// The compression library has no memory.
    pub fn entries_from(&self, table_frame: usize) -> Result<Entries, RepositoryError> {
        let buffers = new_buffers()?;
        Ok(Entries {
            set: self.clone(),
            buffers,
            next: table_frame,
            frame: Vec::new().into_iter(),
            last: None,
            failed: false,
        })
    }

    /// The runs that say where a file's blocks lie; they cover it from the first to the last.
    ///
    /// # Errors
    /// Absent, damaged, or not covering the file.
    pub fn runs(&self, entry: &Entry, buffers: &mut FrameBuffers) -> Result<Vec<Run>, RepositoryError> {
        let Content::File { bytes, map } = &entry.content else { return Ok(Vec::new()) };
        let mut runs = Vec::new();
        for piece in map {
            runs.extend_from_slice(&self.piece(piece, buffers)?);
        }
        let mut end = 0;
        for run in &runs {
            if run.first_block != end {
                break;
            }
            end = run.end_block();
        }
        if end == bytes.div_ceil(BLOCK_BYTES as u64) {
            Ok(runs)
        } else {
            let problem = format!("that of {} does not cover the file's {bytes} bytes", entry.path);
            Err(self.damaged(map.first().map(|piece| piece.frame), FormatError::new("block map", problem)))
        }
    }

    /// The content of a small file.
    ///
    /// # Errors
    /// There is no such file, it is larger than `bytes_max`, or it is damaged.
    pub fn read_file(&self, path: &StoredPath, bytes_max: u64) -> Result<Vec<u8>, RepositoryError> {
        let absent =
            || RepositoryError::Absent { what: format!("{path} of set {}", self.manifest.origin.set) };
        for entry in self.entries()? {
            let entry = entry?;
            if entry.path == *path {
                return match entry.content {
                    Content::File { bytes, .. } if bytes <= bytes_max => self.content(&entry),
                    Content::File { .. } | Content::Directory | Content::Symlink { .. } => Err(absent()),
                };
            }
            if entry.path > *path {
                break;
            }
        }
        Err(absent())
    }

    /// The content of a small file whose entry is at hand.
    ///
    /// # Errors
    /// It is no file, it is larger than `bytes_max`, or it is damaged.
    pub fn read_entry(&self, entry: &Entry, bytes_max: u64) -> Result<Vec<u8>, RepositoryError> {
        match entry.content {
            Content::File { bytes, .. } if bytes <= bytes_max => self.content(entry),
            Content::File { .. } | Content::Directory | Content::Symlink { .. } => {
                let what = format!("{} of set {} as a small file", entry.path, self.manifest.origin.set);
                Err(RepositoryError::Absent { what })
            }
        }
    }

    fn content(&self, entry: &Entry) -> Result<Vec<u8>, RepositoryError> {
        let mut buffers = new_buffers()?;
        let mut out = Vec::new();
        for run in self.runs(entry, &mut buffers)? {
            let pack = self.reader.pack(run.frame.pack)?;
            let (start, end) = run_bytes(pack.index(), &run).ok_or_else(|| self.outside(&run))?;
            out.extend_from_slice(&self.reader.read_frame(run.frame, &mut buffers)?[start..end]);
        }
        Ok(out)
    }

    fn piece(&self, piece: &MapPiece, buffers: &mut FrameBuffers) -> Result<Vec<Run>, RepositoryError> {
        let frame = if let Some(frame) = self.cached(piece.frame) {
            frame
        } else {
            let content = self.reader.read_frame(piece.frame, buffers)?;
            let decoded = decode_map_frame(&content).map_err(|e| self.damaged(Some(piece.frame), e))?;
            self.keep(piece.frame, Arc::new(decoded))
        };
        let runs = usize::try_from(piece.number).ok().and_then(|number| frame.get(number)).cloned();
        runs.ok_or_else(|| {
            self.damaged(Some(piece.frame), FormatError::new("block map", "a piece is not there"))
        })
    }

    fn cached(&self, frame: FrameId) -> Option<MapFrame> {
        let maps = self.maps.lock().expect("no thread panics while it holds the maps");
        maps.iter().find(|(known, _)| *known == frame).map(|(_, frame)| Arc::clone(frame))
    }

    fn keep(&self, frame: FrameId, decoded: MapFrame) -> MapFrame {
        let mut maps = self.maps.lock().expect("no thread panics while it holds the maps");
        if maps.len() == MAP_FRAMES_MAX {
            maps.pop_front();
        }
        maps.push_back((frame, Arc::clone(&decoded)));
        decoded
    }

    fn outside(&self, run: &Run) -> RepositoryError {
        let problem = format!("it refers to blocks that {} does not have", run.frame);
        self.damaged(Some(run.frame), FormatError::new("block map", problem))
    }

    fn damaged(&self, frame: Option<FrameId>, source: FormatError) -> RepositoryError {
        let object = frame.and_then(|frame| self.reader.object(frame.pack).ok());
        let manifest = || "manifest".parse().expect("a plain name");
        RepositoryError::Damaged { object: object.unwrap_or_else(manifest), source }
    }
}

/// Where a run's bytes lie in its frame's content; `None` when the frame has no such blocks.
pub fn run_bytes(index: &crate::PackIndex, run: &Run) -> Option<(usize, usize)> {
    let blocks = index.find(run.frame.number)?.blocks?;
    let first = usize::from(run.first_in_frame);
    let end = first + usize::from(run.count);
    (end <= blocks.hashes.len()).then(|| (blocks.offset(first), blocks.offset(end)))
}

fn new_buffers() -> Result<FrameBuffers, RepositoryError> {
    FrameBuffers::new().map_err(|source| RepositoryError::Compress { what: "nothing yet", source })
}

/// Streams the entries of a set.
#[derive(Debug)]
pub struct Entries {
    set: OpenSet,
    buffers: FrameBuffers,
    next: usize,
    frame: std::vec::IntoIter<Entry>,
    last: Option<StoredPath>,
    failed: bool,
}

impl Entries {
    /// Table frames read so far, those before the first one asked for counted too: the entry that came last is of the
    /// one before this number.
    pub fn frames_read(&self) -> usize {
        self.next
    }

    fn fill(&mut self) -> Result<bool, RepositoryError> {
        let set = self.set.clone();
        let Some(frame) = set.manifest.table.get(self.next) else { return Ok(false) };
        self.next += 1;
        let contradicts =
            || set.damaged(None, FormatError::new("manifest", "a table frame is of no attempt it names"));
        let id = set.table_frame(frame).ok_or_else(contradicts)?;
        let content = set.reader.read_frame(id, &mut self.buffers)?;
        let entries = decode_table_frame(&content).map_err(|e| set.damaged(Some(id), e))?;
        if let (Some(last), Some(first)) = (&self.last, entries.first())
            && *last >= first.path
        {
            let problem = format!("{} is out of order", first.path);
            return Err(set.damaged(Some(id), FormatError::new("file table", problem)));
        }
        self.last = entries.last().map(|entry| entry.path.clone());
        self.frame = entries.into_iter();
        Ok(true)
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, RepositoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            if let Some(entry) = self.frame.next() {
                return Some(Ok(entry));
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
