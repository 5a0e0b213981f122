//! The schedule when something goes wrong: jobs in the way, restarts, a service that is down, clocks that jump.

use jiff::SignedDuration;
use testkit::process::wait_for;

use crate::harness::PATIENCE;
use crate::moved_time::{MovedTime, at, hours};

/// A Sunday.
const START: &str = "2026-11-22T12:00:00Z";

const DAILY: [(&str, &str); 3] = [
    ("PreferredBackupTime", "01:00Z-02:00Z"),
    ("PreferredBackupPeriod", "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday"),
    ("BackupRetentionPeriod", "7"),
];

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn daily(now: &str) -> MovedTime {
    let moved = MovedTime::started(now);
    moved.register_small("orders");
    moved.modify("orders", &DAILY).expect_success();
    moved
}

#[test]
fn a_due_backup_waits_for_a_job_to_end() {
    let moved = daily(START);
    moved.harness.script().hold("copying");
    let manual = moved.call("CreateBackup", &[("DBInstanceId", "orders")]).expect_success();
    let due = moved.next_due("orders");
    moved.go_to(due + minutes(5));
    let blocked = || Ok((moved.figure("backstop_schedule_blocked_total") > 0).then_some(()));
    wait_for("a look at the schedule", PATIENCE, blocked).unwrap();
    assert_eq!(moved.jobs("orders").len(), 1);
    moved.harness.script().release("copying");
    let jobs = moved.wait_for_jobs("orders", 2);
    assert_eq!((&jobs[0]["JobMode"], &jobs[1]["BackupJobId"]), (&"Automated".into(), &manual["BackupJobId"]));
    assert_eq!(moved.figure("backstop_schedule_missed_total"), 0);
}

#[test]
fn a_due_backup_is_missed_when_its_window_ends_first() {
    let moved = daily(START);
    moved.harness.script().hold("copying");
    moved.call("CreateBackup", &[("DBInstanceId", "orders")]).expect_success();
    let due = moved.next_due("orders");
    moved.go_to(due + minutes(5));
    let blocked = || Ok((moved.figure("backstop_schedule_blocked_total") > 0).then_some(()));
    wait_for("a look at the schedule", PATIENCE, blocked).unwrap();
    moved.go_to(at("2026-11-23T02:00:00Z"));
    moved.wait_for_figure("backstop_schedule_missed_total", 1);
    moved.harness.script().release("copying");
    moved.wait_for_jobs("orders", 1);
    moved.go_to(due + hours(24));
    moved.wait_for_jobs("orders", 2);
    assert_eq!(moved.figure("backstop_schedule_missed_total"), 1);
    assert_eq!(moved.figure("backstop_schedule_due_total"), 2);
}

#[test]
fn a_due_time_becomes_one_job_over_restarts_in_its_window() {
    let mut moved = daily(START);
    let due = moved.next_due("orders");
    moved.harness.script().hold("copying");
    moved.go_to(due);
    wait_for("the job", PATIENCE, || Ok((moved.jobs("orders").len() == 1).then_some(()))).unwrap();
    moved.restart();
    moved.go_to(due + minutes(10));
    moved.harness.script().release("copying");
    moved.wait_for_jobs("orders", 1);
    moved.restart();
    moved.go_to(due + minutes(20));
    moved.go_to(due + hours(24));
    moved.wait_for_jobs("orders", 2);
}

#[test]
fn a_service_that_was_down_at_the_due_time_makes_the_backup_while_the_window_is_open() {
    let mut moved = daily(START);
    let due = moved.next_due("orders");
    moved.harness.stop();
    moved.go_to(at("2026-11-23T01:59:59Z"));
    moved.start();
    moved.wait_for_jobs("orders", 1);
    moved.harness.stop();
    // Down over one whole window and into the next.
    moved.go_to(due + hours(48) + minutes(1));
    moved.start();
    moved.wait_for_jobs("orders", 2);
    moved.wait_for_figure("backstop_schedule_missed_total", 1);
}

#[test]
fn a_clock_that_is_put_back_makes_no_second_backup() {
    let moved = daily(START);
    let due = moved.next_due("orders");
    moved.go_to(due);
    moved.wait_for_jobs("orders", 1);
    moved.clock.set(due - minutes(2));
    moved.clock.set(due + minutes(3));
    let catalog = moved.harness.catalog();
    for back in [minutes(30), hours(20)] {
        moved.clock.set(due - back);
        wait_for("the schedule to follow", PATIENCE, || {
            let scheduled = moved.harness.block_on(catalog.list_scheduled(None, 1)).unwrap();
            let (_, settled) = scheduled[0].policy.as_ref().unwrap();
            Ok((*settled < due).then_some(()))
        })
        .unwrap();
        moved.clock.set(due + minutes(3));
    }
    moved.go_to(due + hours(24));
    moved.wait_for_jobs("orders", 2);
    assert_eq!(moved.figure("backstop_schedule_missed_total"), 0);
}

#[test]
fn a_clock_that_ran_ahead_costs_no_backup_and_no_set() {
    let moved = daily(START);
    let due = moved.next_due("orders");
    moved.go_to(due);
    moved.wait_for_jobs("orders", 1);
    moved.go_to(due + hours(24));
    moved.wait_for_jobs("orders", 2);
    // The node's clock alone: a month ahead, in an open window.
    moved.clock.set(due + hours(24 * 30));
    moved.wait_for_jobs("orders", 3);
    let client = moved.harness.client();
    assert_eq!(client.get("/healthz").status, 200);
    moved.wait_for_figure("backstop_schedule_missed_total", 28);
    assert_eq!(moved.figure("backstop_sets_expired_total"), 0, "the store's clock knows better");
    assert!(moved.figure("backstop_expiry_refused_total") > 0);
    // And right again: the days that it jumped over are still to come.
    moved.go_to(due + hours(25));
    for count in 4..=5 {
        moved.go_to(moved.next_due("orders"));
        moved.wait_for_jobs("orders", count);
    }
    assert_eq!(moved.sets("orders").len(), 5);
}

#[test]
fn a_changed_window_counts_from_then_on() {
    let moved = daily("2026-11-23T10:40:00Z");
    // It began already, and its due time is over.
    let window = [("PreferredBackupTime", "10:00Z-11:00Z"), DAILY[1], DAILY[2]];
    moved.modify("orders", &window).expect_success();
    let due = moved.next_due("orders");
    assert!(due > at("2026-11-24T10:00:00Z"), "{due}");
    moved.go_to(at("2026-11-23T10:59:00Z"));
    moved.go_to(due);
    moved.wait_for_jobs("orders", 1);
    // Another setting leaves the due times alone.
    moved.harness.script().hold("copying");
    moved.call("CreateBackup", &[("DBInstanceId", "orders")]).expect_success();
    moved.go_to(due + hours(24));
    moved.modify("orders", &[("FullBackupIntervalDays", "5")]).expect_success();
    moved.harness.script().release("copying");
    moved.wait_for_jobs("orders", 3);
}

#[test]
fn without_the_role_nothing_is_scheduled() {
    let mut moved = daily(START);
    let due = moved.next_due("orders");
    moved.harness.stop();
    let options = moved.options();
    let roles = service::Roles { scheduler: false, ..options.roles };
    moved.harness.start_with(service::ServeOptions { roles, ..options });
    moved.go_to(due);
    moved.call("CreateBackup", &[("DBInstanceId", "orders")]).expect_success();
    moved.wait_for_jobs("orders", 1);
}
