//! `backstop task`: listing, showing, watching, cancelling backup jobs.

use crate::client::{Client, rows};
use crate::command_line::{Everywhere, OutputFormat, TaskCommand};
use crate::failure::Outcome;
use crate::job_watch;
use crate::output::{self, Column};

const COLUMNS: [Column; 8] = [
    Column::plain("JOB", "BackupJobId"),
    Column::plain("STATUS", "BackupStatus"),
    Column::plain("PROGRESS", "BackupProgressStatus"),
    Column::plain("%", "Process"),
    Column::plain("BACKUP", "BackupId"),
    Column::plain("CREATED", "CreateTime"),
    Column::plain("ENDED", "EndTime"),
    Column::plain("FAILURE", "FailureCode"),
];

pub(super) fn run(everywhere: &Everywhere, command: &TaskCommand) -> anyhow::Result<Outcome> {
    let client = Client::new(everywhere)?;
    let format = everywhere.output;
    match command {
        TaskCommand::List { id } => {
            let answer =
                client.call_for_all("DescribeBackupJobs", &[("DBInstanceId", id.as_str())], "BackupJob")?;
            output::rows(format, &answer, rows(&answer, "BackupJob"), &COLUMNS)?;
        }
        TaskCommand::Show { job } => {
            let answer = client.call("DescribeBackupJobReport", &[("BackupJobId", &job.to_string())])?;
            output::object(format, &answer)?;
        }
        TaskCommand::Watch { job } => {
            let row = job_watch::watch(&client, &job.to_string())?;
            output::object(format, &row)?;
            return Ok(job_watch::outcome(&row));
        }
        TaskCommand::Cancel { job } => {
            let answer = client.call("CancelBackupJob", &[("BackupJobId", &job.to_string())])?;
            match format {
                OutputFormat::Json => output::json(&answer)?,
                OutputFormat::Table => output::text(&format!("asked backup job {job} to stop\n"))?,
            }
        }
    }
    Ok(Outcome::Done)
}
