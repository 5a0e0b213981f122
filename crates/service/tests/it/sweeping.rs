//! The sweep as a job, and the begins that it goes by.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catalog::{JobFilter, JobKind, JobPhase, Page};
use serde_json::Value;
use testkit::process::wait_for;

use crate::harness::{Harness, PATIENCE};
use crate::moved_time::{MovedTime, hours};

const START: &str = "2026-11-22T12:00:00Z";

/// Asks for a sweep, as the scheduler does by itself, and waits for the end of all.
fn sweep(moved: &MovedTime) -> Vec<(JobPhase, Option<Value>)> {
    let (catalog, repository) = (moved.harness.catalog(), moved.repository().id());
    moved.harness.block_on(async {
        let mut change = catalog.change(moved.now()).await.unwrap();
        change.enqueue_sweep(repository, moved.now()).await.unwrap();
        change.commit().await.unwrap();
    });
    let filter = JobFilter { kind: Some(JobKind::Sweep), ..JobFilter::default() };
    wait_for("the end of the sweeps", PATIENCE, || {
        let listed = moved.harness.block_on(catalog.list_jobs(&filter, Page::new(1, 30).expect("a page")))?;
        let mut ended = Vec::new();
        for job in listed.rows.iter().filter(|job| job.ended().is_some()) {
            ended.push((job.state.phase(), moved.harness.block_on(catalog.find_job_report(job.id))?));
        }
        Ok((ended.len() == listed.rows.len()).then_some(ended))
    })
    .unwrap()
}

/// Objects that all sweeps have deleted.
fn objects(sweeps: &[(JobPhase, Option<Value>)]) -> u64 {
    let reports = sweeps.iter().filter_map(|(_, report)| report.as_ref()?["Objects"].as_u64());
    reports.sum()
}

fn back_up(moved: &MovedTime, id: &str) -> String {
    let answer = moved.call("CreateBackup", &[("DBInstanceId", id)]).expect_success();
    let job = answer["BackupJobId"].as_str().unwrap().to_owned();
    let query = [("DBInstanceId", id), ("BackupJobId", job.as_str())];
    wait_for("the backup", PATIENCE, || {
        let tasks = moved.call("DescribeBackupTasks", &query).expect_success();
        Ok((tasks["Items"]["BackupJob"][0]["BackupStatus"] == "Finished").then_some(()))
    })
    .unwrap();
    moved.sets(id)[0]["BackupId"].to_string().trim_matches('"').to_owned()
}

#[test]
fn a_deleted_set_is_swept_after_the_grace() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let first = back_up(&moved, "orders");
    let second = back_up(&moved, "orders");
    moved.call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", &first)]).expect_success();
    let instance = "orders".parse().unwrap();
    let attempts = || moved.repository().attempts(&instance).unwrap();
    assert_eq!(objects(&sweep(&moved)), 0, "the grace is not over");
    assert!(
        attempts().iter().any(|attempt| attempt.place.name.set.to_string() == first && attempt.published)
    );
    moved.go_to(moved.now() + hours(73));
    let sweeps = sweep(&moved);
    assert!(sweeps.iter().all(|(phase, _)| *phase == JobPhase::Succeeded), "{sweeps:?}");
    assert!(objects(&sweeps) > 0, "{sweeps:?}");
    let live: Vec<String> =
        attempts().iter().filter(|a| a.published).map(|a| a.place.name.set.to_string()).collect();
    assert_eq!(live, [second]);
    // A sweep is no backup job.
    assert!(
        moved.jobs("orders").iter().all(|job| job["BackupId"].is_string() || job["BackupId"].is_number())
    );
}

#[test]
fn a_sweep_does_not_run_while_the_clocks_disagree() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let first = back_up(&moved, "orders");
    moved.call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", &first)]).expect_success();
    // Only this node's clock goes on.
    moved.clock.set(moved.now() + hours(73));
    let sweeps = sweep(&moved);
    assert_eq!((sweeps[0].0, objects(&sweeps)), (JobPhase::Failed, 0), "{sweeps:?}");
    assert_eq!(moved.repository().attempts(&"orders".parse().unwrap()).unwrap().len(), 1);
}

#[test]
fn a_running_job_renews_its_begin() {
    let mut harness = Harness::stopped();
    harness.times.renew_begin = Duration::from_millis(20);
    harness.start();
    harness.register_small("orders");
    harness.script().hold("copied");
    let job = harness.create_backup("orders");
    let folder = harness.home.path().join("repository/orders/sets");
    let renewed = wait_for("two renewals", PATIENCE, || {
        let attempts: Vec<PathBuf> =
            std::fs::read_dir(&folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).collect();
        let renewed = attempts.into_iter().find(|attempt| attempt.join("begin-renewed-000001").exists());
        Ok(renewed)
    });
    renewed.unwrap();
    let script = Arc::clone(&harness.script_shared());
    script.release("copied");
    harness.wait_finished("orders", &job);
}
