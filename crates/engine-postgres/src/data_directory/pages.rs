//! Proof of pages while they are copied (PostgreSQL's `sendFile` in `src/backend/backup/basebackup.c`).
//!
//! A page whose last change lies before the backup's start must fit its checksum. It may be caught in the middle of a
//! write, so one that does not is read again a few times; the write makes its position later than the start. A page
//! changed after the start may be torn: replay begins with a full image of it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::{BadBlocks, SourceEntry, SourceFile};
use pgwal::Lsn;
use repository::StoredPath;

use crate::page::{PageState, page_state};
use crate::relation_file::{RelationFile, holds_relations};

/// Pauses between readings of what did not fit. A page is written within microseconds; a host that is short of CPU
/// may stop the writer in between.
const PAUSES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
];

/// Suspects remembered; beyond this many a host is so broken that the first ones tell enough.
const SUSPECTS_MAX: usize = 10_000;

/// A tail shorter than this is no page, not even a damaged one (pgBackRest draws the same line).
const TAIL_BYTES_MIN: usize = 512;

/// What the check of pages must know of the cluster.
#[derive(Debug, Clone, Copy)]
pub struct PageChecks {
    /// Where the backup started; pages changed later are not judged.
    pub start: Lsn,
    /// Bytes of a page.
    pub block_bytes: u32,
    /// Pages in a segment file.
    pub relation_segment_blocks: u32,
}

/// A page that does not fit its checksum though it claims a change after the backup's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspectPage {
    /// The file.
    pub path: StoredPath,
    /// The page, counted from the start of the file.
    pub block: u64,
    /// The change that it claims.
    pub lsn: Lsn,
}

#[derive(Debug)]
pub(super) struct PageProof {
    checks: PageChecks,
    pages_checked: AtomicU64,
    suspects: Mutex<Vec<SuspectPage>>,
}

impl PageProof {
    pub(super) fn new(checks: PageChecks) -> Self {
        Self { checks, pages_checked: AtomicU64::new(0), suspects: Mutex::default() }
    }

    pub(super) fn pages_checked(&self) -> u64 {
        self.pages_checked.load(Ordering::Relaxed)
    }

    pub(super) fn suspects(&self) -> Vec<SuspectPage> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Proves the pages in `bytes`, which begin at `offset` of the file; `relative` is its path in the data directory.
    pub(super) fn prove(
        &self,
        entry: &SourceEntry,
        relative: &[u8],
        file: &dyn SourceFile,
        offset: u64,
        bytes: &mut [u8],
    ) -> io::Result<BadBlocks> {
        let Some(relation) = relation_of(relative) else { return Ok(BadBlocks::default()) };
        let page_bytes = self.checks.block_bytes as usize;
        let first = offset / u64::from(self.checks.block_bytes);
        let is_wrong = |index: usize, page: &[u8]| {
            let block = first + index as u64;
            match self.judge(relation, block, page) {
                Verdict::Right => false,
                Verdict::Suspect(lsn) => {
                    self.note_suspect(SuspectPage { path: entry.path.clone(), block, lsn });
                    false
                }
                Verdict::Wrong => true,
            }
        };
        let pages = bytes.chunks_exact(page_bytes).enumerate();
        let mut wrong: Vec<usize> =
            pages.filter(|(index, page)| is_wrong(*index, page)).map(|(index, _)| index).collect();
        self.pages_checked.fetch_add((bytes.len() / page_bytes) as u64, Ordering::Relaxed);
        for pause in PAUSES {
            if wrong.is_empty() {
                break;
            }
            std::thread::sleep(pause);
            wrong = read_again(file, offset, page_bytes, bytes, &wrong, is_wrong)?;
        }
        let mut bad: Vec<u64> = wrong.into_iter().map(|index| first + index as u64).collect();
        let tail = bytes.len() % page_bytes;
        if tail >= TAIL_BYTES_MIN && ends_here(file, offset + bytes.len() as u64)? {
            bad.push(first + (bytes.len() / page_bytes) as u64);
        }
        Ok(BadBlocks(bad))
    }

    fn judge(&self, relation: RelationFile, block: u64, page: &[u8]) -> Verdict {
        // The server counts blocks in 32 bits; a file longer than that is none of its relations.
        let Ok(block) = u32::try_from(block) else { return Verdict::Wrong };
        let number = relation.first_block(self.checks.relation_segment_blocks).wrapping_add(block);
        match page_state(page, number) {
            PageState::Valid | PageState::Zero => Verdict::Right,
            PageState::Mismatch { lsn } if lsn >= self.checks.start => Verdict::Suspect(lsn),
            PageState::Mismatch { .. } => Verdict::Wrong,
        }
    }

    fn note_suspect(&self, suspect: SuspectPage) {
        let mut suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        if suspects.len() < SUSPECTS_MAX {
            suspects.push(suspect);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    Suspect(Lsn),
    Wrong,
}

/// Reads the pages at the indexes in `wrong` again, into their places; returns those that still are.
fn read_again(
    file: &dyn SourceFile,
    offset: u64,
    page_bytes: usize,
    bytes: &mut [u8],
    wrong: &[usize],
    is_wrong: impl Fn(usize, &[u8]) -> bool,
) -> io::Result<Vec<usize>> {
    let mut still = Vec::new();
    for &index in wrong {
        let at = index * page_bytes;
        let page = &mut bytes[at..at + page_bytes];
        let mut fresh = vec![0; page_bytes];
        // A page that is no longer there was truncated away, which replay does too.
        if file.read_at(offset + at as u64, &mut fresh)? < page_bytes {
            continue;
        }
        page.copy_from_slice(&fresh);
        if is_wrong(index, page) {
            still.push(index);
        }
    }
    Ok(still)
}

/// Whether the file still ends at `end`: a tail that is being written grows to a whole page at once.
fn ends_here(file: &dyn SourceFile, end: u64) -> io::Result<bool> {
    for pause in PAUSES {
        std::thread::sleep(pause);
        if file.read_at(end, &mut [0])? > 0 {
            return Ok(false);
        }
    }
    Ok(end == file.bytes())
}

/// The relation whose pages the file at `relative` holds.
fn relation_of(relative: &[u8]) -> Option<RelationFile> {
    let slash = relative.iter().rposition(|byte| *byte == b'/')?;
    let (folder, name) = (&relative[..slash], &relative[slash + 1..]);
    if holds_relations(folder) { RelationFile::parse(name) } else { None }
}
