//! How a helper thread of a backup tells that the backup cannot succeed any more: the SQL session is gone, or WAL ended
//! to come. The copy then stops at its next frame instead of at its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use engine::{BackupError, Interrupted, JobControl, Stage};

/// The first failure of any helper. Once set, it stays.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    is_set: AtomicBool,
    cause: Mutex<Option<BackupError>>,
}

impl Lost {
    pub(crate) fn set(&self, cause: BackupError) {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
        self.is_set.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    /// The cause; `None` while all is well. Given once.
    pub(crate) fn take(&self) -> Option<BackupError> {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The helper's failure in place of what the copy made of it.
    pub(crate) fn explain(&self, error: BackupError) -> BackupError {
        if matches!(error, BackupError::Interrupted(Interrupted::Shutdown)) {
            self.take().unwrap_or(error)
        } else {
            error
        }
    }
}

/// A job's control that also ends the work when a helper failed.
#[derive(Debug)]
pub(crate) struct GuardedControl<'a> {
    pub(crate) inner: &'a dyn JobControl,
    pub(crate) lost: &'a Lost,
}

impl GuardedControl<'_> {
    /// The pipeline knows interruptions only; [`Lost::explain`] turns this one back into its cause.
    fn guard(&self) -> Result<(), Interrupted> {
        if self.lost.is_set() { Err(Interrupted::Shutdown) } else { Ok(()) }
    }
}

impl JobControl for GuardedControl<'_> {
    fn enter(&self, stage: Stage) -> Result<(), Interrupted> {
        self.guard()?;
        self.inner.enter(stage)
    }

    fn plan(&self, bytes_planned: u64) {
        self.inner.plan(bytes_planned);
    }

    fn advance(&self, bytes: u64) {
        self.inner.advance(bytes);
    }

    fn prove(&self, done: u64, total: u64) {
        self.inner.prove(done, total);
    }

    fn check(&self) -> Result<(), Interrupted> {
        self.inner.check()?;
        self.guard()
    }

    fn wait_for_slot(&self) -> Result<(), Interrupted> {
        self.inner.wait_for_slot()
    }

    fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
        self.guard()?;
        self.inner.throttle(bytes)
    }
}
