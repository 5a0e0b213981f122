//! Jobs: stages, progress, cancelling, retrying, slots, stopping.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use testkit::process::wait_for;

use crate::harness::{Harness, PATIENCE};

const STAGES: [(&str, &str, &str); 5] = [
    ("checking", "Checking", "NoStart"),
    ("preparing", "Preparing", "Preparing"),
    ("waiting", "Waiting", "Waiting"),
    ("copying", "Uploading", "Uploading"),
    ("proving", "Uploading", "Checking"),
];

fn percent(task: &Value) -> u32 {
    task["Process"].as_str().unwrap().parse().unwrap()
}

/// What is stored of an instance, by the names of its objects.
fn objects(harness: &Harness, instance: &str) -> Vec<String> {
    let listing = harness.repository().store().list(instance, None).unwrap();
    listing.entries.into_iter().map(|entry| entry.key.to_string()).collect()
}

#[test]
fn a_held_job_shows_each_stage_in_order() {
    let harness = Harness::started();
    harness.register_small("orders");
    for (point, _, _) in STAGES {
        harness.script().hold(point);
    }
    let job = harness.create_backup("orders");
    let mut highest = 0;
    for ((point, status, progress_status), (low, high)) in
        STAGES.into_iter().zip([(0, 5), (5, 10), (10, 10), (10, 90), (90, 99)])
    {
        let task = harness.wait_for_status("orders", &job, status, progress_status);
        let percent = percent(&task);
        assert!((low..=high).contains(&percent) && percent >= highest, "{task}");
        highest = percent;
        harness.script().release(point);
    }
    harness.wait_finished("orders", &job);
}

#[test]
fn a_quick_job_shows_all_of_its_bytes() {
    let mut harness = Harness::stopped();
    // The one report is at the beginning: what came after it is written when the job ends.
    harness.times.progress_gap = Duration::from_hours(1);
    harness.start();
    harness.register_small("orders");
    let row = |job: &str| {
        let answer = harness.client().call("DescribeBackupJobs", &[("BackupJobId", job)]).expect_success();
        answer["Items"]["BackupJob"][0].clone()
    };
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
    let done = row(&job);
    assert_eq!((&done["BytesPlanned"], &done["BytesDone"]), (&310_000.into(), &310_000.into()), "{done}");

    harness.script().failures_left.store(u32::MAX, Ordering::SeqCst);
    let job = harness.create_backup("orders");
    harness.wait_failed("orders", &job);
    let failed = row(&job);
    assert_eq!(failed["BytesPlanned"], 310_000, "{failed}");
    assert_eq!(failed["BackupProgressStatus"], "Uploading", "the stage that it failed in: {failed}");
}

#[test]
fn progress_takes_many_values_and_never_falls() {
    let harness =
        Harness::stopped().with_setting("bytes_per_second_max", "40000000").with_setting("threads", "2");
    let mut harness = harness;
    harness.start();
    let folder = harness.source("orders", &[("a", 20_000_000), ("b", 20_000_000)]);
    harness.register("orders", &folder);
    let job = harness.create_backup("orders");
    let (mut seen, mut last) = (BTreeSet::new(), 0);
    wait_for("the backup", PATIENCE, || {
        let task = harness.task("orders", &job);
        let percent = percent(&task);
        assert!(percent >= last, "{percent} after {last}");
        last = percent;
        if task["BackupProgressStatus"] == "Uploading" {
            seen.insert(percent);
        }
        Ok((task["BackupStatus"] == "Finished").then_some(()))
    })
    .unwrap();
    assert!(seen.len() >= 10, "{seen:?}");
}

#[test]
fn a_job_is_cancelled_in_every_stage() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    for (point, status, progress_status) in STAGES {
        harness.script().hold(point);
        let job = harness.create_backup("orders");
        harness.wait_for_status("orders", &job, status, progress_status);
        client.call("CancelBackupJob", &[("BackupJobId", &job)]).expect_success();
        let report = harness.wait_failed("orders", &job);
        assert_eq!(report["FailureCode"], "Cancelled", "{report}");
        assert_eq!(report["BackupProgressStatus"], progress_status);
        harness.script().release(point);
        client.call("CancelBackupJob", &[("BackupJobId", &job)]).expect_error(403, "IncorrectBackupJobState");
        assert_eq!(
            objects(&harness, "orders/sets"),
            Vec::<String>::new(),
            "what was stored is deleted at once"
        );
    }
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
}

#[test]
fn a_server_that_comes_back_gets_another_attempt() {
    let harness = Harness::started();
    harness.register_small("orders");
    harness.script().failures_left.store(2, Ordering::SeqCst);
    let job = harness.create_backup("orders");
    let mut last = 0;
    wait_for("the third attempt", PATIENCE, || {
        let task = harness.task("orders", &job);
        assert!(percent(&task) >= last, "Process fell over attempts: {task}");
        last = percent(&task);
        Ok((task["BackupStatus"] == "Finished").then_some(()))
    })
    .unwrap();
    let report = harness.report(&job);
    assert_eq!(report["Attempt"], 3, "{report}");
    assert_eq!(report["FailureCode"], Value::Null);
    assert_eq!(harness.backups("orders").len(), 1);
    // They come after the job is shown as finished.
    wait_for("tombstones on the dead attempts, which are left to the sweep", PATIENCE, || {
        let attempts = harness.repository().attempts(&"orders".parse().unwrap())?;
        assert_eq!(attempts.iter().filter(|attempt| attempt.is_live()).count(), 1, "{attempts:?}");
        let dead = attempts.iter().filter(|attempt| !attempt.published).all(|attempt| attempt.tombstone);
        Ok(dead.then_some(()))
    })
    .unwrap();
}

#[test]
fn a_job_fails_with_its_cause_after_three_attempts() {
    let harness = Harness::started();
    harness.register_small("orders");
    harness.script().failures_left.store(3, Ordering::SeqCst);
    let job = harness.create_backup("orders");
    let report = harness.wait_failed("orders", &job);
    assert_eq!(report["Attempt"], 3);
    assert_eq!(report["FailureCode"], "OperationDenied.DBInstanceUnreachable");
    assert_eq!(
        report["FailureMessage"],
        "ask the server for its stop position: the server closed the connection unexpectedly"
    );
    // The next one works.
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
}

#[test]
fn what_cannot_be_read_fails_the_job_and_leaves_nothing() {
    let harness = Harness::started();
    harness.register_small("orders");
    let folder = harness.source("orders", &[]);
    std::fs::remove_dir_all(folder).unwrap();
    let job = harness.create_backup("orders");
    let report = harness.wait_failed("orders", &job);
    let message = report["FailureMessage"].as_str().unwrap();
    assert!(message.contains("No such file or directory"), "{message}");
    assert_eq!(objects(&harness, "orders/sets"), Vec::<String>::new());
}

#[test]
fn an_engine_that_panics_fails_its_job_alone() {
    let harness = Harness::started();
    harness.register_small("orders");
    harness.script().panics.store(true, Ordering::SeqCst);
    let job = harness.create_backup("orders");
    assert_eq!(harness.wait_failed("orders", &job)["FailureCode"], "InternalError");
    harness.script().panics.store(false, Ordering::SeqCst);
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
}

#[test]
fn a_job_without_a_slot_waits_and_can_be_cancelled() {
    let mut harness = Harness::stopped().with_setting("copy_slots_max", "1");
    harness.start();
    for id in ["one", "two", "three"] {
        harness.register_small(id);
    }
    harness.script().hold("copying");
    let first = harness.create_backup("one");
    harness.wait_for_status("one", &first, "Uploading", "Uploading");
    let second = harness.create_backup("two");
    let third = harness.create_backup("three");
    harness.wait_for_status("two", &second, "Waiting", "Waiting");
    harness.wait_for_status("three", &third, "Waiting", "Waiting");
    harness.client().call("CancelBackupJob", &[("BackupJobId", &third)]).expect_success();
    assert_eq!(harness.wait_failed("three", &third)["FailureCode"], "Cancelled");
    assert_eq!(harness.task("two", &second)["BackupStatus"], "Waiting", "the slot is still taken");
    harness.script().release("copying");
    harness.wait_finished("one", &first);
    harness.wait_finished("two", &second);
}

#[test]
fn a_service_that_stops_gives_its_job_back() {
    let mut harness = Harness::started();
    harness.register_small("orders");
    harness.script().hold("copying");
    let job = harness.create_backup("orders");
    harness.wait_for_status("orders", &job, "Uploading", "Uploading");
    harness.stop();
    let catalog = harness.catalog();
    let stored = harness.block_on(catalog.find_job(job.parse().unwrap())).unwrap().unwrap();
    assert_eq!(stored.state.phase(), catalog::JobPhase::Queued);
    drop(catalog);
    harness.script().release("copying");
    harness.start();
    let begun = std::time::Instant::now();
    harness.wait_finished("orders", &job);
    assert!(begun.elapsed() < Duration::from_secs(20), "taken up at once, not when a lease ends");
    assert_eq!(harness.report(&job)["Attempt"], 1, "stopping counts as no attempt");
}
