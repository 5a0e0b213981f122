//! The service or a restore dies, at every named point and in every stage; what is left is never wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{
    Access, Backstop, Holds, Restored, Source, Turn, Watched, difference, failpoints, flip_byte, set_modified,
};
use testkit::postgres::{Cluster, Installation};
use testkit::process::{ChildGuard, ServerUser, run, wait_for};

const DEATH_TIMEOUT: Duration = Duration::from_mins(1);
const JOB_TIMEOUT: Duration = Duration::from_mins(2);

fn quiet_source() -> Result<Source> {
    Source::start(Cluster::builder(&Installation::find(15)?).setting("autovacuum", "off"), Access::Peer)
}

fn registered(name: &str, source: &Source) -> Result<Backstop> {
    let mut backstop = Backstop::init(name)?;
    backstop.serve()?;
    backstop.register("orders", source)?;
    Ok(backstop)
}

/// After a crash and a restart: the job ended, nothing is shown as running, what is listed is whole.
fn check_aftermath(backstop: &Backstop, job: &str, what: &str) -> Result<()> {
    let end = backstop.end("orders", job, JOB_TIMEOUT).with_context(|| what.to_owned())?;
    let report = backstop.report(job)?;
    if let Some(set) = &end.backup {
        ensure!(backstop.sets("orders")?.first() == Some(set), "{what}: the set is not the newest");
    } else {
        let told = report["FailureMessage"].as_str().is_some_and(|text| !text.is_empty());
        ensure!(told, "{what}: {report}");
    }
    ensure!(backstop.unfinished_jobs("orders")?.is_empty(), "{what}: a job is shown as running");
    ensure!(
        backstop.sets("orders")? == backstop.sets_in_repository("orders")?,
        "{what}: catalog and repository differ"
    );
    let verified = backstop.cli(&["repository", "verify"])?.done().with_context(|| what.to_owned())?;
    ensure!(verified["FaultCount"] == 0, "{what}: {verified}");
    Ok(())
}

fn restore(backstop: &Backstop, set: &str, target: &Path) -> Result<()> {
    let target = target.to_str().context("UTF-8")?;
    backstop.cli(&["restore", "orders", "--backup", set, "--target", target])?.done()?;
    Ok(())
}

/// Restores the newest set and compares it with the source, in which nothing changed since.
fn check_newest(backstop: &Backstop, source: &Source) -> Result<()> {
    let newest = backstop.sets("orders")?.first().context("there is a set")?.clone();
    let target = backstop.place("compared");
    restore(backstop, &newest, &target)?;
    let restored = Restored::start(source.cluster.installation(), &target, &[])?;
    let differences = difference(&source.cluster, &restored)?;
    ensure!(differences.is_empty(), "{differences:?}");
    Ok(())
}

#[test]
fn a_service_that_dies_at_any_point_of_a_backup_takes_the_job_up_again() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    source.fill(1)?;
    let mut backstop = registered("crash-points", &source)?;
    let mut sets = 0;
    let of_a_backup =
        |point: &String| ["engine.", "postgres.", "runner."].iter().any(|part| point.starts_with(part));
    for point in failpoints()?.into_iter().filter(of_a_backup) {
        source.cluster.psql("UPDATE quiet SET text = text || '.' WHERE n % 50 = 0")?;
        backstop.stop()?;
        backstop.set("BACKSTOP_FAILPOINTS", &format!("{point}=abort"));
        backstop.serve()?;
        let job = backstop.create_backup("orders", &[])?;
        backstop.wait_for_end(DEATH_TIMEOUT).with_context(|| format!("nobody came to {point}"))?;
        backstop.unset("BACKSTOP_FAILPOINTS");
        let listed = backstop.sets_in_repository("orders")?.len();
        ensure!((sets..=sets + 1).contains(&listed), "{point}: {listed} sets after {sets}");
        backstop.serve()?;
        check_aftermath(&backstop, &job, &point)?;
        ensure!(backstop.job("orders", &job)?.status == "Finished", "{point}: {}", backstop.report(&job)?);
        sets += 1;
        ensure!(backstop.sets("orders")?.len() == sets, "{point}: a set is missing or too many");
    }
    ensure!(source.cluster.psql("SELECT count(*) FROM pg_replication_slots")? == "0", "a slot was left");
    check_newest(&backstop, &source)
}

#[test]
fn a_service_killed_in_any_stage_takes_the_job_up_again() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    source.fill(1)?;
    let mut backstop = registered("crash-stages", &source)?;
    let stages = [
        ("postgres.checking", ("Checking", "NoStart")),
        ("postgres.preparing", ("Preparing", "Preparing")),
        ("postgres.waiting", ("Waiting", "Waiting")),
        ("postgres.started", ("Waiting", "Waiting")),
        ("postgres.copied", ("Uploading", "Uploading")),
        ("engine.proven", ("Uploading", "Checking")),
    ];
    for (point, state) in stages {
        backstop.stop()?;
        let holds = Holds::prepare(&mut backstop, &[point])?;
        holds.hold(point)?;
        backstop.serve()?;
        let job = backstop.create_backup("orders", &[])?;
        backstop
            .watch_until("orders", &job, JOB_TIMEOUT, &mut Watched::default(), |job| job.state() == state)?;
        backstop.kill9()?;
        backstop.unset("BACKSTOP_FAILPOINTS");
        source.cluster.psql("UPDATE quiet SET text = text || ',' WHERE n % 70 = 0")?;
        backstop.serve()?;
        check_aftermath(&backstop, &job, point)?;
        let report = backstop.report(&job)?;
        ensure!(report["BackupStatus"] == "Finished" && report["Attempt"] == 2, "{point}: {report}");
    }
    check_newest(&backstop, &source)
}

#[test]
fn a_job_that_kills_its_worker_each_time_fails_after_three_attempts() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    let mut backstop = registered("crash-three", &source)?;
    let earlier = backstop.back_up("orders")?;
    backstop.stop()?;
    backstop.set("BACKSTOP_FAILPOINTS", "postgres.copied=abort");
    backstop.serve()?;
    let job = backstop.create_backup("orders", &[])?;
    for attempt in 1..=3 {
        backstop.wait_for_end(DEATH_TIMEOUT).with_context(|| format!("attempt {attempt}"))?;
        backstop.serve()?;
    }
    check_aftermath(&backstop, &job, "the fourth start")?;
    ensure!(backstop.job("orders", &job)?.status == "Failed");
    ensure!(backstop.sets("orders")? == [earlier.as_str()]);
    backstop.stop()?;
    backstop.unset("BACKSTOP_FAILPOINTS");
    backstop.serve()?;
    backstop.back_up("orders")?;
    Ok(())
}

#[test]
fn a_file_changed_between_two_attempts_without_changing_its_size_is_stored_as_it_is() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    source.fill(1)?;
    // Sorts before all else, so that it is stored first; of random bytes, so that it fills more than one pack.
    let file = source.cluster.data_dir().join("AAA");
    let mut content = vec![0; 80 * 1024 * 1024];
    getrandom::fill(&mut content)?;
    fs::write(&file, &content)?;
    if let Some(ServerUser { uid, gid }) = source.cluster.server_user() {
        std::os::unix::fs::chown(&file, Some(uid), Some(gid))?;
    }
    let modified = fs::metadata(&file)?.modified()?;
    let mut backstop = registered("crash-changed", &source)?;
    backstop.stop()?;
    let holds = Holds::prepare(&mut backstop, &["postgres.copied"])?;
    holds.hold("postgres.copied")?;
    backstop.serve()?;
    let job = backstop.create_backup("orders", &[])?;
    let copied = |job: &e2e::Job| job.state() == ("Uploading", "Uploading") && job.process >= 89;
    backstop.watch_until("orders", &job, JOB_TIMEOUT, &mut Watched::default(), copied)?;
    let packs = run(Command::new("find").arg(backstop.repository()).args(["-name", "pack-*"]))?;
    ensure!(packs.lines().count() >= 2, "nothing of the file is stored yet: {packs}");
    backstop.kill9()?;

    for offset in [0, 1024 * 1024 + 7, 40 * 1024 * 1024, 80 * 1024 * 1024 - 1] {
        flip_byte(&file, offset)?;
    }
    set_modified(&file, modified)?;
    source.cluster.psql("UPDATE quiet SET text = 'between' WHERE n = 5; CHECKPOINT")?;
    let expected = fs::read(&file)?;
    ensure!(expected != content && expected.len() == content.len());
    backstop.unset("BACKSTOP_FAILPOINTS");
    backstop.serve()?;
    check_aftermath(&backstop, &job, "changed in between")?;
    let report = backstop.report(&job)?;
    ensure!(report["BackupStatus"] == "Finished" && report["Attempt"] == 2, "{report}");
    let stored = report["StoredBytes"].as_u64().context("no StoredBytes")?;
    ensure!(stored < 40 * 1024 * 1024, "frames of the dead attempt were not used again: {report}");
    check_newest(&backstop, &source)?;
    ensure!(
        fs::read(backstop.place("compared").join("AAA"))? == expected,
        "the file's old content came back"
    );
    Ok(())
}

#[test]
fn a_deletion_that_dies_half_way_is_completed_by_the_next_start() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    let mut backstop = registered("crash-delete", &source)?;
    let (kept, deleted) = (backstop.back_up("orders")?, backstop.back_up("orders")?);
    backstop.stop()?;
    backstop.set("BACKSTOP_FAILPOINTS", "delete.marked=abort");
    backstop.serve()?;
    let call = backstop.send("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", &deleted)]);
    ensure!(call.is_err(), "the service answered: {call:?}");
    backstop.wait_for_end(DEATH_TIMEOUT)?;
    backstop.unset("BACKSTOP_FAILPOINTS");
    backstop.serve()?;
    ensure!(backstop.sets("orders")? == [kept.as_str()]);
    wait_for("the tombstone", DEATH_TIMEOUT, || {
        Ok((backstop.sets_in_repository("orders")? == [kept.as_str()]).then_some(()))
    })
}

#[test]
fn an_expiry_that_dies_half_way_is_completed_by_the_next_start() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    let mut backstop = registered("crash-expiry", &source)?;
    let (expired, kept) = (backstop.back_up("orders")?, backstop.back_up("orders")?);
    backstop.stop()?;
    let catalog = backstop.home().join("catalog.sqlite");
    let long_ago = format!(
        "import sqlite3; c = sqlite3.connect({:?}); \
         print(c.execute('UPDATE backup_set SET expires_micros = 1 WHERE id = {expired}').rowcount); c.commit()",
        catalog.to_str().context("UTF-8")?,
    );
    let updated = Command::new("python3").args(["-c", &long_ago]).output()?;
    ensure!(updated.stdout == b"1\n", "{}", String::from_utf8_lossy(&updated.stderr));
    let point = "expiry.tombstoned";
    let holds = Holds::prepare(&mut backstop, &[point])?;
    holds.hold(point)?;
    backstop.serve()?;
    let only_kept = |sets: Vec<String>| (sets == [kept.as_str()]).then_some(());
    wait_for("the tombstone", DEATH_TIMEOUT, || Ok(only_kept(backstop.sets_in_repository("orders")?)))?;
    ensure!(backstop.sets("orders")?.len() == 2, "the catalog was told before the service died");
    backstop.kill9()?;
    backstop.unset("BACKSTOP_FAILPOINTS");
    backstop.serve()?;
    wait_for("the catalog to follow", DEATH_TIMEOUT, || Ok(only_kept(backstop.sets("orders")?)))?;
    check_newest(&backstop, &source)
}

/// A home with one set of a source, stopped.
fn one_set(name: &str, source: &Source) -> Result<(Backstop, String)> {
    let mut backstop = registered(name, source)?;
    let set = backstop.back_up("orders")?;
    backstop.stop()?;
    Ok((backstop, set))
}

/// A server must not start on what a dead restore left, whoever owns it.
fn check_refused(source: &Source, target: &Path, what: &str) -> Result<()> {
    if let Some(ServerUser { uid, gid }) = source.cluster.server_user() {
        run(Command::new("chown").arg("-R").arg(format!("{uid}:{gid}")).arg(target))?;
    }
    fs::set_permissions(target, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let refusal = Restored::refuse(source.cluster.installation(), target).with_context(|| what.to_owned())?;
    ensure!(!refusal.log.contains("ownership"), "{what}: refused for another reason: {}", refusal.log);
    Ok(())
}

#[test]
fn a_restore_that_dies_leaves_nothing_that_starts() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    source.fill(1)?;
    let (mut backstop, set) = one_set("crash-restore", &source)?;
    for point in failpoints()?.into_iter().filter(|point| point.starts_with("restore.")) {
        let target = backstop.place(&point);
        backstop.set("BACKSTOP_FAILPOINTS", &format!("{point}=abort"));
        let path = target.to_str().context("UTF-8")?;
        let answer = backstop.cli(&["restore", "orders", "--backup", &set, "--target", path])?;
        ensure!(answer.status.is_none(), "nobody came to {point}: {answer}");
        backstop.unset("BACKSTOP_FAILPOINTS");
        if point == "restore.done" {
            // Everything is in place, only nobody was told.
            let restored = Restored::start(source.cluster.installation(), &target, &[])?;
            ensure!(difference(&source.cluster, &restored)?.is_empty());
            continue;
        }
        check_refused(&source, &target, &point)?;
        if count_files(&target) > 0 {
            backstop.cli(&["restore", "orders", "--backup", &set, "--target", path])?.failed()?;
        }
        fs::remove_dir_all(&target)?;
        restore(&backstop, &set, &target)?;
        fs::remove_dir_all(&target)?;
    }
    Ok(())
}

#[test]
fn a_restore_killed_while_it_writes_leaves_nothing_that_starts() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    source.fill(5)?;
    let (backstop, set) = one_set("crash-restore-kill", &source)?;
    let mut killed = 0;
    for files in [1, 50, 300, 700] {
        let target = backstop.place(&format!("after-{files}"));
        let mut command = backstop.command();
        command.args(["restore", "orders", "--backup", &set, "--target", target.to_str().context("UTF-8")?]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = ChildGuard::spawn(&mut command)?;
        wait_for("files of the restore", JOB_TIMEOUT, || {
            ensure!(process.try_wait()?.is_none(), "the restore was over before {files} files were seen");
            Ok((count_files(&target) >= files).then_some(()))
        })?;
        process.kill()?;
        // Only once everything else is on disk may this file be there.
        if !target.join("global/pg_control").exists() {
            check_refused(&source, &target, &format!("killed after {files} files"))?;
            killed += 1;
        }
    }
    if killed == 0 {
        bail!("each restore was over before it was killed");
    }
    Ok(())
}

fn count_files(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count_files(&entry.path()) } else { 1 }).sum()
}

#[test]
fn a_restored_directory_without_its_backup_label_does_not_start() -> Result<()> {
    let _turn = Turn::wait()?;
    for installation in [Installation::find(14)?, Installation::find(18)?] {
        let source = Source::start(Cluster::builder(&installation), Access::Peer)?;
        let (backstop, set) = one_set(&format!("crash-label-{}", installation.major()), &source)?;
        let target = backstop.place("restored");
        restore(&backstop, &set, &target)?;
        rustix::fs::unlink(target.join("backup_label"))?;
        check_refused(&source, &target, "without backup_label")?;
        rustix::fs::unlink(target.join("recovery.signal"))?;
        check_refused(&source, &target, "without backup_label and recovery.signal")?;
    }
    Ok(())
}
