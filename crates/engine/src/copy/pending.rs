//! Entries that were listed and are not in the table yet.

use std::sync::Arc;

use repository::{BLOCK_BYTES, Content, EntryHead, MapPiece, Run, push_run};

use super::older::OlderFile;
use super::worker::Part;

/// One entry, waiting for its parts.
#[derive(Debug)]
pub(super) struct Pending {
    head: EntryHead,
    content: PendingContent,
}

#[derive(Debug)]
enum PendingContent {
    Other(Content),
    File(PendingFile),
}

#[derive(Debug)]
struct PendingFile {
    older: Option<Arc<OlderFile>>,
    missing_parts: usize,
    runs: Vec<Run>,
    bad: Vec<u64>,
    /// Where the file ended when a part of it was read.
    end: u64,
    /// Where it ended too early, if it was cut meanwhile.
    cut: Option<u64>,
    gone: bool,
}

/// A whole entry.
pub(super) enum Settled {
    /// It vanished before it was read.
    Gone,
    /// A folder or symbolic link.
    Other { head: EntryHead, content: Content },
    File {
        head: EntryHead,
        bytes: u64,
        runs: Vec<Run>,
        /// Where the parent keeps the same map.
        kept: Option<Vec<MapPiece>>,
        bad: Vec<u64>,
    },
}

impl Pending {
    pub(super) fn other(head: EntryHead, content: Content) -> Self {
        Self { head, content: PendingContent::Other(content) }
    }

    pub(super) fn file(head: EntryHead, older: Option<Arc<OlderFile>>, parts: usize) -> Self {
        let file = PendingFile {
            older,
            missing_parts: parts,
            runs: Vec::new(),
            bad: Vec::new(),
            end: 0,
            cut: None,
            gone: false,
        };
        Self { head, content: PendingContent::File(file) }
    }

    pub(super) fn is_whole(&self) -> bool {
        match &self.content {
            PendingContent::Other(_) => true,
            PendingContent::File(file) => file.missing_parts == 0,
        }
    }

    pub(super) fn add(&mut self, part: Part) {
        let PendingContent::File(file) = &mut self.content else { return };
        let Part { number: _, runs, end, cut, gone, bad, reused_bytes: _ } = part;
        file.missing_parts -= 1;
        file.runs.extend(runs);
        file.bad.extend(bad);
        file.end = file.end.max(end);
        file.gone |= gone;
        if let Some(cut) = cut {
            file.cut = Some(file.cut.map_or(cut, |earlier| earlier.min(cut)));
        }
    }

    pub(super) fn settle(self) -> Settled {
        let Self { head, content } = self;
        match content {
            PendingContent::Other(content) => Settled::Other { head, content },
            PendingContent::File(PendingFile { gone: true, .. }) => Settled::Gone,
            PendingContent::File(file) => file.settle(head),
        }
    }
}

impl PendingFile {
    fn settle(mut self, head: EntryHead) -> Settled {
        let bytes = self.cut.unwrap_or(self.end);
        let blocks = bytes.div_ceil(BLOCK_BYTES as u64);
        self.runs.sort_unstable_by_key(|run| run.first_block);
        let mut runs = Vec::with_capacity(self.runs.len());
        for mut run in self.runs {
            if run.end_block() > blocks {
                // What lay behind the cut was read before the cut; the log brings it back where it counts.
                let left = blocks.saturating_sub(run.first_block);
                run.count = u16::try_from(left).unwrap_or(run.count).min(run.count);
            }
            if run.count > 0 {
                push_run(&mut runs, run);
            }
        }
        self.bad.sort_unstable();
        let kept = self.older.filter(|older| older.bytes == bytes && older.runs == runs);
        Settled::File { head, bytes, runs, kept: kept.map(|older| older.pieces.clone()), bad: self.bad }
    }
}
