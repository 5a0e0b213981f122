//! How long things take in a job's life.

use std::time::Duration;

/// Times of leases, progress and retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobTimes {
    /// How long a lease lasts unless renewed: so long a dead node's job stays where it is.
    pub lease: Duration,
    /// How often a lease is renewed: two renewals may fail before the third loses the job.
    pub heartbeat: Duration,
    /// Shortest time between two records of a job's progress: each is a durable write, and a few in a
    /// second are as many as anybody watches.
    pub progress_gap: Duration,
    /// Wait before the second attempt, and five times that before the third: a server that restarts is back.
    pub retry_after: Duration,
    /// How often an attempt says in the repository that it is at work.
    pub renew_begin: Duration,
    /// Longest wait before looking for jobs without being woken: what another node asked for wakes nobody.
    pub look_every: Duration,
}

impl Default for JobTimes {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            progress_gap: Duration::from_millis(200),
            retry_after: Duration::from_secs(2),
            renew_begin: repository::RENEW_BEGIN_EVERY,
            look_every: Duration::from_secs(5),
        }
    }
}
