//! A program as infrastructure tools have it: create, poll by id until Finished, list. It decodes strictly, as Go does: a
//! number where a text is declared, or the reverse, is an error, and so is a field that is missing.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{Access, Backstop, Source, Turn};
use serde_json::Value;
use testkit::postgres::{Cluster, Installation};
use testkit::process::wait_for;

const PATIENCE: Duration = Duration::from_mins(1);

fn text<'a>(object: &'a Value, field: &str) -> Result<&'a str> {
    object[field].as_str().with_context(|| format!("{field} is no text: {object}"))
}

fn number(object: &Value, field: &str) -> Result<u64> {
    object[field].as_u64().with_context(|| format!("{field} is no number: {object}"))
}

fn list<'a>(answer: &'a Value, wrapper: &str, name: &str) -> Result<&'a [Value]> {
    let items = answer[wrapper].as_object().with_context(|| format!("{wrapper} is no object: {answer}"))?;
    let rows = items.get(name).and_then(Value::as_array);
    Ok(rows.with_context(|| format!("{name} is no list: {answer}"))?.as_slice())
}

/// What tools wait for before they ask for a backup.
fn wait_until_running(backstop: &Backstop) -> Result<()> {
    let answer = backstop.call("DescribeDBInstanceAttribute", &[("DBInstanceId", "orders")])?;
    let [instance] = list(&answer, "Items", "DBInstanceAttribute")? else {
        bail!("not one instance: {answer}")
    };
    for (field, value) in [
        ("DBInstanceStatus", "Running"),
        ("DBInstanceId", "orders"),
        ("PayType", "Postpaid"),
        ("LockMode", "Unlock"),
        ("DBInstanceType", "Primary"),
        ("InstanceNetworkType", "Classic"),
        ("Engine", "PostgreSQL"),
        ("EngineVersion", "15.0"),
    ] {
        ensure!(text(instance, field)? == value, "{field} is not {value}: {instance}");
    }
    text(instance, "Port")?.parse::<u16>().context("Port is no number as text")?;
    Ok(())
}

/// Polls a job by its id, which a tool sends as a number, until it is Finished; answers the set's id.
fn poll(backstop: &Backstop, job: &str) -> Result<String> {
    // As Terraform's client sends it, with a parameter that the operation does not have.
    let query = [("DBInstanceId", "orders"), ("BackupJobId", job), ("SourceIp", "127.0.0.1")];
    let mut last = 0;
    wait_for("the job to be Finished", PATIENCE, || {
        let answer = backstop.call("DescribeBackupTasks", &query)?;
        let [task] = list(&answer, "Items", "BackupJob")? else { bail!("not one job: {answer}") };
        ensure!(text(task, "BackupJobId")? == job, "another job: {task}");
        ensure!(
            text(task, "JobMode")? == "Manual" && text(task, "TaskAction")? == "TempBackupTask",
            "{task}"
        );
        let process: u32 = text(task, "Process")?.parse().context("Process is no number as text")?;
        ensure!(process >= last, "Process fell: {task}");
        last = process;
        match text(task, "BackupStatus")? {
            "Finished" => Ok(Some(text(task, "BackupId")?.to_owned())),
            "Failed" => bail!("it failed: {task}"),
            _ => Ok(None),
        }
    })
}

#[test]
fn a_strict_poller_creates_watches_and_lists_a_backup() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    let mut backstop = Backstop::init("poller")?;
    backstop.serve()?;
    backstop.register("orders", &source)?;
    wait_until_running(&backstop)?;
    let query = [("DBInstanceId", "orders"), ("BackupMethod", "Physical"), ("BackupType", "FullBackup")];
    let created = backstop.call("CreateBackup", &query)?;
    let set = poll(&backstop, text(&created, "BackupJobId")?)?;

    let query =
        [("DBInstanceId", "orders"), ("BackupId", set.as_str()), ("PageSize", "50"), ("PageNumber", "1")];
    let answer = backstop.call("DescribeBackups", &query)?;
    ensure!(number(&answer, "PageNumber")? == 1 && number(&answer, "PageRecordCount")? == 1, "{answer}");
    ensure!(number(&answer, "TotalRecordCount")? == 1, "{answer}");
    let [backup] = list(&answer, "Items", "Backup")? else { bail!("not one set: {answer}") };
    ensure!(text(backup, "BackupId")? == set && text(backup, "BackupStatus")? == "Success", "{backup}");
    ensure!(number(backup, "BackupSize")? > 0 && number(backup, "IsAvail")? == 1, "{backup}");
    ensure!(number(backup, "ConsistentTime")? == 0, "{backup}");
    for field in ["BackupStartTime", "BackupEndTime", "ExpectExpireTime"] {
        let time = text(backup, field)?;
        let parsed =
            time.parse::<jiff::Timestamp>().with_context(|| format!("{field} is no time: {time}"))?;
        ensure!(
            parsed.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() == time,
            "{field} is not to the second: {time}"
        );
    }
    for field in [
        "BackupDownloadURL",
        "BackupIntranetDownloadURL",
        "BackupMethod",
        "BackupMode",
        "BackupType",
        "Checksum",
        "DBInstanceId",
        "Encryption",
        "Engine",
        "EngineVersion",
        "HostInstanceID",
        "MetaStatus",
        "StorageClass",
        "StoreStatus",
    ] {
        text(backup, field)?;
    }
    Ok(())
}
