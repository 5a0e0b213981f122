//! DescribeBackupJobs, an extension: jobs in every state, with their times and failures.

use catalog::{Job, JobFilter, JobKind, JobPhase, JobStage, Page};
use jiff::Timestamp;
use repository::{BackupJobId, InstanceId};
use serde_json::{Value, json};

use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

/// Rows read in one go where the catalog cannot apply every filter.
const SCAN_ROWS: u32 = 500;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    if let Some(instance) = &call.instance {
        context.known.require(&context.catalog, instance).await?;
    }
    let sought = Sought::of(call)?;
    let (rows, total) = if let Some(filter) = sought.catalog_filter(call) {
        let paged = context.catalog.list_jobs(&filter, call.page()?).await?;
        (paged.rows, paged.total)
    } else {
        let found = sought.scan(context, call).await?;
        let total = found.len() as u64;
        let (first, count) = call.window();
        (found.into_iter().skip(first).take(count).collect(), total)
    };
    let items: Vec<Value> = rows.iter().map(|job| Value::Object(words::job_fields(job))).collect();
    Ok(json!({
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": items.len(),
        "TotalRecordCount": total,
        "Items": { "BackupJob": items },
    }))
}

/// Which jobs the call asks for.
struct Sought {
    phase: Option<JobPhase>,
    stages: Option<&'static [JobStage]>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Sought {
    fn of(call: &ActionCall) -> Result<Self, Refusal> {
        let (start, end) = call.time_range()?;
        let (phase, stages): (_, Option<&'static [JobStage]>) = match call.arguments.text("BackupStatus") {
            None => (None, None),
            Some("NoStart") => (Some(JobPhase::Queued), None),
            Some("Finished") => (Some(JobPhase::Succeeded), None),
            Some("Failed") => (Some(JobPhase::Failed), None),
            Some("Checking") => (Some(JobPhase::Running), Some(&[JobStage::NoStart, JobStage::Checking])),
            Some("Preparing") => (Some(JobPhase::Running), Some(&[JobStage::Preparing])),
            Some("Waiting") => (Some(JobPhase::Running), Some(&[JobStage::Waiting])),
            Some(_) => (Some(JobPhase::Running), Some(&[JobStage::Uploading, JobStage::Proving])),
        };
        Ok(Self { phase, stages, start, end })
    }

    /// The filter that says it all; `None` when rows have to be looked at.
    fn catalog_filter(&self, call: &ActionCall) -> Option<JobFilter> {
        let restricted = call.instance.is_none() && call.caller.instances.is_some();
        let whole = self.stages.is_none() && self.start.is_none() && self.end.is_none() && !restricted;
        whole.then(|| self.filter(call, call.instance.clone()))
    }

    fn filter(&self, call: &ActionCall, instance: Option<InstanceId>) -> JobFilter {
        JobFilter {
            instance,
            kind: Some(JobKind::Backup),
            phases: self.phase.map(|phase| vec![phase]),
            mode: words::mode_of(call.arguments.text("BackupMode")),
            job: call.arguments.natural("BackupJobId").and_then(BackupJobId::new),
        }
    }

    /// Every job sought, newest first. Reading stops at the first job older than the range.
    async fn scan(&self, context: &Context, call: &ActionCall) -> Result<Vec<Job>, Refusal> {
        let filters = match (&call.instance, &call.caller.instances) {
            (None, Some(instances)) => {
                instances.iter().map(|id| self.filter(call, Some(id.clone()))).collect()
            }
            (instance, _) => vec![self.filter(call, instance.clone())],
        };
        let mut found = Vec::new();
        for filter in filters {
            for number in 1.. {
                let page = Page::new(number, SCAN_ROWS).expect("pages from 1, of some rows");
                let rows = context.catalog.list_jobs(&filter, page).await?.rows;
                let last = rows.len() < SCAN_ROWS as usize;
                let older = rows.last().zip(self.start).is_some_and(|(job, start)| job.created < start);
                found.extend(rows.into_iter().filter(|job| self.matches(job)));
                if last || older {
                    break;
                }
            }
        }
        found.sort_by_key(|job| std::cmp::Reverse(job.id));
        Ok(found)
    }

    fn matches(&self, job: &Job) -> bool {
        self.stages.is_none_or(|stages| stages.contains(&job.stage))
            && self.start.is_none_or(|start| job.created >= start)
            && self.end.is_none_or(|end| job.created < end)
    }
}
