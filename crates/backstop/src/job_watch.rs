//! Watching a backup job until it is over. The service is not polled: each call waits there until the job moves on.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::client::{CallError, Client, rows};
use crate::failure::Outcome;
use crate::progress::Progress;

/// How long a service may be away while a job is watched: long enough for a restart.
const AWAY_MAX: Duration = Duration::from_mins(1);

/// Between two tries while the service is away.
const AWAY_PAUSE: Duration = Duration::from_millis(250);

/// How long a call waits for the job to move on. Proxies let go of a connection that is silent for a minute.
const WAIT_SECONDS: &str = "20";

/// Shows a job's progress until it is over, and gives the finished or failed job as the API has it.
///
/// # Errors
/// There is no such job; the service refuses, or stays away.
pub(crate) fn watch(client: &Client, job: &str) -> anyhow::Result<Value> {
    let progress = Progress::new(format!("backup job {job}"));
    let mut away_since: Option<Instant> = None;
    let mut seen: Option<String> = None;
    loop {
        let mut parameters = vec![("BackupJobId", job)];
        if let Some(token) = &seen {
            parameters.extend([("WaitSeconds", WAIT_SECONDS), ("StateToken", token)]);
        }
        match client.call("DescribeBackupJobs", &parameters) {
            Ok(answer) => {
                away_since = None;
                let Some(row) = rows(&answer, "BackupJob").first() else {
                    bail!("there is no backup job {job}")
                };
                show(&progress, row);
                if is_over(row) {
                    progress.finish();
                    let mut row = row.clone();
                    // Of no use to anybody now.
                    row.as_object_mut().map(|fields| fields.remove("StateToken"));
                    return Ok(row);
                }
                seen = Some(text(row, "StateToken").to_owned());
            }
            Err(error) if let Some(reason) = passing(&error) => {
                let since = *away_since.get_or_insert_with(|| {
                    progress.note(&format!("{reason}; trying again"));
                    Instant::now()
                });
                if since.elapsed() > AWAY_MAX {
                    return Err(error)
                        .with_context(|| format!("watch backup job {job}, which may still run"));
                }
                thread::sleep(AWAY_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the end of a job means for the command; the cause of a failed one is told on standard error.
pub(crate) fn outcome(row: &Value) -> Outcome {
    if text(row, "BackupStatus") == "Finished" {
        return Outcome::Done;
    }
    let (job, code, message) =
        (text(row, "BackupJobId"), text(row, "FailureCode"), text(row, "FailureMessage"));
    eprintln!("error: backup job {job} failed: {message} ({code})");
    Outcome::Failed
}

/// What is the matter, where it passes by itself.
fn passing(error: &CallError) -> Option<&'static str> {
    match error {
        CallError::Unreachable { .. } => Some("the service does not answer"),
        CallError::Refused { code, .. } => match code.as_str() {
            "ServiceUnavailable" => Some("the service does not answer"),
            "Throttling.Api" => Some("too many calls wait at the service"),
            _ => None,
        },
        CallError::Foreign { .. } => None,
    }
}

fn is_over(row: &Value) -> bool {
    matches!(text(row, "BackupStatus"), "Finished" | "Failed")
}

fn show(progress: &Progress, row: &Value) {
    let stage = match (text(row, "BackupStatus"), text(row, "BackupProgressStatus")) {
        ("Uploading", "Checking") => "proving what was stored",
        ("Checking", _) => "checking the settings",
        ("NoStart", _) => "queued",
        ("Preparing", _) => "preparing",
        ("Waiting", _) => "waiting",
        ("Uploading", _) => "copying",
        ("Finished", _) => "finished",
        ("Failed", _) => "failed",
        (other, _) => other,
    };
    progress.show(stage, text(row, "Process").parse().unwrap_or(0));
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row.get(field).and_then(Value::as_str).unwrap_or_default()
}
