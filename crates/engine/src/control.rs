//! How a running job tells where it is, and learns that it must stop.

use std::fmt::Debug;

/// The stages of a job's work, in order. Queued, finished and failed are states
/// of the job, not stages of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Settings are tested: server, privileges, archive, repository, space.
    Checking,
    /// Parent set, block summaries, estimate; nothing is open on the server yet.
    Preparing,
    /// For a slot, the throttle or a lock; then the start checkpoint.
    Waiting,
    /// File list, frames.
    Copying,
    /// What was stored is fetched back and proven.
    Proving,
}

/// Why a job's work must end now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// A user cancelled the job.
    #[error("the job was cancelled")]
    Cancelled,
    /// Another worker holds the job now: stop, and delete nothing.
    #[error("the lease of the job was lost")]
    LeaseLost,
    /// The service shuts down; another attempt will follow.
    #[error("the service is shutting down")]
    Shutdown,
}

/// The job's side of the work: takes progress, gives interruptions. Used by many threads at once.
pub trait JobControl: Send + Sync + Debug {
    /// The work enters `stage`.
    ///
    /// # Errors
    /// The job must end → [`Interrupted`].
    fn enter(&self, stage: Stage) -> Result<(), Interrupted>;

    /// The bytes that the copy stage will read are known. Called once, before [`Stage::Copying`].
    fn plan(&self, bytes_planned: u64);

    /// `bytes` more were done of those planned.
    fn advance(&self, bytes: u64);

    /// How much of the proof is done: `done` of `total`, in any unit.
    fn prove(&self, done: u64, total: u64);

    /// Asked between frames and before each request to a server or store.
    ///
    /// # Errors
    /// The job must end → [`Interrupted`].
    fn check(&self) -> Result<(), Interrupted>;

    /// Blocks until a copy slot is free; it is held until the job's work ends.
    ///
    /// # Errors
    /// The job must end → [`Interrupted`].
    fn wait_for_slot(&self) -> Result<(), Interrupted>;

    /// Blocks as long as the throttle asks before `bytes` are read from the source.
    ///
    /// # Errors
    /// The job must end → [`Interrupted`].
    fn throttle(&self, bytes: u64) -> Result<(), Interrupted>;
}
