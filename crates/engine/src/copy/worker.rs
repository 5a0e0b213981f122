//! What one thread does with a piece of work.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use repository::{
    BLOCK_BYTES, BlockDigest, BlockHasher, DataKeyId, FRAME_BYTES_MAX, FrameId, FrameReader, HashedBlocks,
    Repository, RepositoryError, Run, push_run,
};

use super::frame_writer::FrameWriter;
use super::gather::Gather;
use super::older::OlderFile;
use crate::file_stream::short_last;
use crate::{BackupError, JobControl, Source, SourceEntry, SourceError, SourceFile};

/// A stretch of 1 MiB spread over more frames than this is copied anew.
const SPAN_FRAMES_MAX: usize = 8;

/// A piece of work.
#[derive(Debug)]
pub(super) enum Work {
    /// A part of a large file.
    Region(Region),
    /// Some small files.
    Batch(Vec<SmallFile>),
}

#[derive(Debug)]
pub(super) struct Region {
    /// The entry's number.
    pub(super) number: u64,
    pub(super) entry: Arc<SourceEntry>,
    pub(super) file: Arc<dyn SourceFile>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) older: Option<Arc<OlderFile>>,
}

#[derive(Debug)]
pub(super) struct SmallFile {
    /// The entry's number.
    pub(super) number: u64,
    pub(super) entry: SourceEntry,
    pub(super) older: Option<Arc<OlderFile>>,
}

/// What became of a part of a file.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The entry's number.
    pub(super) number: u64,
    pub(super) runs: Vec<Run>,
    /// Where the part ends in the file.
    pub(super) end: u64,
    /// Where the file ended too early.
    pub(super) cut: Option<u64>,
    /// The file vanished before it was opened.
    pub(super) gone: bool,
    /// Blocks that fail their own check.
    pub(super) bad: Vec<u64>,
    /// Bytes that older frames keep.
    pub(super) reused_bytes: u64,
}

/// One thread's tools.
pub(super) struct Worker<'a> {
    source: &'a dyn Source,
    control: &'a dyn JobControl,
    frames: FrameWriter,
    reader: Option<Arc<FrameReader>>,
    repository: &'a Repository,
    hasher: BlockHasher,
    key: DataKeyId,
    older_hashers: HashMap<DataKeyId, BlockHasher>,
    defragment: &'a AtomicI64,
    buffer: Vec<u8>,
    gather: Gather,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        source: &'a dyn Source,
        control: &'a dyn JobControl,
        frames: FrameWriter,
        reader: Option<Arc<FrameReader>>,
        repository: &'a Repository,
        defragment: &'a AtomicI64,
    ) -> Self {
        Self {
            source,
            control,
            frames,
            reader,
            repository,
            hasher: repository.new_block_hasher(),
            key: repository.current_key_id(),
            older_hashers: HashMap::new(),
            defragment,
            buffer: vec![0; FRAME_BYTES_MAX],
            gather: Gather::new(),
        }
    }

    pub(super) fn run(&mut self, work: Work) -> Result<Vec<Part>, BackupError> {
        let mut parts = Vec::new();
        match work {
            Work::Region(Region { number, entry, file, offset, bytes, older }) => {
                parts.push(Part { number, ..Part::default() });
                self.read(&mut parts, &entry, &*file, offset..offset + bytes, older.as_deref())?;
            }
            Work::Batch(files) => {
                for SmallFile { number, entry, older } in files {
                    let file = self.source.open(&entry)?;
                    parts.push(Part { number, gone: file.is_none(), ..Part::default() });
                    if let Some(file) = file {
                        self.read(&mut parts, &entry, &*file, 0..file.bytes(), older.as_deref())?;
                    }
                }
            }
        }
        self.store_gathered(&mut parts)?;
        Ok(parts)
    }

    /// Copies `range` of a file as the last of `parts`.
    fn read(
        &mut self,
        parts: &mut [Part],
        entry: &SourceEntry,
        file: &dyn SourceFile,
        range: std::ops::Range<u64>,
        older: Option<&OlderFile>,
    ) -> Result<(), BackupError> {
        let slot = parts.len() - 1;
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut offset = range.start;
        while offset < range.end {
            let wanted = (range.end - offset).min(FRAME_BYTES_MAX as u64);
            self.control.check()?;
            self.control.throttle(wanted)?;
            let span = &mut buffer[..usize::try_from(wanted).expect("at most 1 MiB")];
            let failed = |source| SourceError { action: "read", path: entry.path.to_string(), source };
            let read = file.read_at(offset, span).map_err(failed)?;
            let span = &mut span[..read];
            parts[slot].bad.extend(self.source.prove(entry, file, offset, span)?.0);
            self.span(parts, offset / BLOCK_BYTES as u64, span, older)?;
            offset += read as u64;
            self.control.advance(read as u64);
            if (read as u64) < wanted {
                parts[slot].cut = Some(offset);
                break;
            }
        }
        parts[slot].end = offset;
        self.buffer = buffer;
        Ok(())
    }

    /// Keeps the blocks of one stretch of up to 1 MiB: older frames where they have the same content,
    /// else a frame of its own where all of it is new, else the gathered frame.
    fn span(
        &mut self,
        parts: &mut [Part],
        first_block: u64,
        span: &[u8],
        older: Option<&OlderFile>,
    ) -> Result<(), BackupError> {
        let slot = parts.len() - 1;
        let blocks = span.chunks(BLOCK_BYTES);
        let digests: Vec<BlockDigest> = blocks.map(|block| self.hasher.digest(block)).collect();
        let mut kept = match older {
            Some(older) => self.find_older(older, first_block, span, &digests)?,
            None => vec![None; digests.len()],
        };
        if self.is_scattered(&kept, span.len()) {
            kept.fill(None);
        }
        let new = kept.iter().filter(|place| place.is_none()).count();
        if new == digests.len() && span.len() > FRAME_BYTES_MAX / 2 {
            return self.store_span(parts, first_block, span, &digests);
        }
        for ((position, block), place) in span.chunks(BLOCK_BYTES).enumerate().zip(kept) {
            let number = first_block + position as u64;
            if let Some((frame, first_in_frame)) = place {
                push_run(&mut parts[slot].runs, Run { first_block: number, count: 1, frame, first_in_frame });
                parts[slot].reused_bytes += block.len() as u64;
            } else {
                if self.gather.is_full() {
                    self.store_gathered(parts)?;
                }
                self.gather.push(slot, number, block, digests[position]);
            }
        }
        Ok(())
    }

    fn store_span(
        &mut self,
        parts: &mut [Part],
        first_block: u64,
        span: &[u8],
        digests: &[BlockDigest],
    ) -> Result<(), BackupError> {
        let count = u16::try_from(digests.len()).expect("a frame has at most 128 blocks");
        let short = short_last(digests.len(), span.len() % BLOCK_BYTES).into_iter().collect();
        let frame = self.frames.write(span, HashedBlocks::new(digests, short))?;
        let slot = parts.len() - 1;
        parts[slot].runs.push(Run { first_block, count, frame, first_in_frame: 0 });
        Ok(())
    }

    fn store_gathered(&mut self, parts: &mut [Part]) -> Result<(), BackupError> {
        let place = |slot: usize, run: Run| parts[slot].runs.push(run);
        self.gather.store(&mut self.frames, place)
    }

    /// For each block of the stretch where the parent keeps the same content.
    fn find_older(
        &mut self,
        older: &OlderFile,
        first_block: u64,
        span: &[u8],
        digests: &[BlockDigest],
    ) -> Result<Vec<Option<(FrameId, u16)>>, BackupError> {
        let mut kept = vec![None; digests.len()];
        let Some(reader) = self.reader.clone() else { return Ok(kept) };
        let end_block = first_block + digests.len() as u64;
        let start = older.runs.partition_point(|run| run.end_block() <= first_block);
        for run in older.runs[start..].iter().take_while(|run| run.first_block < end_block) {
            let pack = match reader.pack(run.frame.pack) {
                Ok(pack) => pack,
                // What cannot be compared is copied.
                Err(RepositoryError::Damaged { .. } | RepositoryError::Absent { .. }) => continue,
                Err(error) => return Err(BackupError::repository("read the index of an older pack", error)),
            };
            let from = run.first_block.max(first_block);
            let to = run.end_block().min(end_block);
            for number in from..to {
                let position = usize::try_from(number - first_block).expect("within 1 MiB");
                let in_frame = u64::from(run.first_in_frame) + (number - run.first_block);
                let in_frame = u16::try_from(in_frame).expect("a frame has at most 128 blocks");
                let at = usize::from(in_frame);
                let Some([old]) = pack.hashes(run.frame.number, at..at + 1) else { continue };
                let same = if pack.key() == self.key {
                    digests[position].hash() == *old
                } else {
                    let block = &span[position * BLOCK_BYTES..span.len().min((position + 1) * BLOCK_BYTES)];
                    self.older_hasher(pack.key())?.digest(block).hash() == *old
                };
                if same {
                    kept[position] = Some((run.frame, in_frame));
                }
            }
        }
        Ok(kept)
    }

    fn older_hasher(&mut self, key: DataKeyId) -> Result<&BlockHasher, BackupError> {
        if !self.older_hashers.contains_key(&key) {
            let hasher = self.repository.block_hasher(key);
            let hasher = hasher.map_err(|e| BackupError::repository("open the key of an older pack", e))?;
            self.older_hashers.insert(key, hasher);
        }
        Ok(&self.older_hashers[&key])
    }

    /// Is the stretch spread over so many frames that it should be copied anew, and may it be?
    fn is_scattered(&self, kept: &[Option<(FrameId, u16)>], bytes: usize) -> bool {
        let frames: BTreeSet<Option<FrameId>> =
            kept.iter().map(|place| place.map(|(frame, _)| frame)).collect();
        if frames.len() <= SPAN_FRAMES_MAX {
            return false;
        }
        let bytes = i64::try_from(bytes).expect("at most 1 MiB");
        self.defragment.fetch_sub(bytes, Ordering::Relaxed) >= bytes
    }
}
