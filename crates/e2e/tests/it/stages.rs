//! A job's life, row by row, as DescribeBackupTasks shows it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Access, Backstop, Holds, Job, Source, Turn, Watched, tree};
use testkit::postgres::{Cluster, Installation};
use testkit::process::wait_for;

const STAGE_TIMEOUT: Duration = Duration::from_mins(1);

const QUEUED: (&str, &str) = ("NoStart", "NoStart");
const CHECKING: (&str, &str) = ("Checking", "NoStart");
const PREPARING: (&str, &str) = ("Preparing", "Preparing");
const WAITING: (&str, &str) = ("Waiting", "Waiting");
const COPYING: (&str, &str) = ("Uploading", "Uploading");
const PROVING: (&str, &str) = ("Uploading", "Checking");
const FINISHED: (&str, &str) = ("Finished", "Finished");

/// A service whose copies take turns and are slow, with one server registered under several ids.
fn slow_service(name: &str, points: &[&str], ids: &[&str]) -> Result<(Source, Backstop, Holds)> {
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    source.pgbench_tables(1)?;
    let mut backstop = Backstop::init(name)?;
    backstop.set("BACKSTOP_COPY_SLOTS_MAX", "1");
    backstop.set("BACKSTOP_BYTES_PER_SECOND_MAX", "6000000");
    let holds = Holds::prepare(&mut backstop, points)?;
    backstop.serve()?;
    for id in ids {
        backstop.register(id, &source)?;
    }
    Ok((source, backstop, holds))
}

/// More jobs than any service holds at a time beside its one copy: the last of them stay queued.
const CROWD: usize = 24;

#[test]
fn every_row_of_the_table_is_seen_in_order() -> Result<()> {
    let _turn = Turn::wait()?;
    let crowd: Vec<String> = (0..CROWD).map(|number| format!("crowd-{number:02}")).collect();
    let mut ids = vec!["orders", "blocker"];
    ids.extend(crowd.iter().map(String::as_str));
    let points = ["postgres.copied", "postgres.checking", "postgres.preparing", "engine.proven"];
    let (_source, backstop, holds) = slow_service("stages-all", &points, &ids)?;
    let [end_of_copy, checking, preparing, proven] = points;

    // One job has the only slot and keeps it; a crowd waits for it, until there is room for no more.
    holds.hold(end_of_copy)?;
    let blocker = backstop.create_backup("blocker", &[])?;
    let is = |state: (&'static str, &'static str)| move |job: &Job| job.state() == state;
    backstop.watch_until("blocker", &blocker, STAGE_TIMEOUT, &mut Watched::default(), is(COPYING))?;
    let mut waiting = Vec::new();
    for id in &crowd {
        waiting.push((id, backstop.create_backup(id, &[])?));
    }
    wait_for("the crowd to settle", STAGE_TIMEOUT, || {
        let states = waiting.iter().map(|(id, job)| Ok(backstop.job(id, job)?.state() == WAITING));
        let states = states.collect::<Result<Vec<bool>>>()?;
        let first = states.iter().take_while(|is_waiting| **is_waiting).count();
        ensure!(first < CROWD, "the service holds {CROWD} jobs at a time: a larger crowd is needed");
        Ok((first > 0 && backstop.job(waiting[first].0, &waiting[first].1)?.state() == QUEUED).then_some(()))
    })?;
    let job = backstop.create_backup("orders", &[])?;
    let mut watched = Watched::default();
    let mut see = |state| backstop.watch_until("orders", &job, STAGE_TIMEOUT, &mut watched, is(state));
    see(QUEUED)?;
    check_filters(&backstop, &job, "NoStart")?;

    for point in [checking, preparing, proven] {
        holds.hold(point)?;
    }
    // The youngest first, so that nobody else comes to a point where it would be held.
    for (_, job) in waiting.iter().rev() {
        backstop.call("CancelBackupJob", &[("BackupJobId", job)])?;
    }
    see(CHECKING)?;
    check_filters(&backstop, &job, "Progressing")?;
    holds.release(checking)?;
    see(PREPARING)?;
    holds.release(preparing)?;
    see(WAITING)?;
    // It waits for the slot as long as the other copy has it.
    ensure!(backstop.job("blocker", &blocker)?.state() == COPYING, "the other copy is over");
    ensure!(backstop.job("orders", &job)?.process == 10);
    backstop.call("CancelBackupJob", &[("BackupJobId", &blocker)])?;
    holds.release(end_of_copy)?;
    see(COPYING)?;
    see(PROVING)?;
    check_filters(&backstop, &job, "Progressing")?;
    holds.release(proven)?;
    see(FINISHED)?;
    ensure!(
        backstop.unfinished_jobs("orders")?.is_empty(),
        "a finished job is listed without being asked for"
    );

    let states = [QUEUED, CHECKING, PREPARING, WAITING, COPYING, PROVING, FINISHED];
    ensure!(watched.states() == states, "{:?}", watched.rows);
    let values = watched.process_in(COPYING);
    ensure!(values.len() >= 10, "Process took only {values:?} while copying");
    Ok(())
}

/// DescribeBackupTasks without BackupJobId lists the job by its BackupJobStatus and under no other.
fn check_filters(backstop: &Backstop, job: &str, wanted: &str) -> Result<()> {
    ensure!(backstop.unfinished_jobs("orders")? == [job]);
    for status in ["NoStart", "Progressing"] {
        let answer = backstop
            .call("DescribeBackupTasks", &[("DBInstanceId", "orders"), ("BackupJobStatus", status)])?;
        let rows = answer["Items"]["BackupJob"].as_array().context("a list")?;
        ensure!(rows.len() == usize::from(status == wanted), "{status} lists {rows:?}");
    }
    let automated =
        backstop.call("DescribeBackupTasks", &[("DBInstanceId", "orders"), ("BackupMode", "Automated")])?;
    ensure!(automated["Items"]["BackupJob"] == serde_json::json!([]), "{automated}");
    let second = backstop.send("CreateBackup", &[("DBInstanceId", "orders")])?;
    ensure!(second.status == 400 && second.json()?["Code"] == "BackupJobExists", "{second}");
    Ok(())
}

/// Where a job is held so that it stays in a state.
const HELD: [(&str, (&str, &str)); 5] = [
    ("postgres.checking", CHECKING),
    ("postgres.preparing", PREPARING),
    ("postgres.waiting", WAITING),
    ("postgres.copied", COPYING),
    ("engine.proven", PROVING),
];

#[test]
fn a_job_can_be_cancelled_in_every_stage_and_leaves_nothing() -> Result<()> {
    let _turn = Turn::wait()?;
    let points = HELD.map(|(point, _)| point);
    let (source, mut backstop, holds) = slow_service("stages-cancel", &points, &["orders"])?;
    for (point, state) in HELD {
        holds.hold(point)?;
        let job = backstop.create_backup("orders", &[])?;
        let mut watched = Watched::default();
        backstop.watch_until("orders", &job, STAGE_TIMEOUT, &mut watched, |job| {
            // The end of the copy is held, not its beginning.
            job.state() == state && (state != COPYING || job.process >= 89)
        })?;
        backstop.call("CancelBackupJob", &[("BackupJobId", &job)])?;
        // Released before the attempt heard of it, the last points would let it finish.
        wait_for("the attempt to hear that it is cancelled", STAGE_TIMEOUT, || {
            Ok(backstop
                .log()
                .contains(&format!("the job was cancelled; the attempt stops job={job}"))
                .then_some(()))
        })?;
        holds.release(point)?;
        backstop.watch_until("orders", &job, STAGE_TIMEOUT, &mut watched, Job::is_over)?;
        let last = watched.last()?;
        ensure!(last.state() == ("Failed", state.1), "cancelled in {state:?}, shown as {last:?}");
        let report = backstop.report(&job)?;
        ensure!(report["FailureCode"] == "Cancelled", "{report}");
        ensure!(backstop.unfinished_jobs("orders")?.is_empty());
        ensure!(backstop.sets("orders")?.is_empty() && backstop.sets_in_repository("orders")?.is_empty());
        let left = tree(&backstop.repository().join("orders")).unwrap_or_default();
        let packs: Vec<_> = left.keys().filter(|path| path.to_string_lossy().contains("pack-")).collect();
        ensure!(packs.is_empty(), "cancelled in {state:?}, left {packs:?}");
        let again = backstop.send("CancelBackupJob", &[("BackupJobId", &job)])?;
        ensure!(again.json()?["Code"] == "IncorrectBackupJobState", "{again}");
    }
    ensure!(source.cluster.psql("SELECT count(*) FROM pg_replication_slots")? == "0", "a slot was left");
    backstop.unset("BACKSTOP_BYTES_PER_SECOND_MAX");
    backstop.stop()?;
    backstop.serve()?;
    backstop.back_up("orders")?;
    Ok(())
}
