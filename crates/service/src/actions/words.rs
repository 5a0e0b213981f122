//! The API's words for what the catalog knows.

use catalog::{BackupMethod, BackupMode, EngineKind, Job, JobPhase, JobStage, JobState, Percent};
use rpc::render_seconds;
use serde_json::{Map, Value, json};

use crate::backup_parameters::BackupParameters;

/// `BackupStatus` and `BackupProgressStatus` of a job.
pub(super) fn statuses(phase: JobPhase, stage: JobStage) -> (&'static str, &'static str) {
    let (job, program) = match stage {
        JobStage::NoStart | JobStage::Checking => ("Checking", "NoStart"),
        JobStage::Preparing => ("Preparing", "Preparing"),
        JobStage::Waiting => ("Waiting", "Waiting"),
        JobStage::Uploading => ("Uploading", "Uploading"),
        JobStage::Proving => ("Uploading", "Checking"),
    };
    match phase {
        JobPhase::Queued => ("NoStart", "NoStart"),
        JobPhase::Running => (job, program),
        JobPhase::Succeeded => ("Finished", "Finished"),
        JobPhase::Failed => ("Failed", program),
    }
}

/// `StateToken` of a job.
pub(super) fn state_token(phase: JobPhase, stage: JobStage, process: Percent) -> String {
    let (status, progress_status) = statuses(phase, stage);
    format!("{status}.{progress_status}.{}", process.get())
}

/// `BackupMode` and `JobMode`.
pub(super) fn mode(mode: BackupMode) -> &'static str {
    match mode {
        BackupMode::Automated => "Automated",
        BackupMode::Manual => "Manual",
    }
}

/// The mode that a filter asks for.
pub(super) fn mode_of(word: Option<&str>) -> Option<BackupMode> {
    match word {
        Some("Automated") => Some(BackupMode::Automated),
        Some("Manual") => Some(BackupMode::Manual),
        Some(_) | None => None,
    }
}

/// `TaskAction`.
pub(super) fn task_action(mode: BackupMode) -> &'static str {
    match mode {
        BackupMode::Automated => "NormalBackupTask",
        BackupMode::Manual => "TempBackupTask",
    }
}

/// `BackupMethod`.
pub(super) fn method(method: BackupMethod) -> &'static str {
    match method {
        BackupMethod::Physical => "Physical",
        BackupMethod::Logical => "Logical",
        BackupMethod::Snapshot => "Snapshot",
    }
}

/// `Engine`.
pub(super) fn engine(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Postgresql => "PostgreSQL",
        EngineKind::Mariadb => "MariaDB",
        EngineKind::Mysql => "MySQL",
    }
}

/// The engine of a word; `None` for one that is never registered.
pub(super) fn engine_of(word: &str) -> Option<EngineKind> {
    EngineKind::ALL.iter().copied().find(|kind| engine(*kind) == word)
}

/// `EngineVersion`: the major version as the API writes it, `15.0` for PostgreSQL 15.18; empty when unknown.
pub(super) fn major_version(engine: EngineKind, version: Option<&str>) -> String {
    let Some(version) = version else { return String::new() };
    let mut parts = version.split(['.', ' ', '-']);
    let major = parts.next().unwrap_or_default();
    match (engine, parts.next()) {
        (EngineKind::Postgresql, _) => format!("{major}.0"),
        (EngineKind::Mariadb | EngineKind::Mysql, Some(minor)) => format!("{major}.{minor}"),
        (EngineKind::Mariadb | EngineKind::Mysql, None) => major.to_owned(),
    }
}

/// The fields with which DescribeBackupJobs and the job's report both begin.
pub(super) fn job_fields(job: &Job) -> Map<String, Value> {
    let (status, progress_status) = statuses(job.state.phase(), job.stage);
    let failure = match &job.state {
        JobState::Failed { failure, .. } => Some(failure),
        JobState::Queued { .. } | JobState::Running { .. } | JobState::Succeeded { .. } => {
            job.last_failure.as_ref()
        }
    };
    let set = match &job.state {
        JobState::Succeeded { set, .. } => *set,
        JobState::Queued { .. } | JobState::Running { .. } | JobState::Failed { .. } => None,
    };
    let full = BackupParameters::of(&job.parameters).is_some_and(|parameters| parameters.full);
    let fields = json!({
        "BackupJobId": job.id.to_string(),
        "DBInstanceId": job.instance.as_ref().map(ToString::to_string),
        "BackupStatus": status,
        "BackupProgressStatus": progress_status,
        "Process": job.process.get().to_string(),
        "JobMode": mode(job.mode),
        "TaskAction": task_action(job.mode),
        "BackupMethod": method(BackupMethod::Physical),
        "BackupType": if full { "FullBackup" } else { "Auto" },
        "BackupId": set.map(|set| set.to_string()),
        "CreateTime": render_seconds(job.created),
        "StartTime": job.started.map(render_seconds),
        "EndTime": job.ended().map(render_seconds),
        "Attempt": job.attempts,
        "FailureCode": failure.map(|failure| &failure.code),
        "FailureMessage": failure.map(|failure| &failure.message),
        "BytesPlanned": job.bytes_planned,
        "BytesDone": job.bytes_done,
    });
    let Value::Object(fields) = fields else { unreachable!("it was written as an object") };
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of a job's life, row by row.
    #[test]
    fn each_state_has_its_two_words() {
        #[track_caller]
        fn check(phase: JobPhase, stage: JobStage, expect: (&str, &str)) {
            assert_eq!(statuses(phase, stage), expect);
        }
        check(JobPhase::Queued, JobStage::NoStart, ("NoStart", "NoStart"));
        check(JobPhase::Running, JobStage::Checking, ("Checking", "NoStart"));
        check(JobPhase::Running, JobStage::Preparing, ("Preparing", "Preparing"));
        check(JobPhase::Running, JobStage::Waiting, ("Waiting", "Waiting"));
        check(JobPhase::Running, JobStage::Uploading, ("Uploading", "Uploading"));
        check(JobPhase::Running, JobStage::Proving, ("Uploading", "Checking"));
        check(JobPhase::Succeeded, JobStage::Proving, ("Finished", "Finished"));
        check(JobPhase::Failed, JobStage::Uploading, ("Failed", "Uploading"));
        check(JobPhase::Failed, JobStage::NoStart, ("Failed", "NoStart"));
    }

    #[test]
    fn versions_are_written_as_the_api_writes_them() {
        assert_eq!(major_version(EngineKind::Postgresql, Some("15.18")), "15.0");
        assert_eq!(major_version(EngineKind::Postgresql, Some("18beta1")), "18beta1.0");
        assert_eq!(major_version(EngineKind::Mariadb, Some("10.11.6")), "10.11");
        assert_eq!(major_version(EngineKind::Mysql, None), "");
    }
}
