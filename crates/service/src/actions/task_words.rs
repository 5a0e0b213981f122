//! The API's words for jobs of any kind, as its task lists have them.

use catalog::{BackupMode, Failure, Job, JobFilter, JobKind, JobPhase, JobStage, JobState};

/// `TaskAction` and `TaskType`.
pub(super) fn action(kind: JobKind, mode: BackupMode) -> &'static str {
    match (kind, mode) {
        (JobKind::Backup, mode) => super::words::task_action(mode),
        (JobKind::Restore, _) => "Restore",
        (JobKind::Verify, _) => "Verify",
        (JobKind::Sweep, _) => "Sweep",
        (JobKind::Copy, _) => "Copy",
    }
}

/// Leaves only jobs of that `TaskAction`; `None` where there are none of that name.
pub(super) fn of_action(filter: JobFilter, word: &str) -> Option<JobFilter> {
    let pairs = JobKind::ALL.iter().flat_map(|kind| BackupMode::ALL.iter().map(|mode| (*kind, *mode)));
    let (kind, mode) = pairs.into_iter().find(|(kind, mode)| action(*kind, *mode) == word)?;
    let mode = (kind == JobKind::Backup).then_some(mode);
    Some(JobFilter { kind: Some(kind), mode, ..filter })
}

/// `CurrentStepName`.
pub(super) fn step(stage: JobStage) -> &'static str {
    match stage {
        JobStage::NoStart => "NoStart",
        JobStage::Checking => "Checking",
        JobStage::Preparing => "Preparing",
        JobStage::Waiting => "Waiting",
        JobStage::Uploading => "Uploading",
        JobStage::Proving => "Proving",
    }
}

/// `Status`.
pub(super) fn status(job: &Job) -> &'static str {
    match &job.state {
        JobState::Queued { .. } => "Scheduled",
        JobState::Running { lease } if lease.cancel_requested => "Cancelling",
        JobState::Running { .. } if job.stage == JobStage::Waiting => "Waiting",
        JobState::Running { .. } => "Running",
        JobState::Succeeded { .. } => "Succeed",
        JobState::Failed { failure, .. } if failure.code == Failure::CANCELLED => "Canceled",
        JobState::Failed { .. } => "Failed",
    }
}

/// Leaves only jobs of that `Status`.
pub(super) fn of_status(filter: JobFilter, word: &str) -> JobFilter {
    let phases = |phase| Some(vec![phase]);
    let running = JobFilter { phases: phases(JobPhase::Running), ..filter.clone() };
    let at_work = JobStage::ALL.iter().copied().filter(|stage| *stage != JobStage::Waiting).collect();
    match word {
        "Scheduled" => JobFilter { phases: phases(JobPhase::Queued), ..filter },
        "Cancelling" => JobFilter { cancel_requested: Some(true), ..running },
        "Waiting" => {
            JobFilter { cancel_requested: Some(false), stages: Some(vec![JobStage::Waiting]), ..running }
        }
        "Running" => JobFilter { cancel_requested: Some(false), stages: Some(at_work), ..running },
        "Succeed" => JobFilter { phases: phases(JobPhase::Succeeded), ..filter },
        "Canceled" => JobFilter { phases: phases(JobPhase::Failed), cancelled: Some(true), ..filter },
        _ => JobFilter { phases: phases(JobPhase::Failed), cancelled: Some(false), ..filter },
    }
}

/// Why a job failed, or its last attempt did.
pub(super) fn failure(job: &Job) -> Option<&Failure> {
    match &job.state {
        JobState::Failed { failure, .. } => Some(failure),
        JobState::Queued { .. } | JobState::Running { .. } | JobState::Succeeded { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_leads_back_to_its_jobs() {
        for kind in JobKind::ALL {
            for mode in BackupMode::ALL {
                let filter = of_action(JobFilter::default(), action(*kind, *mode)).expect("a name");
                assert_eq!(filter.kind, Some(*kind));
                assert_eq!(filter.mode, (*kind == JobKind::Backup).then_some(*mode));
            }
        }
        assert_eq!(of_action(JobFilter::default(), "CreateInstance"), None);
    }
}
