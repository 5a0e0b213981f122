//! Waking those who wait for jobs: the runner for work to claim, `--wait` for a job to move on.
//!
//! Within this process a commit wakes at once. What another node committed is noticed when the
//! bounded wait ends; a waiter therefore always looks at the catalog after waking.

use std::time::Duration;

use tokio::sync::watch;

/// Counts what happened, so that nobody misses what came between looking and waiting.
#[derive(Debug)]
pub(crate) struct Wake {
    work: watch::Sender<u64>,
    jobs: watch::Sender<u64>,
    policies: watch::Sender<u64>,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self { work: watch::Sender::new(0), jobs: watch::Sender::new(0), policies: watch::Sender::new(0) }
    }

    /// There may be something to claim, or a running job was asked to stop.
    pub(crate) fn work(&self) {
        self.work.send_modify(|count| *count += 1);
        self.jobs();
    }

    /// Some job moved on.
    pub(crate) fn jobs(&self) {
        self.jobs.send_modify(|count| *count += 1);
    }

    /// Some policy is another.
    pub(crate) fn policies(&self) {
        self.policies.send_modify(|count| *count += 1);
    }

    pub(crate) fn watch_policies(&self) -> JobWatch {
        JobWatch { changes: self.policies.subscribe() }
    }

    pub(crate) fn watch_work(&self) -> JobWatch {
        JobWatch { changes: self.work.subscribe() }
    }

    pub(crate) fn watch_jobs(&self) -> JobWatch {
        JobWatch { changes: self.jobs.subscribe() }
    }
}

/// Waits for commits of this process. Take it before looking at the catalog, wait after.
#[derive(Debug, Clone)]
pub struct JobWatch {
    changes: watch::Receiver<u64>,
}

impl JobWatch {
    /// Ends at the next commit since the last wait, or after `at_most`. Cancel safe.
    pub async fn wait(&mut self, at_most: Duration) {
        // Either way the caller looks: a timeout, or a catalog that was closed, needs no answer here.
        let _ = tokio::time::timeout(at_most, self.changes.changed()).await;
    }
}
