//! Looking up backup jobs, many callers at a time.
//!
//! Watching jobs is what clients do most, and nearly all that one look-up costs is waking the
//! database's thread and being woken by it. So callers that come while a look-up is under way share
//! the next one: the first to get its turn asks for all who wait. Nobody waits for company, and each
//! answer is read after its caller asked.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use repository::{BackupJobId, InstanceId};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::error::{Doing, Error};
use crate::job::JobSummary;
use crate::job::memory::{Inner, Known, put};

/// Numbers of placeholders that a look-up may have, so that few statements are prepared. A group that
/// is smaller asks for its last key several times, which costs a fraction of preparing a statement.
const GROUP_SIZES: [usize; 4] = [1, 4, 16, 64];
pub(crate) const GROUP_MAX: usize = GROUP_SIZES[GROUP_SIZES.len() - 1];

/// What a backup job is looked up by. At most one job has it.
pub(super) trait Key: Clone + Debug + Send {
    /// The condition; `{keys}` are the placeholders. Words are spelled out so that a partial index is
    /// seen to hold all these rows.
    const CONDITION: &'static str;

    /// As a statement's value.
    fn value(&self) -> Value;

    /// Whether it is the row's.
    fn is_of(&self, found: &Found) -> bool;

    /// What is remembered of the job; of one that has not ended only if that is `current`.
    fn remembered(&self, memory: &Inner, current: bool) -> Option<Known>;

    /// Remembers what was found, which has not ended.
    fn remember(&self, memory: &mut Inner, found: Option<&Found>);
}

/// By number, in whatever state.
impl Key for BackupJobId {
    const CONDITION: &'static str = "id IN ({keys}) AND kind = 'backup'";

    fn value(&self) -> Value {
        i64::from(self.get()).into()
    }

    fn is_of(&self, found: &Found) -> bool {
        found.summary.id == *self
    }

    fn remembered(&self, memory: &Inner, current: bool) -> Option<Known> {
        let active = || memory.active.get(self).filter(|_| current);
        memory.ended.get(self).or_else(active).map(|found| Known(Some(found.clone())))
    }

    /// That there is no such job is not remembered: there are too many numbers that are none's.
    fn remember(&self, memory: &mut Inner, found: Option<&Found>) {
        if let Some(found) = found {
            put(&mut memory.active, *self, found.clone());
        }
    }
}

/// The one of an instance that is queued or running.
impl Key for InstanceId {
    const CONDITION: &'static str = "instance_id IN ({keys}) AND kind = 'backup' AND ended_micros IS NULL";

    fn value(&self) -> Value {
        self.as_str().into()
    }

    fn is_of(&self, found: &Found) -> bool {
        *found.instance == *self.as_str()
    }

    fn remembered(&self, memory: &Inner, current: bool) -> Option<Known> {
        memory.of_instance.get(self).filter(|_| current).cloned()
    }

    fn remember(&self, memory: &mut Inner, found: Option<&Found>) {
        put(&mut memory.of_instance, self.clone(), Known(found.cloned()));
    }
}

/// A backup job and the instance that it is of.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) instance: Arc<str>,
    pub(super) summary: JobSummary,
}

/// The look-ups of a catalog.
#[derive(Debug)]
pub(crate) struct JobLookups {
    pub(super) by_number: Group<BackupJobId>,
    pub(super) active: Group<InstanceId>,
}

impl JobLookups {
    pub(crate) fn new() -> Self {
        Self { by_number: Group::new(), active: Group::new() }
    }
}

/// Who waits for a look-up, and whose turn it is to ask.
#[derive(Debug)]
pub(super) struct Group<K> {
    statements: [String; GROUP_SIZES.len()],
    waiting: Mutex<Vec<Waiting<K>>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting<K> {
    key: K,
    answer: oneshot::Sender<Option<Found>>,
}

impl<K: Key> Group<K> {
    fn new() -> Self {
        Self {
            statements: GROUP_SIZES.map(statement_of::<K>),
            waiting: Mutex::new(Vec::new()),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// The job with that key. Cancel safe: those who counted on this caller ask again.
    pub(super) async fn find(
        &self,
        connection: &impl ConnectionTrait,
        key: &K,
    ) -> Result<Option<Found>, Error> {
        let (answer, mut answered) = oneshot::channel();
        self.lock_waiting().push(Waiting { key: key.clone(), answer });
        let found = tokio::select! {
            biased;
            found = &mut answered => found.ok(),
            _turn = self.turn.lock() => self.answer_until(connection, &mut answered).await?,
        };
        match found {
            Some(found) => Ok(found),
            // Whoever asked for this one was dropped, or failed, and keeps its error for itself.
            None => Ok(self.ask(connection, &[key]).await?.pop()),
        }
    }

    /// Answers those who wait, oldest first, until `own` is answered too. `None`: it never will be.
    async fn answer_until(
        &self,
        connection: &impl ConnectionTrait,
        own: &mut oneshot::Receiver<Option<Found>>,
    ) -> Result<Option<Option<Found>>, Error> {
        loop {
            match own.try_recv() {
                Ok(found) => return Ok(Some(found)),
                Err(TryRecvError::Closed) => return Ok(None),
                Err(TryRecvError::Empty) => {}
            }
            let group: Vec<Waiting<K>> = {
                let mut waiting = self.lock_waiting();
                let count = waiting.len().min(GROUP_MAX);
                waiting.drain(..count).collect()
            };
            let keys: Vec<&K> = group.iter().map(|waiting| &waiting.key).collect();
            let found = self.ask(connection, &keys).await?;
            for Waiting { key, answer } in group {
                // A caller that was dropped meanwhile needs no answer.
                let _ = answer.send(found.iter().find(|found| key.is_of(found)).cloned());
            }
        }
    }

    async fn ask(&self, connection: &impl ConnectionTrait, keys: &[&K]) -> Result<Vec<Found>, Error> {
        let Some(last) = keys.last() else { return Ok(Vec::new()) };
        let fitting = GROUP_SIZES.iter().zip(&self.statements).find(|(size, _)| **size >= keys.len());
        let (size, sql) = fitting.expect("a group is at most GROUP_MAX");
        let values = keys.iter().chain(std::iter::repeat(last)).take(*size).map(|key| key.value());
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        let rows = connection.query_all_raw(statement).await.doing("look up backup jobs")?;
        rows.iter().map(Found::from_result).collect()
    }

    fn lock_waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting<K>>> {
        // The list is whole at every moment, so a panic elsewhere spoils nothing.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks up that many jobs.
pub(super) fn statement_of<K: Key>(size: usize) -> String {
    let keys = (1..=size).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
    let condition = K::CONDITION.replace("{keys}", &keys);
    format!(
        "SELECT id, mode, state, stage, process_percent, reserved_set_id, instance_id FROM job WHERE {condition}"
    )
}

impl Found {
    fn from_result(row: &QueryResult) -> Result<Self, Error> {
        let instance: String = row.try_get_by_index(6).doing("look up backup jobs")?;
        Ok(Self { instance: instance.into(), summary: JobSummary::from_result(row)? })
    }
}
