//! Looking at jobs.

use jiff::{SignedDuration, Timestamp};
use repository::{BackupJobId, BackupSetId, InstanceId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QueryResult, Select};

use crate::backup_set::BackupMode;
use crate::catalog::Catalog;
use crate::column::{job_id, json, parsed, set_id};
use crate::entity::job::{Column, Entity};
use crate::entity::job_tally;
use crate::error::{Doing, Error};
use crate::job::lookup::{Found, Group, Key};
use crate::job::memory::{Known, Recalled};
use crate::job::{Failure, Job, JobKind, JobPhase, JobStage, Percent, percent};
use crate::page::{Page, Paged};
use crate::statement::{get, query_one};
use crate::tally::{self, Listing, Span, tallied_instances};

/// Which backup jobs of an instance to watch; what is `None` does not restrict, all restrict together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupJobQuery {
    /// The instance.
    pub instance: InstanceId,
    /// This job, also when it has ended. `None`: those queued or running.
    pub job: Option<BackupJobId>,
    /// Only in this phase.
    pub phase: Option<JobPhase>,
    /// Only asked for in this way.
    pub mode: Option<BackupMode>,
}

/// What watching a backup job shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSummary {
    /// Its number.
    pub id: BackupJobId,
    /// Who asked.
    pub mode: BackupMode,
    /// Where it stands.
    pub phase: JobPhase,
    /// How far the work came.
    pub stage: JobStage,
    /// The highest percentage reported so far.
    pub process: Percent,
    /// The set, once the job succeeded.
    pub set: Option<BackupSetId>,
}

/// Which jobs to list; what is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct JobFilter {
    /// Only of this instance.
    pub instance: Option<InstanceId>,
    /// Only of this kind.
    pub kind: Option<JobKind>,
    /// Only in these phases.
    pub phases: Option<Vec<JobPhase>>,
    /// Only asked for in this way.
    pub mode: Option<BackupMode>,
    /// Only this job.
    pub job: Option<BackupJobId>,
    /// Only of these instances.
    pub instances: Option<Vec<InstanceId>>,
    /// Only these jobs.
    pub jobs: Option<Vec<BackupJobId>>,
    /// Only at these stages.
    pub stages: Option<Vec<JobStage>>,
    /// Only those that were asked to stop, or only those that were not.
    pub cancel_requested: Option<bool>,
    /// Only those that failed because somebody cancelled them, or only those that failed otherwise.
    pub cancelled: Option<bool>,
    /// Only those asked for at this time or later.
    pub created_start: Option<Timestamp>,
    /// Only those asked for before this time.
    pub created_end: Option<Timestamp>,
    /// Only those over that took at least so long.
    pub took_min: Option<SignedDuration>,
    /// Only those over that took at most so long.
    pub took_max: Option<SignedDuration>,
}

impl Catalog {
    /// The backup jobs to watch; an instance has at most one that is queued or running. It is the
    /// catalog's most frequent question: answered from memory where that is known to be what is
    /// stored, else by one prepared statement on one index, which callers at the same time share.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn watch_backup_jobs(&self, query: &BackupJobQuery) -> Result<Vec<JobSummary>, Error> {
        let BackupJobQuery { instance, job, phase, mode } = query;
        let lookups = &self.shared.lookups;
        let found = match job {
            Some(job) => self.look_up(&lookups.by_number, job).await?,
            None => self.look_up(&lookups.active, instance).await?,
        };
        let own = found.filter(|found| *found.instance == *instance.as_str()).map(|found| found.summary);
        let wanted = own.filter(|job| {
            phase.is_none_or(|phase| job.phase == phase) && mode.is_none_or(|mode| job.mode == mode)
        });
        Ok(wanted.into_iter().collect())
    }

    async fn look_up<K: Key>(&self, group: &Group<K>, key: &K) -> Result<Option<Found>, Error> {
        let memory = &self.shared.memory;
        let reading = match memory.recall(key) {
            Recalled::Known(Known(found)) => return Ok(found),
            Recalled::Unknown(reading) => reading,
        };
        let found = group.find(self.readers(), key).await?;
        memory.keep(reading, key, found.as_ref());
        Ok(found)
    }

    /// The job of that number, of whatever kind.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_job(&self, id: BackupJobId) -> Result<Option<Job>, Error> {
        let found = Entity::find_by_id(i64::from(id.get())).one(self.readers()).await.doing("read a job")?;
        found.as_ref().map(Job::from_row).transpose()
    }

    /// What the job's runner reported at its end.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_job_report(&self, id: BackupJobId) -> Result<Option<serde_json::Value>, Error> {
        let sql = "SELECT report_json FROM job_report WHERE job_id = $1";
        let row = query_one(self.readers(), "read a job's report", sql, [i64::from(id.get()).into()]).await?;
        row.map(|row| json("job_report.report_json", &get::<String>(&row, "report_json")?)).transpose()
    }

    /// A page of jobs in any state, the one that was asked for last first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_jobs(&self, filter: &JobFilter, page: Page) -> Result<Paged<Job>, Error> {
        let Paged { rows, total } = tally::list(self.readers(), filter, page).await?;
        let rows = rows.iter().map(Job::from_row).collect::<Result<_, _>>()?;
        Ok(Paged { rows, total })
    }
}

/// Any job of an instance that has not ended. Its index begins with the state.
pub(crate) const ACTIVE_JOBS: &str = "SELECT id FROM job \
     WHERE state IN ('queued', 'running') AND instance_id = $1 AND ended_micros IS NULL LIMIT 1";

impl Listing for JobFilter {
    type Row = Entity;
    type Tally = job_tally::Entity;
    const DOING: &'static str = "list jobs";

    fn span(&self) -> Span {
        Span::between(self.created_start, self.created_end)
    }

    fn rows_in(&self, span: Span) -> Select<Entity> {
        let Self { instance, kind, phases, mode, job, .. } = self;
        let mut query = span.restrict(Entity::find(), Column::CreatedMicros);
        if let Some(instance) = instance {
            query = query.filter(Column::InstanceId.eq(instance.as_str()));
        }
        if let Some(kind) = kind {
            query = query.filter(Column::Kind.eq(kind.as_str()));
            if *kind != JobKind::Backup {
                // As the index of those few has it.
                query = query.filter(Expr::cust("kind <> 'backup'"));
            }
        }
        if let Some(phases) = phases {
            query = query.filter(state_is_one_of(phases));
        }
        if let Some(mode) = mode {
            // Not as a value, for a planner that does not know it does not know how few rows have it.
            query = query.filter(Expr::cust(format!("mode = '{mode}'")));
        }
        if let Some(job) = job {
            query = query.filter(Column::Id.eq(i64::from(job.get())));
        }
        self.restrict_further(query)
    }

    fn newest_first(rows: Select<Entity>) -> Select<Entity> {
        rows.order_by_desc(Column::CreatedMicros).order_by_desc(Column::Id)
    }

    fn tallies(&self) -> Option<Select<job_tally::Entity>> {
        use job_tally::Column;
        if !self.is_tallied() {
            return None;
        }
        let (instance, instances) = (self.instance.as_ref(), self.instances.as_deref());
        let instances = tallied_instances(Column::InstanceId, instance, instances);
        let mut query = job_tally::Entity::find().filter(instances);
        if let Some(kind) = self.kind {
            query = query.filter(Column::Kind.eq(kind.as_str()));
        }
        if let Some(mode) = self.mode {
            query = query.filter(Column::Mode.eq(mode.as_str()));
        }
        if let Some(outcomes) = self.outcomes() {
            query = query.filter(Column::Outcome.is_in(outcomes));
        }
        Some(query)
    }
}

/// How `job_tally` calls a job that failed because somebody cancelled it.
const CANCELLED: &str = "cancelled";

impl JobFilter {
    /// Whether tallies tell the jobs wanted apart from others.
    fn is_tallied(&self) -> bool {
        let Self { phases, cancelled, .. } = self;
        let Self { job, jobs, stages, cancel_requested, took_min, took_max, .. } = self;
        let only_failed = || phases.as_ref().is_some_and(|phases| phases.as_slice() == [JobPhase::Failed]);
        job.is_none()
            && jobs.is_none()
            && stages.is_none()
            && cancel_requested.is_none()
            && took_min.is_none()
            && took_max.is_none()
            && (cancelled.is_none() || only_failed())
    }

    /// What became of the jobs wanted, in the words of `job_tally`; `None` for whatever.
    fn outcomes(&self) -> Option<Vec<&'static str>> {
        let phases = self.phases.as_ref()?;
        let failed = JobPhase::Failed.as_str();
        Some(match self.cancelled {
            Some(true) => vec![CANCELLED],
            Some(false) => vec![failed],
            None => {
                let cancelled = phases.contains(&JobPhase::Failed).then_some(CANCELLED);
                phases.iter().map(|phase| phase.as_str()).chain(cancelled).collect()
            }
        })
    }

    fn restrict_further(&self, mut query: Select<Entity>) -> Select<Entity> {
        if let Some(instances) = &self.instances {
            query = query.filter(Column::InstanceId.is_in(instances.iter().map(InstanceId::as_str)));
        }
        if let Some(jobs) = &self.jobs {
            query = query.filter(Column::Id.is_in(jobs.iter().map(|job| i64::from(job.get()))));
        }
        if let Some(stages) = &self.stages {
            query = query.filter(Column::Stage.is_in(stages.iter().map(|stage| stage.as_str())));
        }
        if let Some(requested) = self.cancel_requested {
            query = query.filter(Column::CancelRequested.eq(requested));
        }
        if let Some(cancelled) = self.cancelled {
            let code = Failure::CANCELLED;
            let column = Column::FailureCode;
            query = query.filter(if cancelled { column.eq(code) } else { column.ne(code) });
        }
        let took = || Expr::col(Column::EndedMicros).sub(Expr::col(Column::CreatedMicros));
        if let Some(min) = self.took_min {
            query = query.filter(took().gte(whole_micros(min)));
        }
        if let Some(max) = self.took_max {
            query = query.filter(took().lte(whole_micros(max)));
        }
        query
    }
}

/// A duration as times are stored; what no time is so far apart is the longest.
fn whole_micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Jobs that have not ended are said to have not, so that the partial index of those few is seen to
/// hold all these rows.
fn state_is_one_of(phases: &[JobPhase]) -> Expr {
    let words: Vec<String> = phases.iter().map(|phase| format!("'{phase}'")).collect();
    let ended = phases.iter().any(|phase| matches!(phase, JobPhase::Succeeded | JobPhase::Failed));
    Expr::cust(match words.as_slice() {
        [] => "1 = 0".to_owned(),
        // As the index of those has it.
        [word] if ended => format!("state = {word}"),
        words if ended => format!("state IN ({})", words.join(", ")),
        words => format!("state IN ({}) AND ended_micros IS NULL", words.join(", ")),
    })
}

impl JobSummary {
    /// By position: looking columns up by name costs more than reading them.
    pub(super) fn from_result(row: &QueryResult) -> Result<Self, Error> {
        let text = |index| row.try_get_by_index::<String>(index).doing("read a backup job");
        let number = |index| row.try_get_by_index::<i64>(index).doing("read a backup job");
        let phase = parsed("job.state", &text(2)?)?;
        let reserved = row.try_get_by_index::<Option<i64>>(5).doing("read a backup job")?;
        let set = reserved.filter(|_| phase == JobPhase::Succeeded);
        Ok(Self {
            id: job_id("job.id", number(0)?)?,
            mode: parsed("job.mode", &text(1)?)?,
            phase,
            stage: parsed("job.stage", &text(3)?)?,
            process: percent(number(4)?)?,
            set: set.map(|id| set_id("job.reserved_set_id", id)).transpose()?,
        })
    }
}
