//! Progress in bytes, for work on a repository.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::{ExtractProgress, Interrupted};
use repository::VerifyProgress;

use super::Progress;

/// Adds up bytes of a total. Used by many threads at once.
#[derive(Debug)]
pub(crate) struct BytesProgress {
    progress: Progress,
    stage: &'static str,
    total: AtomicU64,
    done: AtomicU64,
}

impl BytesProgress {
    /// Progress of `subject` in its only stage.
    pub(crate) fn new(subject: &str, stage: &'static str) -> Self {
        Self { progress: Progress::new(subject), stage, total: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    /// So many bytes are to be done.
    pub(crate) fn set_total(&self, bytes: u64) {
        self.total.store(bytes, Ordering::Relaxed);
        self.add(0);
    }

    fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.progress.show_bytes(self.stage, done, self.total.load(Ordering::Relaxed));
    }
}

impl VerifyProgress for BytesProgress {
    fn plan(&self, bytes: u64) {
        self.set_total(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.add(bytes);
    }
}

impl ExtractProgress for BytesProgress {
    fn advance(&self, bytes: u64) {
        self.add(bytes);
    }

    fn check(&self) -> Result<(), Interrupted> {
        Ok(())
    }
}
