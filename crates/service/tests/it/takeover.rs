//! Jobs whose worker died, or lost its lease.

use std::time::Duration;

use catalog::{Catalog, Claim, ClaimRequest, Errand, JobKind, LeaseOwner};
use engine::{BackupEngine, BackupRequest, Reuse, Uncontrolled};
use repository::{AttemptName, Compression, InstanceId, Place};
use service::Roles;
use testkit::process::wait_for;

use crate::client::now;
use crate::folder_engine::FolderEngine;
use crate::harness::{Harness, PATIENCE};

/// Claims the job as a worker of that name would.
fn claim_as(harness: &Harness, catalog: &Catalog, owner: &LeaseOwner) -> Claim {
    let request =
        ClaimRequest { owner: owner.clone(), kinds: vec![JobKind::Backup], lease: Duration::from_mins(5) };
    harness.block_on(catalog.claim(&request, now())).unwrap().expect("a job to claim")
}

/// Does what the worker does up to the manifest, and then dies.
fn publish_as(harness: &Harness, catalog: &Catalog, claim: &Claim) {
    let instance = claim.job.instance.clone().unwrap();
    let registered = harness.block_on(catalog.find_instance(&instance)).unwrap().unwrap();
    let folder = registered.data_directory.unwrap().into();
    let engine = FolderEngine { folder, script: harness.script_shared() };
    engine.back_up(&harness.repository(), &request_of(catalog, claim, instance), &Uncontrolled).unwrap();
}

fn request_of(catalog: &Catalog, claim: &Claim, instance: InstanceId) -> BackupRequest {
    BackupRequest {
        instance,
        set: claim.reserved_set().unwrap(),
        job: claim.id(),
        epoch: claim.epoch,
        catalog: catalog.id(),
        attempt: claim.attempt,
        dead_attempts: Vec::new(),
        manual: true,
        retention_days: Some(7),
        reuse: Reuse::Parent,
        threads: std::num::NonZeroUsize::MIN,
        compression: Compression::default(),
        now: now(),
        free_space_floor_bytes: Some(0),
        own_directories: Vec::new(),
    }
}

/// A harness with an API and no worker, so that the test is the worker.
fn without_worker() -> Harness {
    let mut harness = Harness::stopped();
    let options = harness.options();
    let roles = Roles { worker: false, ..Roles::default() };
    harness.start_with(service::ServeOptions { roles, ..options });
    harness
}

/// A worker published the set of a job of `orders` and died with the service, before the catalog heard of it.
fn died_after_publishing() -> (Harness, String, Claim) {
    let mut harness = without_worker();
    harness.register_small("orders");
    let job = harness.create_backup("orders");
    let catalog = harness.catalog();
    let owner = harness.home.lease_owner().unwrap();
    let claim = claim_as(&harness, &catalog, &owner);
    publish_as(&harness, &catalog, &claim);
    harness.stop();
    (harness, job, claim)
}

#[test]
fn a_whole_set_of_a_dead_worker_is_adopted() {
    let (mut harness, job, claim) = died_after_publishing();
    // Were it made anew instead of adopted, it would be held here.
    harness.script().hold("checking");
    harness.start();
    let task = harness.wait_finished("orders", &job);
    assert_eq!(task["BackupId"], claim.reserved_set().unwrap().to_string());
    let catalog = harness.catalog();
    let set = harness.block_on(catalog.find_set(claim.reserved_set().unwrap())).unwrap().unwrap();
    assert_eq!(set.attempt, claim.attempt);
    let attempts = harness.repository().attempts(&"orders".parse().unwrap()).unwrap();
    assert_eq!(attempts.iter().filter(|attempt| attempt.is_live()).count(), 1);
}

/// It did not read back, got its tombstone, and the worker died: the sweep may have taken some of it.
#[test]
fn a_set_of_a_dead_worker_that_is_to_go_is_made_anew() {
    let (mut harness, job, claim) = died_after_publishing();
    let name = AttemptName { set: claim.reserved_set().unwrap(), attempt: claim.attempt };
    let place = Place { instance: "orders".parse().unwrap(), name };
    harness.repository().put_tombstone(&place, "it did not read back", now()).unwrap();
    harness.start();
    harness.wait_finished("orders", &job);
    assert_eq!(harness.report(&job)["Attempt"], 2);
    let catalog = harness.catalog();
    let set = harness.block_on(catalog.find_set(claim.reserved_set().unwrap())).unwrap().unwrap();
    assert_ne!(set.attempt, claim.attempt);
    let live = harness.repository().find_set(&"orders".parse().unwrap(), set.origin.id).unwrap().unwrap();
    assert_eq!(live.origin.attempt, set.attempt);
}

#[test]
fn a_half_set_of_a_dead_worker_is_made_anew() {
    let mut harness = without_worker();
    harness.register_small("orders");
    let job = harness.create_backup("orders");
    let catalog = harness.catalog();
    let owner = harness.home.lease_owner().unwrap();
    let claim = claim_as(&harness, &catalog, &owner);
    harness.script().failures_left.store(1, std::sync::atomic::Ordering::SeqCst);
    let folder = harness.source("orders", &[]);
    let engine = FolderEngine { folder, script: harness.script_shared() };
    let request = request_of(&catalog, &claim, "orders".parse().unwrap());
    engine.back_up(&harness.repository(), &request, &Uncontrolled).unwrap_err();
    harness.stop();
    drop(catalog);
    assert_eq!(
        harness.repository().attempts(&"orders".parse().unwrap()).unwrap().len(),
        1,
        "its packs are there"
    );
    // The same size, other bytes: what the dead worker stored must not be taken for them.
    let file = harness.source("orders", &[]).join("b");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[150_000] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    harness.start();
    let task = harness.wait_finished("orders", &job);
    assert_eq!(harness.report(&job)["Attempt"], 2);
    let set = task["BackupId"].as_str().unwrap().parse().unwrap();
    let repository = harness.repository();
    let listings = repository.attempts(&"orders".parse().unwrap()).unwrap();
    let live = listings.into_iter().find(repository::AttemptListing::is_live).expect("one set");
    assert_eq!(live.place.name.set, set);
    let path = repository::StoredPath::new(b"data/b".to_vec()).unwrap();
    let stored = repository.open_set(&live.place).unwrap().read_file(&path, 1 << 20).unwrap();
    assert!(stored == bytes, "the bytes restored are those of after the crash");
}

#[test]
fn a_cancelled_jobs_set_gets_a_tombstone() {
    let mut harness = without_worker();
    harness.register_small("orders");
    let job = harness.create_backup("orders");
    let catalog = harness.catalog();
    let owner = harness.home.lease_owner().unwrap();
    let claim = claim_as(&harness, &catalog, &owner);
    publish_as(&harness, &catalog, &claim);
    harness.client().call("CancelBackupJob", &[("BackupJobId", &job)]).expect_success();
    harness.stop();
    drop(catalog);
    harness.start();
    assert_eq!(harness.wait_failed("orders", &job)["FailureCode"], "Cancelled");
    let attempts = harness.repository().attempts(&"orders".parse().unwrap()).unwrap();
    assert!(attempts.iter().all(|attempt| !attempt.is_live()), "{attempts:?}");
    assert!(harness.backups("orders").iter().all(|row| row["BackupStatus"] == "Failed"));
}

#[test]
fn a_set_that_its_job_outlived_gets_a_tombstone_at_the_next_start() {
    let mut harness = without_worker();
    harness.register_small("orders");
    let job = harness.create_backup("orders");
    let catalog = harness.catalog();
    let claim = claim_as(&harness, &catalog, &LeaseOwner::new("zombie"));
    let failure = catalog::Failure { code: "InternalError".to_owned(), message: "given up".to_owned() };
    harness.block_on(catalog.fail(&claim, &failure, None, None, now())).unwrap();
    // The worker wakes up after its job has failed, and publishes.
    publish_as(&harness, &catalog, &claim);
    harness.stop();
    drop(catalog);
    harness.start();
    wait_for("the tombstone", PATIENCE, || {
        let attempts = harness.repository().attempts(&"orders".parse().unwrap())?;
        Ok((attempts.len() == 1 && attempts[0].tombstone).then_some(()))
    })
    .unwrap();
    assert_eq!(harness.task("orders", &job)["BackupStatus"], "Failed");
}

#[test]
fn a_tombstone_that_a_crash_kept_from_being_put_is_put_at_the_next_start() {
    let mut harness = Harness::started();
    harness.register_small("orders");
    let job = harness.create_backup("orders");
    let set = harness.wait_finished("orders", &job)["BackupId"].as_str().unwrap().parse().unwrap();
    harness.stop();
    let catalog = harness.catalog();
    harness.block_on(async {
        let mut change = catalog.change(now()).await.unwrap();
        change.tombstone_sets(&"orders".parse().unwrap(), &[set]).await.unwrap();
        change.commit().await.unwrap();
    });
    drop(catalog);
    harness.start();
    wait_for("the tombstone", PATIENCE, || {
        let attempts = harness.repository().attempts(&"orders".parse().unwrap())?;
        Ok(attempts.iter().all(|attempt| attempt.tombstone).then_some(()))
    })
    .unwrap();
}

#[test]
fn a_worker_that_lost_its_lease_stops_and_deletes_nothing() {
    let mut harness = Harness::stopped();
    harness.times.heartbeat = Duration::from_millis(50);
    harness.start();
    harness.register_small("orders");
    harness.script().hold("copied");
    let job = harness.create_backup("orders");
    harness.wait_for_status("orders", &job, "Uploading", "Uploading");
    wait_for("the packs", PATIENCE, || {
        let listing = harness.repository().store().list("orders/sets", None)?;
        Ok((listing.entries.len() >= 2).then_some(()))
    })
    .unwrap();
    let stored = harness.repository().store().list("orders/sets", None).unwrap().entries;
    let catalog = harness.catalog();
    let owner = harness.home.lease_owner().unwrap();
    let claim = wait_for("the other worker's claim", PATIENCE, || {
        harness.block_on(catalog.release_leases_of(&owner))?;
        let request = ClaimRequest {
            owner: LeaseOwner::new("another"),
            kinds: vec![JobKind::Backup],
            lease: Duration::from_mins(5),
        };
        Ok(harness.block_on(catalog.claim(&request, now()))?)
    })
    .unwrap();
    assert_eq!(claim.errand, Errand::Run);
    harness.script().release("copied");
    // The old worker ends without a word: another job of this service shows that it goes on.
    harness.register_small("stock");
    let other = harness.create_backup("stock");
    harness.wait_finished("stock", &other);
    let after = harness.repository().store().list("orders/sets", None).unwrap().entries;
    assert!(stored.iter().all(|entry| after.iter().any(|left| left.key == entry.key)), "{after:?}");
    let running = harness.block_on(catalog.find_job(job.parse().unwrap())).unwrap().unwrap();
    assert_eq!(running.state.phase(), catalog::JobPhase::Running, "it is the other worker's");
    harness.block_on(catalog.fail(&claim, &catalog::Failure::cancelled(), None, None, now())).unwrap();
}
