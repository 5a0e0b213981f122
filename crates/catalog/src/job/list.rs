//! Looking at jobs.

use repository::{BackupJobId, BackupSetId, InstanceId};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, Select,
};

use crate::backup_set::BackupMode;
use crate::catalog::Catalog;
use crate::column::{job_id, json, parsed, set_id};
use crate::entity::job::{Column, Entity};
use crate::error::{Doing, Error};
use crate::job::{Job, JobKind, JobPhase, JobStage, Percent, percent};
use crate::page::{Page, Paged};
use crate::statement::{get, query_one};

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
}

impl Catalog {
    /// The backup jobs to watch; an instance has at most one that is queued or running. It is the
    /// catalog's most frequent question: one prepared statement on one index, which callers at the
    /// same time share.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn watch_backup_jobs(&self, query: &BackupJobQuery) -> Result<Vec<JobSummary>, Error> {
        let BackupJobQuery { instance, job, phase, mode } = query;
        let lookups = &self.shared.lookups;
        let found = match job {
            Some(job) => lookups.by_number.find(self.readers(), job).await?,
            None => lookups.active.find(self.readers(), instance).await?,
        };
        let own = found.filter(|found| found.instance == instance.as_str()).map(|found| found.summary);
        let wanted = own.filter(|job| {
            phase.is_none_or(|phase| job.phase == phase) && mode.is_none_or(|mode| job.mode == mode)
        });
        Ok(wanted.into_iter().collect())
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

    /// A page of jobs in any state, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_jobs(&self, filter: &JobFilter, page: Page) -> Result<Paged<Job>, Error> {
        let total = filter.query().count(self.readers()).await.doing("count jobs")?;
        let rows = filter.page(page).all(self.readers()).await.doing("list jobs")?;
        let rows = rows.iter().map(Job::from_row).collect::<Result<_, _>>()?;
        Ok(Paged { rows, total })
    }
}

/// Any job of an instance that has not ended. Its index begins with the state.
pub(crate) const ACTIVE_JOBS: &str = "SELECT id FROM job \
     WHERE state IN ('queued', 'running') AND instance_id = $1 AND ended_micros IS NULL LIMIT 1";

impl JobFilter {
    pub(crate) fn page(&self, page: Page) -> Select<Entity> {
        self.query().order_by_desc(Column::Id).offset(page.offset()).limit(page.limit())
    }

    fn query(&self) -> Select<Entity> {
        let Self { instance, kind, phases, mode, job } = self;
        let mut query = Entity::find();
        if let Some(instance) = instance {
            query = query.filter(Column::InstanceId.eq(instance.as_str()));
        }
        if let Some(kind) = kind {
            query = query.filter(Column::Kind.eq(kind.as_str()));
        }
        if let Some(phases) = phases {
            query = query.filter(state_is_one_of(phases));
        }
        if let Some(mode) = mode {
            query = query.filter(Column::Mode.eq(mode.as_str()));
        }
        if let Some(job) = job {
            query = query.filter(Column::Id.eq(i64::from(job.get())));
        }
        query
    }
}

/// Jobs that have not ended are said to have not, so that the partial index of those few is seen to
/// hold all these rows.
fn state_is_one_of(phases: &[JobPhase]) -> Expr {
    let words: Vec<String> = phases.iter().map(|phase| format!("'{phase}'")).collect();
    let ended = phases.iter().any(|phase| matches!(phase, JobPhase::Succeeded | JobPhase::Failed));
    Expr::cust(match words.as_slice() {
        [] => "1 = 0".to_owned(),
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
