//! Backup policies, due times, and expiry.

use jiff::{SignedDuration, Timestamp};
use repository::BackupSetId;
use serde_json::json;

use super::{Database, at, claimed, instance_id, plain_backup, plain_instance, plain_set, register};
use crate::{
    BackupMode, BackupPolicy, Catalog, EnqueueError, Fired, NewBackupJob, PolicyCompression, ReleasedKeep,
    ScheduledInstance, SetExpiryError, Weekdays,
};

const DAY: i64 = 86_400;

async fn put(catalog: &Catalog, id: &str, policy: &BackupPolicy, now: Timestamp) {
    let mut change = catalog.change(now).await.expect("a change begins");
    change.put_policy(&instance_id(id), policy).await.expect("stored");
    change.commit().await.expect("committed");
}

pub(super) async fn a_policy_reads_back_as_stored(database: &Database) {
    let catalog = database.node().await;
    for id in ["pg-1", "pg-2", "pg-3"] {
        register(&catalog, plain_instance(id)).await;
    }
    let full = BackupPolicy {
        retention_days: 730,
        weekdays: Weekdays::new([7, 2]).expect("two days"),
        window_start_minutes: 1439,
        full_interval_days: 1,
        incremental: false,
        incremental_interval_minutes: Some(60),
        compression: PolicyCompression::Zstd,
        released_keep: ReleasedKeep::Latest,
        log_backup: false,
        log_retention_days: 8,
        echoed: json!({"Category": "Flash", "Rows": [{"A": 1}]}),
    };
    assert_eq!(catalog.find_policy(&instance_id("pg-1")).await.expect("readable"), None);
    put(&catalog, "pg-1", &BackupPolicy::default(), at(0)).await;
    put(&catalog, "pg-1", &full, at(5)).await;
    put(&catalog, "pg-3", &BackupPolicy::default(), at(6)).await;
    let mut change = catalog.change(at(7)).await.expect("a change begins");
    change.put_missing_policy(&instance_id("pg-3"), &full).await.expect("ignored");
    change.put_policy_of_same_times(&instance_id("pg-1"), &full).await.expect("stored");
    change.commit().await.expect("committed");
    assert_eq!(catalog.find_policy(&instance_id("pg-1")).await.expect("readable").as_ref(), Some(&full));

    let listed = catalog.list_scheduled(None, 10).await.expect("listable");
    let row = |id, policy| ScheduledInstance { instance: instance_id(id), policy };
    let expected = [
        row("pg-1", Some((full, at(5)))),
        row("pg-2", None),
        row("pg-3", Some((BackupPolicy::default(), at(6)))),
    ];
    assert_eq!(listed, expected);
    let rest = catalog.list_scheduled(Some(&instance_id("pg-1")), 1).await.expect("listable");
    assert_eq!(rest, expected[1..2]);

    let mut change = catalog.change(at(8)).await.expect("a change begins");
    change.deregister_instance(&instance_id("pg-3")).await.expect("deregistered");
    change.commit().await.expect("committed");
    assert_eq!(catalog.list_scheduled(None, 10).await.expect("listable"), expected[..2]);
    assert!(catalog.find_policy(&instance_id("pg-3")).await.expect("readable").is_some(), "it is kept");
}

pub(super) async fn a_policy_that_changes_wakes_who_waits(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let mut watch = catalog.watch_policies();
    put(&catalog, "pg-1", &BackupPolicy::default(), at(0)).await;
    watch.wait(std::time::Duration::from_hours(1)).await;
    assert_eq!(catalog.clock(at(9)).await.expect("readable"), at(9), "leases go by the caller's clock here");
}

fn due_backup(due: Timestamp) -> NewBackupJob {
    NewBackupJob { mode: BackupMode::Automated, due, ..plain_backup("pg-1") }
}

async fn settled(catalog: &Catalog) -> Timestamp {
    let listed = catalog.list_scheduled(None, 1).await.expect("listable");
    listed[0].policy.as_ref().expect("it has a policy").1
}

pub(super) async fn a_due_time_is_fired_once(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    put(&catalog, "pg-1", &BackupPolicy::default(), at(0)).await;
    let fire = async |node: &Catalog, due| {
        let mut change = node.change(at(200)).await.expect("a change begins");
        let fired = change.fire_due(due_backup(due)).await;
        if fired.is_ok() {
            change.commit().await.expect("committed");
        } else {
            change.undo().await.expect("undone");
        }
        fired
    };
    let Ok(Fired::Job(job)) = fire(&catalog, at(100)).await else { panic!("the first fires") };
    assert_eq!(settled(&catalog).await, at(100));
    let found = catalog.find_job(job).await.expect("readable").expect("there");
    assert_eq!(found.mode, BackupMode::Automated);
    assert_eq!(fire(&catalog, at(100)).await.expect("known"), Fired::Before);

    // The job is active at the next due time: nothing is settled, and it can be tried again.
    let refused = fire(&catalog, at(150)).await.expect_err("one is active");
    assert!(matches!(refused, EnqueueError::JobExists { .. }), "{refused}");
    assert_eq!(settled(&catalog).await, at(100));
    let claim = claimed(&catalog, "worker", at(200)).await;
    catalog
        .finish_backup(&claim, &plain_set(claim.attempt), &json!({}), None, at(201))
        .await
        .expect("it ends");
    assert!(matches!(fire(&catalog, at(150)).await.expect("fired"), Fired::Job(_)));

    // Put back, the clock passes the same times again, and one that was jumped over.
    let mut change = catalog.change(at(90)).await.expect("a change begins");
    change.unsettle(&instance_id("pg-1"), at(90)).await.expect("followed");
    change.commit().await.expect("committed");
    assert_eq!(settled(&catalog).await, at(90));
    assert_eq!(fire(&catalog, at(100)).await.expect("known"), Fired::Before);
    let mut change = catalog.change(at(300)).await.expect("a change begins");
    let passed = [at(120), at(150), at(180)];
    let missed = change.settle_passed(&instance_id("pg-1"), &passed).await.expect("settled");
    assert_eq!(missed, [at(120), at(180)]);
    assert_eq!(change.settle_passed(&instance_id("pg-1"), &passed).await.expect("settled"), []);
    change.commit().await.expect("committed");
    assert_eq!(settled(&catalog).await, at(180));
}

pub(super) async fn of_two_nodes_one_fires_a_due_time(database: &Database) {
    let nodes = [database.node().await, database.node().await];
    register(&nodes[0], plain_instance("pg-1")).await;
    put(&nodes[0], "pg-1", &BackupPolicy::default(), at(0)).await;
    let fire = async |node: &Catalog| {
        let mut change = node.change(at(1)).await.expect("a change begins");
        let fired = change.fire_due(due_backup(at(1))).await.expect("answered");
        change.commit().await.expect("committed");
        matches!(fired, Fired::Job(_))
    };
    let (a, b) = tokio::join!(fire(&nodes[0]), fire(&nodes[1]));
    assert!(a != b, "{a} {b}");
}

/// Makes a set and answers its number.
async fn finished(catalog: &Catalog, mode: BackupMode, ended: i64, days: Option<u32>) -> BackupSetId {
    let mut change = catalog.change(at(ended)).await.expect("a change begins");
    let job = NewBackupJob { mode, due: at(ended), ..plain_backup("pg-1") };
    change.enqueue_backup(job).await.expect("the job is made");
    change.commit().await.expect("committed");
    let claim = claimed(catalog, "worker", at(ended)).await;
    let mut set = plain_set(claim.attempt);
    set.ended = at(ended);
    set.retention_days = days;
    set.expires = days.map(|days| at(ended + DAY * i64::from(days)));
    let instance = catalog.find_instance(&instance_id("pg-1")).await.expect("readable").expect("registered");
    set.host_instance = Some(instance.host_instance);
    catalog.finish_backup(&claim, &set, &json!({}), None, at(ended)).await.expect("it ends");
    claim.reserved_set().expect("a number was reserved")
}

async fn expiry(catalog: &Catalog, set: BackupSetId) -> Option<Timestamp> {
    catalog.find_set(set).await.expect("readable").expect("there").expires
}

pub(super) async fn automated_sets_follow_their_policy(database: &Database) {
    let catalog = database.node().await;
    let instance = instance_id("pg-1");
    register(&catalog, plain_instance("pg-1")).await;
    put(&catalog, "pg-1", &BackupPolicy::default(), at(0)).await;
    let of_before = finished(&catalog, BackupMode::Automated, 10, Some(7)).await;
    let mut change = catalog.change(at(11)).await.expect("a change begins");
    change.deregister_instance(&instance).await.expect("deregistered");
    change.register_instance(plain_instance("pg-1")).await.expect("registered again");
    change.commit().await.expect("committed");
    let automated = finished(&catalog, BackupMode::Automated, 20, Some(7)).await;
    let manual = finished(&catalog, BackupMode::Manual, 30, Some(7)).await;
    let pinned = finished(&catalog, BackupMode::Automated, 40, Some(7)).await;

    let mut change = catalog.change(at(50)).await.expect("a change begins");
    let earlier = change.set_expiry(&instance, pinned, at(DAY)).await.expect_err("earlier");
    assert!(matches!(earlier, SetExpiryError::Earlier { present: Some(_), .. }), "{earlier}");
    change.set_expiry(&instance, pinned, at(20 * DAY)).await.expect("later");
    let absent =
        change.set_expiry(&instance_id("pg-2"), pinned, at(20 * DAY)).await.expect_err("not its own");
    assert!(matches!(absent, SetExpiryError::NotFound { .. }), "{absent}");
    let policy = BackupPolicy { retention_days: 14, ..BackupPolicy::default() };
    change.put_policy(&instance, &policy).await.expect("stored");
    assert_eq!(change.follow_retention(&instance).await.expect("followed"), 1);
    change.commit().await.expect("committed");
    assert_eq!(expiry(&catalog, automated).await, Some(at(20 + 14 * DAY)));
    assert_eq!(expiry(&catalog, manual).await, Some(at(30 + 7 * DAY)));
    assert_eq!(expiry(&catalog, pinned).await, Some(at(20 * DAY)));
    assert_eq!(expiry(&catalog, of_before).await, Some(at(10 + 7 * DAY)), "of an earlier registration");

    // A set whose job was asked for before the change.
    let late = finished(&catalog, BackupMode::Automated, 60, Some(7)).await;
    assert_eq!(catalog.follow_all_retentions().await.expect("followed"), 1);
    assert_eq!(expiry(&catalog, late).await, Some(at(60 + 14 * DAY)));
    assert_eq!(catalog.follow_all_retentions().await.expect("followed"), 0);
}

pub(super) async fn the_newest_set_never_expires_by_age(database: &Database) {
    let catalog = database.node().await;
    let instance = instance_id("pg-1");
    register(&catalog, plain_instance("pg-1")).await;
    let oldest = finished(&catalog, BackupMode::Automated, 10, Some(7)).await;
    let for_ever = finished(&catalog, BackupMode::Manual, 20, None).await;
    let newest = finished(&catalog, BackupMode::Automated, 30, Some(7)).await;
    let instances =
        async |seconds| catalog.instances_with_expired_sets(at(seconds), 10).await.expect("readable");
    assert_eq!(instances(7 * DAY + 9).await, []);
    assert_eq!(instances(7 * DAY + 10).await, std::slice::from_ref(&instance));
    let mut change = catalog.change(at(100 * DAY)).await.expect("a change begins");
    let expired = change.expired_sets(&instance).await.expect("readable");
    assert_eq!(expired.iter().map(|set| set.origin.id).collect::<Vec<_>>(), [oldest]);
    change.tombstone_sets(&instance, &[oldest]).await.expect("marked");
    change.commit().await.expect("committed");
    assert_eq!(catalog.newest_full(&instance).await.expect("readable"), Some(at(0)));
    assert_eq!(catalog.newest_full(&instance_id("pg-2")).await.expect("readable"), None);
    assert_eq!(instances(100 * DAY).await, [], "only the newest is left, and one for ever");

    catalog.note_tombstone(newest, at(101 * DAY)).await.expect("noted");
    catalog.note_tombstone(newest, at(102 * DAY)).await.expect("noted before");
    let gone = catalog.find_set(newest).await.expect("readable").expect("its row is kept");
    assert_eq!(gone.tombstoned, Some(at(101 * DAY)));
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    let refused =
        change.set_expiry(&instance, for_ever, Timestamp::MAX - SignedDuration::from_hours(1)).await;
    assert!(matches!(refused, Err(SetExpiryError::Earlier { present: None, .. })), "{refused:?}");
}

pub(super) async fn a_turn_is_taken_by_one(database: &Database) {
    let nodes = [database.node().await, database.node().await];
    let take = async |node: &Catalog, seconds| {
        let mut change = node.change(at(seconds)).await.expect("a change begins");
        let taken = change.take_turn("sweep", SignedDuration::from_hours(24)).await.expect("answered");
        change.commit().await.expect("committed");
        taken
    };
    let (a, b) = tokio::join!(take(&nodes[0], 0), take(&nodes[1], 1));
    assert!(a != b, "{a} {b}");
    assert!(!take(&nodes[0], DAY - 1).await);
    assert!(take(&nodes[0], DAY + 1).await);
    assert!(!take(&nodes[1], DAY).await, "a clock that is a little behind");
    assert!(take(&nodes[1], 0).await, "the clock was put back by a day");
}
