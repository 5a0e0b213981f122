//! Backup jobs as they were last read, so that watching one again needs no statement. The switch to the
//! database's threads and back costs more than all the rest of such a call.
//!
//! - A job that ended never changes again, on no node: it is remembered with every catalog.
//! - One that is queued or running is remembered only where this process is the only one that changes jobs
//!   ([`CatalogOptions::sole_process`](crate::CatalogOptions::sole_process)). Then what is remembered is what
//!   is stored, for each write that may become visible is made by [`JobMemory::during`]: while one is under
//!   way nothing of such jobs is answered from memory, and what was read before its end is not put there.
//! - A write whose caller was dropped may still happen. From then on the memory rests until a write that
//!   began later is over: all writes take turns on one connection, so the one before it is over too.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use repository::{BackupJobId, InstanceId};

use crate::job::lookup::{Found, Key};
use crate::job::{Claim, JobPhase};

/// Jobs remembered of each kind of look-up: about 150 bytes each, 20 MB. When they are too many, all are
/// forgotten.
const JOBS_MAX: usize = 128 * 1024;

/// What was seen of backup jobs.
#[derive(Debug)]
pub(crate) struct JobMemory {
    sole_process: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) ended: HashMap<BackupJobId, Found>,
    pub(super) active: HashMap<BackupJobId, Found>,
    /// The active job of an instance.
    pub(super) of_instance: HashMap<InstanceId, Known>,
    under_way: usize,
    /// Writes that began so far.
    begun: u64,
    /// Writes that ended so far.
    ended_count: u64,
    /// A caller was dropped when so many writes had begun.
    dropped_at: Option<u64>,
}

/// What is stored: a job, or that there is none.
#[derive(Debug, Clone)]
pub(super) struct Known(pub(super) Option<Found>);

/// What the memory answers.
#[derive(Debug)]
pub(super) enum Recalled {
    /// What is stored.
    Known(Known),
    /// It has to be looked up.
    Unknown(Reading),
}

/// A look-up that has not begun yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Writes that had ended; `None` when one is under way.
    before: Option<u64>,
}

/// The jobs that a write may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changed {
    /// These.
    These(Vec<(BackupJobId, Option<InstanceId>)>),
    /// Whichever.
    Any,
}

impl Changed {
    /// The job of a claim.
    pub(super) fn by(claim: &Claim) -> Self {
        Self::These(vec![(claim.job.id, claim.job.instance.clone())])
    }
}

impl JobMemory {
    pub(crate) fn new(sole_process: bool) -> Self {
        Self { sole_process, inner: Mutex::default() }
    }

    pub(crate) fn is_of_sole_process(&self) -> bool {
        self.sole_process
    }

    /// What is known of the job with that key.
    pub(super) fn recall<K: Key>(&self, key: &K) -> Recalled {
        let inner = self.lock();
        let current = inner.is_current();
        match key.remembered(&inner, current) {
            Some(known) => Recalled::Known(known),
            None => Recalled::Unknown(Reading { before: current.then_some(inner.ended_count) }),
        }
    }

    /// Remembers what a look-up found.
    pub(super) fn keep<K: Key>(&self, reading: Reading, key: &K, found: Option<&Found>) {
        let mut inner = self.lock();
        if let Some(found) = found.filter(|found| found.has_ended()) {
            put(&mut inner.ended, found.summary.id, found.clone());
        } else if self.sole_process && inner.is_current() && reading.before == Some(inner.ended_count) {
            key.remember(&mut inner, found);
        }
    }

    /// Runs a write of jobs that may become visible: a commit, or a statement by itself.
    pub(crate) async fn during<T, E>(
        &self,
        changed: Changed,
        write: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if !self.sole_process {
            return write.await;
        }
        let under_way = self.begin();
        let outcome = write.await;
        under_way.end(if outcome.is_ok() { &changed } else { &Changed::Any });
        outcome
    }

    fn begin(&self) -> UnderWay<'_> {
        let mut inner = self.lock();
        inner.under_way += 1;
        inner.begun += 1;
        UnderWay { memory: self, number: inner.begun, answered: false }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // It is whole at every moment, so a panic elsewhere spoils nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether what is remembered of jobs that have not ended is what is stored.
    fn is_current(&self) -> bool {
        self.under_way == 0 && self.dropped_at.is_none()
    }

    fn forget(&mut self, changed: &Changed) {
        match changed {
            Changed::These(jobs) => {
                for (job, instance) in jobs {
                    self.active.remove(job);
                    if let Some(instance) = instance {
                        self.of_instance.remove(instance);
                    }
                }
            }
            Changed::Any => {
                self.active.clear();
                self.of_instance.clear();
            }
        }
    }
}

/// A write that is under way.
#[derive(Debug)]
struct UnderWay<'a> {
    memory: &'a JobMemory,
    /// Writes that had begun, this one included.
    number: u64,
    answered: bool,
}

impl UnderWay<'_> {
    /// The database answered.
    fn end(mut self, changed: &Changed) {
        self.answered = true;
        let mut inner = self.memory.lock();
        inner.forget(changed);
        inner.dropped_at = inner.dropped_at.filter(|begun| *begun >= self.number);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut inner = self.memory.lock();
        inner.under_way -= 1;
        inner.ended_count += 1;
        if !self.answered {
            inner.forget(&Changed::Any);
            inner.dropped_at = Some(inner.begun);
        }
    }
}

impl Found {
    fn has_ended(&self) -> bool {
        match self.summary.phase {
            JobPhase::Queued | JobPhase::Running => false,
            JobPhase::Succeeded | JobPhase::Failed => true,
        }
    }
}

/// Puts one more into a map that has a bound.
pub(super) fn put<K: Eq + Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
    if map.len() >= JOBS_MAX {
        map.clear();
    }
    map.insert(key, value);
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::backup_set::BackupMode;
    use crate::job::{JobStage, JobSummary, Percent};

    fn job(number: u32) -> BackupJobId {
        BackupJobId::new(number).unwrap()
    }

    fn found(number: u32, phase: JobPhase) -> Found {
        let summary = JobSummary {
            id: job(number),
            mode: BackupMode::Manual,
            phase,
            stage: JobStage::Uploading,
            process: Percent::ZERO,
            set: None,
        };
        Found { instance: "pg-1".into(), summary }
    }

    fn reading(memory: &JobMemory, number: u32) -> Reading {
        match memory.recall(&job(number)) {
            Recalled::Unknown(reading) => reading,
            Recalled::Known(found) => panic!("{found:?} is remembered"),
        }
    }

    fn knows(memory: &JobMemory, number: u32) -> bool {
        matches!(memory.recall(&job(number)), Recalled::Known(Known(Some(_))))
    }

    /// Looks a running job up.
    fn look_up(memory: &JobMemory, number: u32) {
        let reading = reading(memory, number);
        memory.keep(reading, &job(number), Some(&found(number, JobPhase::Running)));
    }

    fn these(number: u32) -> Changed {
        Changed::These(vec![(job(number), None)])
    }

    async fn write(memory: &JobMemory, changed: Changed) {
        memory.during(changed, ready(Ok::<(), ()>(()))).await.unwrap();
    }

    /// Polls a write once and drops it.
    fn dropped_write(memory: &JobMemory) {
        let mut write = Box::pin(memory.during(these(9), pending::<Result<(), ()>>()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(write.as_mut().poll(&mut context).is_pending());
    }

    #[tokio::test]
    async fn a_write_is_forgotten_by_name_and_a_failed_one_takes_all() {
        let memory = JobMemory::new(true);
        look_up(&memory, 1);
        look_up(&memory, 2);
        write(&memory, these(1)).await;
        assert!(!knows(&memory, 1) && knows(&memory, 2));
        memory.during(these(1), ready(Err::<(), ()>(()))).await.unwrap_err();
        assert!(!knows(&memory, 2));
    }

    #[tokio::test]
    async fn nothing_is_answered_or_kept_while_a_write_is_under_way() {
        let memory = JobMemory::new(true);
        look_up(&memory, 1);
        let early = reading(&memory, 2);
        let look = async {
            assert!(!knows(&memory, 1), "the write may be visible already");
            memory.keep(early, &job(2), Some(&found(2, JobPhase::Running)));
            let during = reading(&memory, 3);
            memory.keep(during, &job(3), Some(&found(3, JobPhase::Running)));
            Ok::<_, ()>(during)
        };
        let during = memory.during(these(9), look).await.unwrap();
        assert!(knows(&memory, 1), "the write was of another job");
        for (number, reading) in [(2, early), (3, during)] {
            memory.keep(reading, &job(number), Some(&found(number, JobPhase::Running)));
            assert!(!knows(&memory, number), "it may have been read before the write");
        }
    }

    #[tokio::test]
    async fn after_a_dropped_write_the_memory_rests_until_a_later_one_is_over() {
        let memory = JobMemory::new(true);
        look_up(&memory, 1);
        let drop_another = async {
            dropped_write(&memory);
            Ok::<(), ()>(())
        };
        memory.during(these(9), drop_another).await.unwrap();
        look_up(&memory, 1);
        assert!(!knows(&memory, 1), "the write that ended had begun before the other was dropped");
        write(&memory, these(9)).await;
        assert!(!knows(&memory, 1), "nothing of before is left");
        look_up(&memory, 1);
        assert!(knows(&memory, 1));
    }

    #[tokio::test]
    async fn several_processes_remember_ended_jobs_only() {
        let memory = JobMemory::new(false);
        look_up(&memory, 1);
        assert!(!knows(&memory, 1));
        let reading = reading(&memory, 1);
        memory.keep(reading, &job(1), Some(&found(1, JobPhase::Failed)));
        write(&memory, Changed::Any).await;
        assert!(knows(&memory, 1));
    }
}
