//! Leases: a worker claims a job, renews its right to it, says how far it is, and gives it back.
//!
//! A claim is a compare and swap in one statement. Under PostgreSQL's READ COMMITTED the second
//! claimant evaluates the outer condition again on the changed row and gets none; skipping locked
//! rows only spares it that. SQLite has one writer.

use std::time::Duration;

use jiff::Timestamp;
use repository::{AttemptId, BackupJobId, BackupSetId, FencingEpoch};
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::catalog::Catalog;
use crate::column::{micros, number, parsed, stored_count, timestamp};
use crate::connect::LeaseClock;
use crate::error::{Doing, Error};
use crate::job::{
    ATTEMPTS_MAX, Changed, Failure, Job, JobKind, JobStage, JobState, Lease, LeaseError, LeaseOwner, Percent,
};
use crate::statement::{dialect, execute, get, query_all, query_one, statement};

/// Grants beyond [`ATTEMPTS_MAX`] whose errand is only to settle. Should even that kill the worker
/// each time, the job fails without one.
const SETTLING_MAX: u32 = 3;

/// What a worker wants to claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Who asks.
    pub owner: LeaseOwner,
    /// The kinds of work it does; none means that nothing is claimed.
    pub kinds: Vec<JobKind>,
    /// How long the lease lasts unless renewed.
    pub lease: Duration,
}

/// What the holder of a claim is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// The work. With earlier attempts, first look whether one of them published a manifest.
    Run,
    /// No work: look whether an earlier attempt published a manifest; finish by that, or fail with
    /// this cause.
    Settle {
        /// Why there will be no other attempt.
        failure: Failure,
    },
}

/// A worker's hold on a job. Every write by it names the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The job as it was when claimed.
    pub job: Job,
    /// The lease's epoch.
    pub epoch: FencingEpoch,
    /// The names that this attempt writes under.
    pub attempt: AttemptId,
    /// Attempts before this one, oldest first; one of them may have published a manifest.
    pub earlier_attempts: Vec<AttemptId>,
    /// What to do.
    pub errand: Errand,
    /// When another worker may take the job, unless renewed.
    pub lease_until: Timestamp,
}

impl Claim {
    /// The job's number.
    pub fn id(&self) -> BackupJobId {
        self.job.id
    }

    /// The number that a backup job's set has.
    pub fn reserved_set(&self) -> Option<BackupSetId> {
        self.job.reserved_set
    }

    /// That another worker holds the job.
    pub(super) fn lost(&self) -> LeaseError {
        LeaseError::LeaseLost { job: self.job.id, epoch: self.epoch }
    }

    /// The job's number and epoch, as a statement's first values after the time.
    pub(super) fn fence(&self) -> (Value, Value) {
        (i64::from(self.job.id.get()).into(), stored_count(self.epoch.get()).into())
    }
}

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The stage it is in.
    pub stage: JobStage,
    /// Percentage done; one below what was reported before changes nothing.
    pub process: Percent,
    /// Bytes to read, once planned.
    pub bytes_planned: Option<u64>,
    /// Bytes read.
    pub bytes_done: u64,
}

/// What a worker hears when it renews or reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Stop, and fail the job as cancelled.
    pub cancel_requested: bool,
    /// When another worker may take the job, unless renewed again.
    pub lease_until: Timestamp,
}

impl Catalog {
    /// Claims the job that has waited longest: one whose worker died, else one that is due. `None`:
    /// there is nothing, or others were faster; wait on [`Catalog::watch_work`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn claim(&self, request: &ClaimRequest, now: Timestamp) -> Result<Option<Claim>, Error> {
        let ClaimRequest { owner, kinds, lease } = request;
        if kinds.is_empty() {
            return Ok(None);
        }
        let attempt = AttemptId::random();
        let transaction = self.shared.connections.begin().await?;
        let given_up = self.fail_hopeless(&transaction, now).await?;
        let sql = claim_statement(&transaction, kinds);
        let values = [
            self.lease_time(now),
            duration_micros(*lease).into(),
            owner.as_str().into(),
            attempt.to_string().into(),
        ];
        let row = query_one(&transaction, "claim a job", &sql, values).await?;
        let claim = match row.map(|row| Job::from_result(&row)).transpose()? {
            Some(job) => Some(granted(&transaction, job).await?),
            None => None,
        };
        let commit = async { transaction.commit().await.doing("commit a claim") };
        let changed = match &claim {
            None if given_up == 0 => {
                commit.await?;
                return Ok(None);
            }
            Some(claim) if given_up == 0 => Changed::by(claim),
            Some(_) | None => Changed::Any,
        };
        self.shared.memory.during(changed, commit).await?;
        self.shared.wake.jobs();
        Ok(claim)
    }

    /// Renews the lease and hears whether to stop, in one statement. A lease that ended but was not
    /// taken by another goes on.
    ///
    /// # Errors
    /// Another worker holds the job, or it ended → [`LeaseError::LeaseLost`]: stop, and delete nothing.
    pub async fn renew(&self, claim: &Claim, lease: Duration, now: Timestamp) -> Result<Renewal, LeaseError> {
        let sql = "UPDATE job SET heartbeat_micros = {now}, lease_until_micros = {now} + $4 \
             WHERE id = $2 AND fencing_epoch = $3 AND state = 'running' \
             RETURNING cancel_requested, lease_until_micros";
        let (job, epoch) = claim.fence();
        let values = [self.lease_time(now), job, epoch, duration_micros(lease).into()];
        let sql = dialect(self.writer(), sql);
        let row = query_one(self.writer(), "renew a lease", &sql, values).await?;
        Ok(renewal(&row.ok_or_else(|| claim.lost())?)?)
    }

    /// Records how far the work is, and hears whether to stop, in one statement. The lease is not
    /// prolonged by it.
    ///
    /// # Errors
    /// Another worker holds the job, or it ended → [`LeaseError::LeaseLost`]: stop, and delete nothing.
    pub async fn report_progress(&self, claim: &Claim, progress: &Progress) -> Result<Renewal, LeaseError> {
        let statement = progress_statement(self.writer(), claim, progress);
        let record = async { self.writer().query_one_raw(statement).await.doing("record a job's progress") };
        let row = self.shared.memory.during(Changed::by(claim), record).await?;
        let renewal = renewal(&row.ok_or_else(|| claim.lost())?)?;
        self.shared.wake.jobs();
        Ok(renewal)
    }

    /// Puts a job back, for this or another worker to try from `due` on. With a failure the attempt
    /// counts, as a death would; without one, as when a service shuts down, it does not.
    ///
    /// # Errors
    /// Another worker holds the job, or it ended → [`LeaseError::LeaseLost`].
    pub async fn give_back(
        &self,
        claim: &Claim,
        due: Timestamp,
        failure: Option<&Failure>,
    ) -> Result<(), LeaseError> {
        // A job that must not run again stays "running" with a lease that ended: it is claimed to settle.
        let sql = "UPDATE job SET \
             attempts_count = CASE WHEN attempts_count < $4 THEN 0 ELSE attempts_count - $4 END, \
             failure_code = COALESCE($5, failure_code), failure_message = COALESCE($6, failure_message), \
             lease_until_micros = $7, due_micros = $3, \
             state = CASE WHEN {settles} THEN 'running' ELSE 'queued' END, \
             stage = CASE WHEN {settles} THEN stage ELSE 'no_start' END \
             WHERE id = $1 AND fencing_epoch = $2 AND state = 'running'";
        let settles = format!("cancel_requested OR attempts_count - $4 >= {ATTEMPTS_MAX}");
        let uncounted = i64::from(failure.is_none());
        let (job, epoch) = claim.fence();
        let values = [
            job,
            epoch,
            micros(due).into(),
            uncounted.into(),
            failure.map(|failure| failure.code.as_str()).into(),
            failure.map(|failure| failure.message.as_str()).into(),
            LEASE_ENDED.into(),
        ];
        let sql = sql.replace("{settles}", &settles);
        let give = execute(self.writer(), "give a job back", &sql, values);
        if self.shared.memory.during(Changed::by(claim), give).await? == 0 {
            return Err(claim.lost());
        }
        self.shared.wake.work();
        Ok(())
    }

    /// Ends the leases that a worker of that name held before it was restarted, so that it can claim
    /// its jobs at once. Answers how many. Only for whoever is sure to be the one of that name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn release_leases_of(&self, owner: &LeaseOwner) -> Result<u64, Error> {
        let values = [owner.as_str().into(), LEASE_ENDED.into()];
        let released = execute(self.writer(), "release the leases of a worker", RELEASE, values).await?;
        if released > 0 {
            self.shared.wake.work();
        }
        Ok(released)
    }

    /// When the next job becomes due or the next lease ends, so that a worker need not look before.
    /// `None`: nothing is queued or running.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn next_claimable(&self) -> Result<Option<Timestamp>, Error> {
        let Some(row) = query_one(self.readers(), "look for the next job", NEXT_CLAIMABLE, []).await? else {
            return Ok(None);
        };
        let next = [get::<Option<i64>>(&row, "due")?, get(&row, "lease_ends")?].into_iter().flatten().min();
        next.map(|micros| timestamp("job.due_micros", micros)).transpose()
    }

    /// The attempts at a job so far, oldest first: the names it may have written under.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn attempts_of(&self, job: BackupJobId) -> Result<Vec<AttemptId>, Error> {
        Ok(attempts(self.readers(), job).await?.into_iter().map(|(_, attempt)| attempt).collect())
    }

    /// What `{now}` binds: NULL where the database's clock decides.
    pub(crate) fn lease_time(&self, now: Timestamp) -> Value {
        let database_decides = self.shared.lease_clock == LeaseClock::Catalog
            && self.writer().get_database_backend() == sea_orm::DbBackend::Postgres;
        (!database_decides).then(|| micros(now)).into()
    }

    /// Fails the jobs that not even settling could end, and answers how many.
    async fn fail_hopeless(&self, connection: &impl ConnectionTrait, now: Timestamp) -> Result<u64, Error> {
        let Failure { code, message } = Failure::attempts_exhausted();
        let grants_max = i64::from(ATTEMPTS_MAX + SETTLING_MAX);
        let values = [self.lease_time(now), code.into(), message.into(), grants_max.into()];
        execute(connection, "fail jobs without hope", &dialect(connection, FAIL_HOPELESS), values).await
    }
}

/// Records how far the holder of a claim is.
pub(super) fn progress_statement(
    connection: &impl ConnectionTrait,
    claim: &Claim,
    progress: &Progress,
) -> Statement {
    let Progress { stage, process, bytes_planned, bytes_done } = *progress;
    let sql = "UPDATE job SET stage = $3, planned_bytes = $5, done_bytes = $6, \
         process_percent = CASE WHEN process_percent < $4 THEN $4 ELSE process_percent END \
         WHERE id = $1 AND fencing_epoch = $2 AND state = 'running' \
         RETURNING cancel_requested, lease_until_micros";
    let (job, epoch) = claim.fence();
    let values = [
        job,
        epoch,
        stage.as_str().into(),
        i64::from(process.get()).into(),
        bytes_planned.map(stored_count).into(),
        stored_count(bytes_done).into(),
    ];
    statement(connection, sql, values)
}

/// A lease that ended at the beginning of time, and so by every clock.
const LEASE_ENDED: i64 = 0;

/// `$1` owner, `$2` the end of a lease that ended.
pub(super) const RELEASE: &str = "UPDATE job SET lease_until_micros = $2 \
     WHERE lease_owner = $1 AND state = 'running' AND lease_until_micros > $2";

pub(super) const NEXT_CLAIMABLE: &str = "SELECT \
     (SELECT MIN(due_micros) FROM job WHERE state = 'queued') AS due, \
     (SELECT MIN(lease_until_micros) FROM job WHERE state = 'running') AS lease_ends";

/// `$1` time, `$2` code and `$3` message where no attempt said why, `$4` grants that are too many.
pub(super) const FAIL_HOPELESS: &str = "UPDATE job SET state = 'failed', ended_micros = {now}, \
     failure_code = COALESCE(failure_code, $2), failure_message = COALESCE(failure_message, $3) \
     WHERE state = 'running' AND lease_until_micros <= {now} AND attempts_count >= $4";

/// `$1` time, `$2` length of the lease, `$3` owner, `$4` attempt.
pub(super) fn claim_statement(connection: &impl ConnectionTrait, kinds: &[JobKind]) -> String {
    let words = kinds.iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ");
    let sql = "UPDATE job SET state = 'running', stage = 'checking', attempts_count = attempts_count + 1, \
         fencing_epoch = fencing_epoch + 1, attempt_id = $4, lease_owner = $3, heartbeat_micros = {now}, \
         lease_until_micros = {now} + $2, started_micros = COALESCE(started_micros, {now}) \
         WHERE id = COALESCE(\
             (SELECT id FROM job WHERE state = 'running' AND lease_until_micros <= {now} AND kind IN ({kinds}) \
              ORDER BY lease_until_micros, id LIMIT 1 {skip_locked}), \
             (SELECT id FROM job WHERE state = 'queued' AND due_micros <= {now} AND kind IN ({kinds}) \
              ORDER BY due_micros, id LIMIT 1 {skip_locked})) \
         AND ((state = 'running' AND lease_until_micros <= {now}) OR (state = 'queued' AND due_micros <= {now})) \
         RETURNING *";
    dialect(connection, &sql.replace("{kinds}", &words))
}

/// Writes the attempt down and says what it is for.
async fn granted(connection: &impl ConnectionTrait, job: Job) -> Result<Claim, Error> {
    let JobState::Running { lease } = &job.state else { unreachable!("a claimed job is running") };
    let Lease { owner, epoch, attempt, until, heartbeat, cancel_requested } = lease.clone();
    let earlier = attempts(connection, job.id).await?;
    let sql = "INSERT INTO job_attempt (job_id, fencing_epoch, attempt_id, lease_owner, started_micros) \
               VALUES ($1, $2, $3, $4, $5)";
    let values = [
        i64::from(job.id.get()).into(),
        stored_count(epoch.get()).into(),
        attempt.to_string().into(),
        owner.as_str().into(),
        micros(heartbeat).into(),
    ];
    execute(connection, "record an attempt", sql, values).await?;
    let errand = if cancel_requested {
        Errand::Settle { failure: Failure::cancelled() }
    } else if job.attempts > ATTEMPTS_MAX {
        Errand::Settle { failure: job.last_failure.clone().unwrap_or_else(Failure::attempts_exhausted) }
    } else {
        Errand::Run
    };
    let earlier_attempts = earlier.into_iter().map(|(_, attempt)| attempt).collect();
    Ok(Claim { job, epoch, attempt, earlier_attempts, errand, lease_until: until })
}

/// Attempts at a job with the epochs that they had, oldest first.
pub(super) async fn attempts(
    connection: &impl ConnectionTrait,
    job: BackupJobId,
) -> Result<Vec<(FencingEpoch, AttemptId)>, Error> {
    let sql = "SELECT fencing_epoch, attempt_id FROM job_attempt WHERE job_id = $1 ORDER BY fencing_epoch";
    let rows = query_all(connection, "list a job's attempts", sql, [i64::from(job.get()).into()]).await?;
    let read = |row| {
        let epoch = FencingEpoch::new(number("job_attempt.fencing_epoch", get(row, "fencing_epoch")?)?);
        Ok((epoch, parsed("job_attempt.attempt_id", &get::<String>(row, "attempt_id")?)?))
    };
    rows.iter().map(read).collect()
}

fn renewal(row: &sea_orm::QueryResult) -> Result<Renewal, Error> {
    Ok(Renewal {
        cancel_requested: get(row, "cancel_requested")?,
        lease_until: timestamp("job.lease_until_micros", get(row, "lease_until_micros")?)?,
    })
}

fn duration_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2)
}
