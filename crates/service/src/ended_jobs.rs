//! Jobs that ended, as watching shows them. Such a job never changes again, on no node, so that who asks for
//! it once more is answered from memory; without this the switch to the catalog's threads and back costs
//! more than all the rest of the call.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use catalog::{BackupJobQuery, Catalog, JobPhase, JobSummary};
use repository::{BackupJobId, InstanceId};

/// Jobs remembered: about 120 bytes each, 15 MB. When they are too many, all are forgotten.
const JOBS_MAX: usize = 128 * 1024;

/// What was seen of ended jobs.
#[derive(Debug, Default)]
pub(crate) struct EndedJobs {
    seen: Mutex<HashMap<BackupJobId, (InstanceId, JobSummary)>>,
}

impl EndedJobs {
    /// As [`Catalog::watch_backup_jobs`].
    pub(crate) async fn watch(
        &self,
        catalog: &Catalog,
        query: &BackupJobQuery,
    ) -> Result<Vec<JobSummary>, catalog::Error> {
        let BackupJobQuery { instance, job: Some(job), phase, mode } = query else {
            return catalog.watch_backup_jobs(query).await;
        };
        if let Some((of, summary)) = self.lock().get(job) {
            let wanted = of == instance
                && phase.is_none_or(|phase| summary.phase == phase)
                && mode.is_none_or(|mode| summary.mode == mode);
            return Ok(wanted.then_some(*summary).into_iter().collect());
        }
        let found = catalog.watch_backup_jobs(query).await?;
        for summary in &found {
            self.remember(instance, summary);
        }
        Ok(found)
    }

    fn remember(&self, instance: &InstanceId, summary: &JobSummary) {
        match summary.phase {
            JobPhase::Queued | JobPhase::Running => {}
            JobPhase::Succeeded | JobPhase::Failed => {
                let mut seen = self.lock();
                if seen.len() >= JOBS_MAX {
                    seen.clear();
                }
                seen.insert(summary.id, (instance.clone(), *summary));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BackupJobId, (InstanceId, JobSummary)>> {
        self.seen.lock().expect("no thread panics while it holds the jobs")
    }
}
