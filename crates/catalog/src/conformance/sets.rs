//! Backup sets.

use repository::{AttemptId, BackupJobId, BackupSetId, FencingEpoch, RepositoryId};
use serde_json::json;

use super::{
    Database, at, claimed, enqueue, instance_id, one_job, plain_backup, plain_instance, plain_set, register,
};
use crate::{
    BackupMode, BackupSet, BackupSetFilter, BackupType, Catalog, JobPhase, JobState, LeaseError,
    NewBackupJob, NewBackupSet, Page, ReleasedKeep, SetOrigin, SetStatus, TombstoneError,
};

fn page(number: u32, size: u32) -> Page {
    Page::new(number, size).expect("a page")
}

/// The set as it must read back.
fn as_stored(origin: SetOrigin, set: &NewBackupSet) -> BackupSet {
    let NewBackupSet {
        attempt,
        parent,
        backup_type,
        method,
        engine,
        engine_version,
        host_instance,
        started,
        ended,
        consistent,
        oldest_proof,
        size_bytes,
        stored_bytes,
        new_bytes,
        download_bytes,
        encrypted,
        retention_days,
        expires,
        engine_record: _,
    } = set.clone();
    BackupSet {
        origin,
        attempt,
        parent,
        status: SetStatus::Success,
        backup_type,
        method,
        engine,
        engine_version,
        host_instance,
        started,
        ended,
        consistent,
        oldest_proof,
        size_bytes,
        stored_bytes,
        new_bytes,
        download_bytes,
        encrypted,
        retention_days,
        expires,
        tombstoned: None,
    }
}

pub(super) async fn a_finished_backup_is_a_job_and_a_set_together(database: &Database) {
    let catalog = database.node().await;
    let job = one_job(&catalog).await;
    let claim = claimed(&catalog, "worker", at(1)).await;
    let full = NewBackupSet {
        parent: BackupSetId::new(17),
        backup_type: BackupType::Incremental,
        host_instance: Some(3),
        consistent: Some(at(59)),
        oldest_proof: Some(at(58)),
        download_bytes: Some(3_584),
        encrypted: false,
        retention_days: Some(7),
        expires: Some(at(604_800)),
        ..plain_set(claim.attempt)
    };
    catalog.finish_backup(&claim, &full, &json!({"frames": 3}), None, at(61)).await.expect("the claim holds");

    let id = claim.reserved_set().expect("a number was reserved");
    let found = catalog.find_job(job).await.expect("readable").expect("there");
    assert_eq!(found.state, JobState::Succeeded { set: Some(id), ended: at(61) });
    assert_eq!((found.process.get(), found.ended()), (100, Some(at(61))));
    assert_eq!(catalog.find_job_report(job).await.expect("readable"), Some(json!({"frames": 3})));
    let origin = SetOrigin {
        id,
        instance: instance_id("pg-1"),
        repository: RepositoryId::from_bytes([7; 16]),
        job,
        epoch: claim.epoch,
        mode: BackupMode::Manual,
    };
    assert_eq!(catalog.find_set(id).await.expect("readable"), Some(as_stored(origin, &full)));
    assert_eq!(catalog.find_engine_record(id).await.expect("readable"), Some(full.engine_record));

    // And one without anything that may be absent.
    enqueue(&catalog, plain_backup("pg-1")).await;
    let claim = claimed(&catalog, "worker", at(70)).await;
    let plain = plain_set(claim.attempt);
    catalog.finish_backup(&claim, &plain, &json!(null), None, at(71)).await.expect("the claim holds");
    let id = claim.reserved_set().expect("a number was reserved");
    let found = catalog.find_set(id).await.expect("readable").expect("there");
    assert_eq!(found, as_stored(found.origin.clone(), &plain), "what was absent is absent, and not empty");
    measures_what_was_not(&catalog, id).await;
}

/// The size of a download is found out once, for those rows that lack it.
async fn measures_what_was_not(catalog: &Catalog, id: BackupSetId) {
    let unmeasured = async || {
        let sets = catalog.list_unmeasured_sets(None, 10).await.expect("readable");
        sets.into_iter().map(|set| set.origin.id).collect::<Vec<_>>()
    };
    assert_eq!(unmeasured().await, [id]);
    assert!(catalog.list_unmeasured_sets(Some(id), 10).await.expect("readable").is_empty());
    for bytes in [10_240, 1] {
        let mut change = catalog.change(at(72)).await.expect("a change begins");
        change.record_download_bytes(id, bytes).await.expect("noted");
        change.commit().await.expect("committed");
    }
    let found = catalog.find_set(id).await.expect("readable").expect("there");
    assert_eq!(found.download_bytes, Some(10_240), "what is promised does not change");
    assert!(unmeasured().await.is_empty());
}

pub(super) async fn an_earlier_attempts_set_is_adopted_and_a_foreign_one_refused(database: &Database) {
    let catalog = database.node().await;
    let job = one_job(&catalog).await;
    let dead = claimed(&catalog, "worker", at(1)).await;
    let claim = claimed(&catalog, "worker", at(31)).await;
    let foreign = AttemptId::random();
    let refused = catalog.finish_backup(&claim, &plain_set(foreign), &json!({}), None, at(32)).await;
    assert!(
        matches!(refused, Err(LeaseError::ForeignAttempt { attempt, .. }) if attempt == foreign),
        "{refused:?}"
    );
    let found = catalog.find_job(job).await.expect("readable").expect("there");
    assert_eq!(found.state.phase(), JobPhase::Running, "the refusal undid the job's end too");
    assert_eq!(catalog.find_job_report(job).await.expect("readable"), None);

    catalog
        .finish_backup(&claim, &plain_set(dead.attempt), &json!({}), None, at(33))
        .await
        .expect("the claim holds");
    let set =
        catalog.find_set(claim.reserved_set().expect("a number")).await.expect("readable").expect("there");
    assert_eq!((set.attempt, set.origin.epoch), (dead.attempt, dead.epoch));
}

/// Makes a set of the instance and answers its number.
async fn finished(
    catalog: &Catalog,
    instance: &str,
    seconds: i64,
    change: impl Fn(&mut NewBackupSet),
) -> BackupSetId {
    let mode = if seconds % 2 == 0 { BackupMode::Automated } else { BackupMode::Manual };
    enqueue(catalog, NewBackupJob { mode, ..plain_backup(instance) }).await;
    let claim = claimed(catalog, "worker", at(seconds)).await;
    let mut set = plain_set(claim.attempt);
    set.ended = at(seconds);
    change(&mut set);
    catalog.finish_backup(&claim, &set, &json!({}), None, at(seconds)).await.expect("the claim holds");
    claim.reserved_set().expect("a number was reserved")
}

pub(super) async fn deleting_is_all_or_nothing(database: &Database) {
    let catalog = database.node().await;
    for id in ["pg-1", "pg-2"] {
        register(&catalog, plain_instance(id)).await;
    }
    let mut sets = Vec::new();
    for seconds in 1..=3 {
        sets.push(finished(&catalog, "pg-1", seconds, |_| {}).await);
    }
    let foreign = finished(&catalog, "pg-2", 4, |_| {}).await;
    let absent = BackupSetId::new(999).expect("a number");
    let instance = instance_id("pg-1");

    let mut change = catalog.change(at(10)).await.expect("a change begins");
    let refused =
        change.tombstone_sets(&instance, &[sets[0], absent, foreign]).await.expect_err("two are not its own");
    assert!(matches!(refused, TombstoneError::NotFound { sets, .. } if sets == [foreign, absent]));
    change.commit().await.expect("even committed, nothing is marked");
    let own = BackupSetFilter { instance: Some(instance.clone()), ..BackupSetFilter::default() };
    assert_eq!(catalog.list_sets(&own, page(1, 30)).await.expect("listable").total, 3);

    let mut change = catalog.change(at(11)).await.expect("a change begins");
    let marked = change.tombstone_sets(&instance, &[sets[2], sets[0], sets[2]]).await.expect("both live");
    assert_eq!(marked.iter().map(|set| set.origin.id).collect::<Vec<_>>(), [sets[0], sets[2]]);
    change.commit().await.expect("committed");
    let left = catalog.list_sets(&own, page(1, 30)).await.expect("listable");
    assert_eq!((left.total, left.rows[0].origin.id), (1, sets[1]));
    let gone = catalog.find_set(sets[0]).await.expect("readable").expect("its row is kept");
    assert_eq!(gone.tombstoned, Some(at(11)));

    let mut change = catalog.change(at(12)).await.expect("a change begins");
    change.tombstone_sets(&instance, &[sets[0]]).await.expect_err("it is deleted already");
}

pub(super) async fn listings_filter_and_page(database: &Database) {
    let catalog = database.node().await;
    for id in ["pg-1", "pg-2"] {
        register(&catalog, plain_instance(id)).await;
    }
    let incremental = |set: &mut NewBackupSet| set.backup_type = BackupType::Incremental;
    finished(&catalog, "pg-1", 10, |_| {}).await;
    finished(&catalog, "pg-1", 30, incremental).await;
    finished(&catalog, "pg-2", 20, |_| {}).await;
    finished(&catalog, "pg-1", 21, incremental).await;
    let check = async |filter: BackupSetFilter, page: Page, expected: &[u32], total: u64| {
        let listed = catalog.list_sets(&filter, page).await.expect("listable");
        let ids: Vec<u32> = listed.rows.iter().map(|set| set.origin.id.get()).collect();
        assert_eq!((ids.as_slice(), listed.total), (expected, total), "{filter:?}");
        if page.offset() == 0 {
            let newest = catalog.newest_set(&filter).await.expect("readable");
            assert_eq!(newest.map(|set| set.origin.id.get()), expected.first().copied(), "{filter:?}");
        }
    };
    let own = BackupSetFilter { instance: Some(instance_id("pg-1")), ..BackupSetFilter::default() };
    check(BackupSetFilter::default(), page(1, 30), &[2, 4, 3, 1], 4).await;
    check(own.clone(), page(1, 30), &[2, 4, 1], 3).await;
    check(own.clone(), page(2, 2), &[1], 3).await;
    check(BackupSetFilter { set: BackupSetId::new(4), ..own.clone() }, page(1, 30), &[4], 1).await;
    check(BackupSetFilter { set: BackupSetId::new(3), ..own.clone() }, page(1, 30), &[], 0).await;
    check(BackupSetFilter { mode: Some(BackupMode::Manual), ..own.clone() }, page(1, 30), &[4], 1).await;
    check(BackupSetFilter { status: Some(SetStatus::Failed), ..own.clone() }, page(1, 30), &[], 0).await;
    check(BackupSetFilter { backup_type: Some(BackupType::Full), ..own.clone() }, page(1, 30), &[1], 1).await;
    let (ended_start, ended_end) = (Some(at(10)), Some(at(30)));
    check(BackupSetFilter { ended_start, ended_end, ..own }, page(1, 30), &[4, 1], 2).await;
}

pub(super) async fn a_set_found_in_the_repository_is_adopted_once(database: &Database) {
    let catalog = database.node().await;
    let origin = SetOrigin {
        id: BackupSetId::new(5).expect("a number"),
        instance: instance_id("pg-gone"),
        repository: RepositoryId::from_bytes([7; 16]),
        job: BackupJobId::new(6).expect("a number"),
        epoch: FencingEpoch::new(2),
        mode: BackupMode::Automated,
    };
    let set = plain_set(AttemptId::random());
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    assert!(change.adopt_set(&origin, &set).await.expect("stored"));
    assert!(!change.adopt_set(&origin, &plain_set(AttemptId::random())).await.expect("known"));
    change.record_proof(origin.id, at(9)).await.expect("recorded");
    change.commit().await.expect("committed");
    let expected = BackupSet { oldest_proof: Some(at(9)), ..as_stored(origin, &set) };
    assert_eq!(catalog.find_set(expected.origin.id).await.expect("readable"), Some(expected));
}

async fn deregister(catalog: &Catalog, id: &str, seconds: i64) {
    let mut change = catalog.change(at(seconds)).await.expect("a change begins");
    change.deregister_instance(&instance_id(id)).await.expect("deregistered");
    change.commit().await.expect("committed");
}

pub(super) async fn sets_of_deregistered_instances_are_listed_apart(database: &Database) {
    let catalog = database.node().await;
    for id in ["pg-1", "pg-2"] {
        register(&catalog, plain_instance(id)).await;
    }
    for (id, ended) in [("pg-1", 10), ("pg-2", 20), ("pg-1", 30), ("pg-2", 40)] {
        finished(&catalog, id, ended, |_| {}).await;
    }
    // Found in the repository, of an instance that the catalog never knew.
    let origin = SetOrigin {
        id: BackupSetId::new(9).expect("a number"),
        instance: instance_id("pg-gone"),
        repository: RepositoryId::from_bytes([7; 16]),
        job: BackupJobId::new(6).expect("a number"),
        epoch: FencingEpoch::new(2),
        mode: BackupMode::Automated,
    };
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    let found = NewBackupSet { ended: at(25), ..plain_set(AttemptId::random()) };
    assert!(change.adopt_set(&origin, &found).await.expect("stored"));
    change.commit().await.expect("committed");

    let check = async |filter: BackupSetFilter, page: Page, expected: &[u32], total: u64| {
        let listed = catalog.list_sets(&filter, page).await.expect("listable");
        let ids: Vec<u32> = listed.rows.iter().map(|set| set.origin.id.get()).collect();
        assert_eq!((ids.as_slice(), listed.total), (expected, total), "{filter:?}");
    };
    let detached = BackupSetFilter { detached: true, ..BackupSetFilter::default() };
    check(detached.clone(), page(1, 30), &[9], 1).await;
    deregister(&catalog, "pg-1", 50).await;
    check(detached.clone(), page(1, 30), &[3, 9, 1], 3).await;
    check(detached.clone(), Page::rows(1, 1), &[9], 3).await;
    let instances = Some(vec![instance_id("pg-1"), instance_id("pg-2")]);
    check(BackupSetFilter { instances, ..detached.clone() }, page(1, 30), &[3, 1], 2).await;
    deregister(&catalog, "pg-2", 51).await;
    check(detached.clone(), page(1, 30), &[4, 3, 9, 2, 1], 5).await;
    register(&catalog, plain_instance("pg-1")).await;
    check(detached, page(1, 30), &[4, 9, 2], 3).await;
}

pub(super) async fn what_is_released_goes_by_the_policy(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let instance = instance_id("pg-1");
    for ended in [30, 10, 20] {
        finished(&catalog, "pg-1", ended, |_| {}).await;
    }
    for (keep, released) in [
        (ReleasedKeep::All, [].as_slice()),
        (ReleasedKeep::Latest, &[2, 3]),
        (ReleasedKeep::None, &[1, 2, 3]),
    ] {
        let mut change = catalog.change(at(40)).await.expect("a change begins");
        let found = change.sets_to_release(&instance, keep).await.expect("readable");
        change.undo().await.expect("undone");
        assert_eq!(found.iter().map(|set| set.origin.id.get()).collect::<Vec<_>>(), released, "{keep}");
    }
}
