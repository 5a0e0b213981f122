//! `backstop backup`: creating, listing, showing, deleting.

use anyhow::bail;
use repository::BackupSetId;
use serde_json::Value;

use super::instance;
use crate::client::{Client, rows};
use crate::command_line::{BackupCommand, CreateBackup, Everywhere, Method, OutputFormat};
use crate::failure::Outcome;
use crate::job_watch;
use crate::output::{self, Column};

const COLUMNS: [Column; 7] = [
    Column::plain("BACKUP", "BackupId"),
    Column::plain("INSTANCE", "DBInstanceId"),
    Column::plain("STATUS", "BackupStatus"),
    Column::plain("START", "BackupStartTime"),
    Column::plain("END", "BackupEndTime"),
    Column::bytes("SIZE", "BackupSize"),
    Column::plain("MODE", "BackupMode"),
];

pub(super) fn run(everywhere: &Everywhere, command: &BackupCommand) -> anyhow::Result<Outcome> {
    let client = Client::new(everywhere)?;
    let format = everywhere.output;
    match command {
        BackupCommand::Create(arguments) => return create(&client, format, arguments),
        BackupCommand::List { id } => {
            let answer =
                client.call_for_all("DescribeBackups", &[("DBInstanceId", id.as_str())], "Backup")?;
            output::rows(format, &answer, rows(&answer, "Backup"), &COLUMNS)?;
        }
        BackupCommand::Show { backup } => output::object(format, &find(&client, *backup)?)?,
        BackupCommand::Delete { backup } => {
            let set = find(&client, *backup)?;
            let instance = set.get("DBInstanceId").and_then(Value::as_str).unwrap_or_default();
            let id = backup.to_string();
            let answer = client.call("DeleteBackup", &[("DBInstanceId", instance), ("BackupId", &id)])?;
            match format {
                OutputFormat::Json => output::json(&answer)?,
                OutputFormat::Table => output::text(&format!("deleted backup set {id} of {instance}\n"))?,
            }
        }
    }
    Ok(Outcome::Done)
}

fn create(client: &Client, format: OutputFormat, arguments: &CreateBackup) -> anyhow::Result<Outcome> {
    let CreateBackup { id, full, method, databases, wait } = arguments;
    let databases = databases.join(",");
    let method = match method {
        Method::Physical => "Physical",
        Method::Logical => "Logical",
    };
    let mut parameters = vec![("DBInstanceId", id.as_str()), ("BackupMethod", method)];
    if *full {
        parameters.push(("BackupType", "FullBackup"));
    }
    if !databases.is_empty() {
        parameters.extend([("BackupStrategy", "db"), ("DBName", databases.as_str())]);
    }
    let answer = client.call("CreateBackup", &parameters)?;
    let Some(job) = answer.get("BackupJobId").and_then(Value::as_str) else {
        bail!("the service answered without a BackupJobId");
    };
    if *wait {
        let row = job_watch::watch(client, job)?;
        output::object(format, &row)?;
        return Ok(job_watch::outcome(&row));
    }
    match format {
        OutputFormat::Json => output::json(&answer)?,
        OutputFormat::Table => {
            output::text(&format!("started backup job {job}; watch it with `backstop task watch {job}`\n"))?;
        }
    }
    Ok(Outcome::Done)
}

/// The row of a set. The API asks for a set's instance, which the command line does not have, so all
/// instances are asked.
fn find(client: &Client, backup: BackupSetId) -> anyhow::Result<Value> {
    let id = backup.to_string();
    let instances = instance::list(client)?;
    let names = rows(&instances, "DBInstance").iter().filter_map(|row| row.get("DBInstanceId")?.as_str());
    for name in names {
        let answer = client.call("DescribeBackups", &[("DBInstanceId", name), ("BackupId", &id)])?;
        if let Some(set) = rows(&answer, "Backup").first() {
            return Ok(set.clone());
        }
    }
    bail!(
        "no registered instance has a backup set {backup}; `backstop repository list` shows those of others"
    )
}
