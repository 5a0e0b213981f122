//! The content of files in the order of their bytes, from any byte on.
//!
//! Frames are fetched a few at a time and kept while they may still be needed: small files share one, and a file that
//! changed little by little goes back and forth between some.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use repository::{
    BLOCK_BYTES, Content, Entry, FrameBuffers, FrameId, FrameReader, OpenSet, RepositoryError, Run, run_bytes,
};

use super::ArchiveError;

/// Frames kept: 16 MiB. A stretch of 1 MiB lies in at most 8, or the backup would have copied it anew.
const FRAMES_KEPT: usize = 16;
/// Consecutive frames fetched in one request.
const FRAMES_FETCHED: usize = 4;

/// Reads files of one set. One thread's.
pub(super) struct ContentReader<'a> {
    set: &'a OpenSet,
    reader: &'a FrameReader,
    buffers: FrameBuffers,
    frames: VecDeque<(FrameId, Arc<[u8]>)>,
}

impl<'a> ContentReader<'a> {
    pub(super) fn new(set: &'a OpenSet) -> Result<Self, ArchiveError> {
        let buffers = FrameBuffers::new().map_err(|source| ArchiveError::Repository {
            path: "frames".to_owned(),
            source: RepositoryError::Compress { what: "nothing yet", source },
        })?;
        Ok(Self { set, reader: set.reader(), buffers, frames: VecDeque::new() })
    }

    /// Writes some bytes of a file; `range` lies in it.
    pub(super) fn write(
        &mut self,
        entry: &Entry,
        range: Range<u64>,
        sink: &mut dyn Write,
    ) -> Result<(), ArchiveError> {
        let Content::File { bytes, .. } = entry.content else { return Ok(()) };
        let failed = |source| ArchiveError::Repository { path: entry.path.to_string(), source };
        let runs = self.set.runs(entry, &mut self.buffers).map_err(failed)?;
        let block = BLOCK_BYTES as u64;
        let first = runs.partition_point(|run| run.end_block() * block <= range.start);
        for at in first..runs.len() {
            let run = &runs[at];
            let (start, end) = (run.first_block * block, bytes.min(run.end_block() * block));
            if start >= range.end {
                break;
            }
            let frame = self.frame(&runs[at..]).map_err(failed)?;
            let pack = self.reader.pack(run.frame.pack).map_err(failed)?;
            let content = run_bytes(pack.index(), run)
                .and_then(|(from, to)| frame.get(from..to))
                .filter(|content| content.len() as u64 == end - start);
            let content = content.ok_or_else(|| {
                failed(RepositoryError::Absent { what: format!("some block of {}", run.frame) })
            })?;
            let within = |position: u64| {
                usize::try_from(position.clamp(start, end) - start).expect("a frame is in memory")
            };
            sink.write_all(&content[within(range.start)..within(range.end)]).map_err(ArchiveError::Sink)?;
        }
        Ok(())
    }

    /// The frame of the first of `runs`; those that the next runs need are fetched with it, where they lie behind it.
    fn frame(&mut self, runs: &[Run]) -> Result<Arc<[u8]>, RepositoryError> {
        let wanted = runs[0].frame;
        if let Some(known) = self.kept(wanted) {
            return Ok(known);
        }
        let mut end = wanted.number + 1;
        for run in &runs[1..] {
            let next = FrameId { pack: wanted.pack, number: end };
            let is_enough = (end - wanted.number) as usize == FRAMES_FETCHED;
            if run.frame != next || is_enough || self.kept(next).is_some() {
                break;
            }
            end += 1;
        }
        let Self { reader, buffers, frames, .. } = self;
        let mut found = None;
        reader.read_frames(wanted.pack, wanted.number..end, buffers, |number, content| {
            let content: Arc<[u8]> = content.into();
            found.get_or_insert_with(|| Arc::clone(&content));
            if frames.len() == FRAMES_KEPT {
                frames.pop_front();
            }
            frames.push_back((FrameId { pack: wanted.pack, number }, content));
            Ok::<(), RepositoryError>(())
        })?;
        found.ok_or_else(|| RepositoryError::Absent { what: wanted.to_string() })
    }

    /// A kept frame, which is then kept longest.
    fn kept(&mut self, frame: FrameId) -> Option<Arc<[u8]>> {
        let at = self.frames.iter().position(|(known, _)| *known == frame)?;
        let kept = self.frames.remove(at)?;
        let content = Arc::clone(&kept.1);
        self.frames.push_back(kept);
        Some(content)
    }
}
