//! Leases, epochs and attempts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use repository::{InstanceId, RepositoryId};
use serde_json::json;

use super::model::{Runner, Step, follow};
use super::{
    Database, LEASE, at, claim_as, claimed, enqueue, one_job, plain_backup, plain_instance, plain_set,
    register,
};
use crate::{
    ATTEMPTS_MAX, BackupMode, BackupSetFilter, Catalog, Claim, ClaimRequest, Errand, Failure, JobKind,
    JobPhase, JobStage, JobState, LeaseError, LeaseOwner, NewJob, Page, Percent, Progress,
};

fn progress(process: u8) -> Progress {
    let process = Percent::new(process).expect("a percentage");
    Progress { stage: JobStage::Uploading, process, bytes_planned: Some(1_000), bytes_done: 10 }
}

fn refused<T: std::fmt::Debug>(claim: &Claim, outcome: Result<T, LeaseError>) {
    match outcome {
        Err(LeaseError::LeaseLost { job, epoch }) => assert_eq!((job, epoch), (claim.id(), claim.epoch)),
        other => panic!("a fenced writer got {other:?}"),
    }
}

pub(super) async fn no_job_is_claimed_twice(database: &Database) {
    const JOBS: usize = 24;
    let nodes = [database.node().await, database.node().await];
    for number in 0..JOBS {
        let id = format!("pg-{number}");
        register(&nodes[0], plain_instance(&id)).await;
        enqueue(&nodes[0], plain_backup(&id)).await;
    }
    let claimers: Vec<_> = (0..4)
        .map(|number| {
            let (node, owner) = (nodes[number % 2].clone(), format!("worker-{number}"));
            tokio::spawn(async move {
                let mut claims = Vec::new();
                while let Some(claim) = claim_as(&node, &owner, at(1)).await {
                    claims.push((claim.id(), claim.epoch, claim.attempt));
                }
                claims
            })
        })
        .collect();
    let mut claims = Vec::new();
    for claimer in claimers {
        claims.extend(claimer.await.expect("no claimer panics"));
    }
    // One that lost a race may have stopped early; nothing is left lying about all the same.
    while let Some(claim) = claim_as(&nodes[0], "last", at(1)).await {
        claims.push((claim.id(), claim.epoch, claim.attempt));
    }
    let jobs: BTreeSet<_> = claims.iter().map(|(job, ..)| *job).collect();
    let attempts: BTreeSet<_> = claims.iter().map(|(.., attempt)| *attempt).collect();
    assert_eq!((claims.len(), jobs.len(), attempts.len()), (JOBS, JOBS, JOBS), "{claims:?}");
}

pub(super) async fn a_job_is_claimed_when_it_is_due(database: &Database) {
    let catalog = database.node().await;
    for (id, due) in [("pg-1", 20), ("pg-2", 10)] {
        register(&catalog, plain_instance(id)).await;
        let mut job = plain_backup(id);
        job.due = at(due);
        enqueue(&catalog, job).await;
    }
    assert_eq!(claim_as(&catalog, "worker", at(9)).await, None);
    for (id, now) in [("pg-2", 30), ("pg-1", 30)] {
        let claim = claimed(&catalog, "worker", at(now)).await;
        assert_eq!(claim.job.instance.as_ref().map(InstanceId::as_str), Some(id), "what is due first");
        assert_eq!((claim.errand, claim.earlier_attempts), (Errand::Run, vec![]));
        assert_eq!(claim.lease_until, at(now + 30));
        let job = catalog.find_job(claim.job.id).await.expect("readable").expect("there");
        assert_eq!((job.started, job.stage, job.attempts), (Some(at(now)), JobStage::Checking, 1));
        let JobState::Running { lease } = job.state else { panic!("{:?}", job.state) };
        assert_eq!((lease.epoch, lease.attempt), (claim.epoch, claim.attempt));
        assert_eq!((lease.owner.as_str(), lease.heartbeat), ("worker", at(now)));
    }
    assert_eq!(claim_as(&catalog, "worker", at(31)).await, None, "both are held");
}

pub(super) async fn only_the_named_kinds_are_claimed(database: &Database) {
    let catalog = database.node().await;
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    let job = NewJob {
        kind: JobKind::Verify,
        instance: None,
        repository: RepositoryId::from_bytes([7; 16]),
        mode: BackupMode::Automated,
        parameters: json!({"sample": 5}),
        due: at(0),
    };
    change.enqueue(job).await.expect("the job is made");
    change.commit().await.expect("committed");
    let claim = async |kinds: &[JobKind]| {
        let request = ClaimRequest { owner: LeaseOwner::new("worker"), kinds: kinds.to_vec(), lease: LEASE };
        catalog.claim(&request, at(1)).await.expect("claiming works")
    };
    assert_eq!(claim(&[]).await, None);
    assert_eq!(claim(&[JobKind::Backup, JobKind::Sweep]).await, None);
    let claim = claim(&[JobKind::Backup, JobKind::Verify]).await.expect("the verify job");
    assert_eq!((claim.job.kind, claim.reserved_set()), (JobKind::Verify, None));
    catalog.finish(&claim, &json!({"frames": 9}), at(2)).await.expect("the claim holds");
    let job = catalog.find_job(claim.id()).await.expect("readable").expect("there");
    assert_eq!(job.state, JobState::Succeeded { set: None, ended: at(2) });
    assert_eq!(catalog.find_job_report(claim.id()).await.expect("readable"), Some(json!({"frames": 9})));
}

pub(super) async fn a_fenced_writer_is_refused_everywhere(database: &Database) {
    let catalog = database.node().await;
    one_job(&catalog).await;
    let old = claimed(&catalog, "paused", at(1)).await;
    let new = claimed(&catalog, "other", at(31)).await;
    assert_eq!(new.id(), old.id());
    assert!(new.epoch > old.epoch);
    assert_eq!(new.earlier_attempts, [old.attempt]);
    assert_eq!(new.reserved_set(), old.reserved_set(), "the set keeps its number in every attempt");

    let refuse_all = async |claim: &Claim| {
        let set = plain_set(claim.attempt);
        refused(claim, catalog.renew(claim, LEASE, at(32)).await);
        refused(claim, catalog.report_progress(claim, &progress(99)).await);
        refused(claim, catalog.finish_backup(claim, &set, &json!({}), None, at(32)).await);
        refused(claim, catalog.finish(claim, &json!({}), at(32)).await);
        refused(claim, catalog.fail(claim, &Failure::cancelled(), None, None, at(32)).await);
        refused(claim, catalog.give_back(claim, at(32), None).await);
    };
    refuse_all(&old).await;
    let job = catalog.find_job(old.id()).await.expect("readable").expect("there");
    assert_eq!((job.state.phase(), job.process), (JobPhase::Running, Percent::ZERO), "nothing was written");
    let sets = catalog.list_sets(&BackupSetFilter::default(), Page::new(1, 9).expect("a page")).await;
    assert_eq!(sets.expect("listable").total, 0);

    catalog
        .finish_backup(&new, &plain_set(new.attempt), &json!({}), None, at(33))
        .await
        .expect("the claim holds");
    refuse_all(&new).await;
}

pub(super) async fn a_lease_that_ended_goes_on_if_nobody_took_the_job(database: &Database) {
    let catalog = database.node().await;
    one_job(&catalog).await;
    let claim = claimed(&catalog, "worker", at(1)).await;
    let renewal = catalog.renew(&claim, LEASE, at(100)).await.expect("nobody took it");
    assert_eq!(renewal.lease_until, at(130));
    assert_eq!(claim_as(&catalog, "other", at(129)).await, None);
    claimed(&catalog, "other", at(130)).await;
}

pub(super) async fn process_never_falls_over_all_attempts(database: &Database) {
    let catalog = database.node().await;
    one_job(&catalog).await;
    let mut highest = 0;
    let mut now = 1;
    for reports in [[10, 40, 30], [5, 39, 41], [0, 50, 99]] {
        let claim = claimed(&catalog, "worker", at(now)).await;
        for report in reports {
            catalog.report_progress(&claim, &progress(report)).await.expect("the claim holds");
            highest = highest.max(report);
            let job = catalog.find_job(claim.id()).await.expect("readable").expect("there");
            assert_eq!(job.process.get(), highest);
            assert_eq!((job.bytes_planned, job.bytes_done), (Some(1_000), 10));
        }
        now += 30;
    }
}

/// Lets a worker die `deaths` times, and answers the moment after.
async fn die(catalog: &Catalog, deaths: u32) -> Timestamp {
    for death in 0..deaths {
        claimed(catalog, "dying", at(i64::from(death) * 30)).await;
    }
    at(i64::from(deaths) * 30)
}

pub(super) async fn after_three_attempts_a_job_is_settled(database: &Database) {
    let catalog = database.node().await;
    let job = one_job(&catalog).await;
    let now = die(&catalog, ATTEMPTS_MAX).await;
    let attempts = catalog.attempts_of(job).await.expect("listable");
    let claim = claimed(&catalog, "worker", now).await;
    assert_eq!(claim.errand, Errand::Settle { failure: Failure::attempts_exhausted() });
    assert_eq!(claim.earlier_attempts, attempts, "where a manifest may lie");
    assert_eq!(attempts.len(), 3);
}

pub(super) async fn a_cancelled_job_whose_worker_died_is_settled(database: &Database) {
    let catalog = database.node().await;
    let job = one_job(&catalog).await;
    let now = die(&catalog, 1).await;
    let mut change = catalog.change(now).await.expect("a change begins");
    change.cancel_job(job).await.expect("asked");
    change.commit().await.expect("committed");
    let claim = claimed(&catalog, "worker", now).await;
    assert_eq!(claim.errand, Errand::Settle { failure: Failure::cancelled() });
    // Put back while shutting down, it is not tried again either.
    catalog.give_back(&claim, now, None).await.expect("the claim holds");
    let claim = claimed(&catalog, "worker", now).await;
    assert_eq!(claim.errand, Errand::Settle { failure: Failure::cancelled() });
}

pub(super) async fn a_job_that_nobody_can_settle_fails(database: &Database) {
    let catalog = database.node().await;
    let job = one_job(&catalog).await;
    let now = die(&catalog, 6).await;
    assert_eq!(claim_as(&catalog, "worker", now).await, None);
    let state = catalog.find_job(job).await.expect("readable").expect("there").state;
    assert_eq!(state, JobState::Failed { failure: Failure::attempts_exhausted(), ended: now });
    enqueue(&catalog, plain_backup("pg-1")).await;
}

pub(super) async fn a_job_given_back_without_failure_loses_no_attempt(database: &Database) {
    let catalog = database.node().await;
    let job = one_job(&catalog).await;
    for round in 0..5 {
        let claim = claimed(&catalog, "worker", at(round)).await;
        assert_eq!((claim.errand.clone(), claim.job.attempts), (Errand::Run, 1));
        catalog.report_progress(&claim, &progress(20)).await.expect("the claim holds");
        catalog.give_back(&claim, at(round + 1), None).await.expect("the claim holds");
        let job = catalog.find_job(job).await.expect("readable").expect("there");
        assert_eq!(job.state, JobState::Queued { due: at(round + 1) });
        assert_eq!((job.stage, job.process.get()), (JobStage::NoStart, 20));
    }
    assert_eq!(catalog.attempts_of(job).await.expect("listable").len(), 5, "each may have written something");
}

pub(super) async fn a_job_given_back_with_its_last_failure_keeps_the_cause(database: &Database) {
    let catalog = database.node().await;
    let job = one_job(&catalog).await;
    let failure =
        |number: u32| Failure { code: "SessionLost".to_owned(), message: format!("attempt {number}") };
    for number in 1..=ATTEMPTS_MAX {
        let claim = claimed(&catalog, "worker", at(0)).await;
        assert_eq!(claim.errand, Errand::Run);
        assert_eq!(claim.job.last_failure, (number > 1).then(|| failure(number - 1)));
        catalog.give_back(&claim, at(0), Some(&failure(number))).await.expect("the claim holds");
    }
    let phase = catalog.find_job(job).await.expect("readable").expect("there").state.phase();
    assert_eq!(phase, JobPhase::Running, "it is not queued again, only settled");
    let claim = claimed(&catalog, "worker", at(0)).await;
    assert_eq!(claim.errand, Errand::Settle { failure: failure(ATTEMPTS_MAX) });
    catalog.fail(&claim, &failure(ATTEMPTS_MAX), None, None, at(1)).await.expect("the claim holds");
    let state = catalog.find_job(job).await.expect("readable").expect("there").state;
    assert_eq!(state, JobState::Failed { failure: failure(ATTEMPTS_MAX), ended: at(1) });
}

pub(super) async fn a_restarted_worker_takes_its_jobs_at_once(database: &Database) {
    let catalog = database.node().await;
    for id in ["pg-1", "pg-2"] {
        register(&catalog, plain_instance(id)).await;
        enqueue(&catalog, plain_backup(id)).await;
    }
    let own = claimed(&catalog, "node-a", at(1)).await;
    let other = claimed(&catalog, "node-b", at(1)).await;
    assert_eq!(claim_as(&catalog, "node-a", at(2)).await, None);
    assert_eq!(catalog.release_leases_of(&LeaseOwner::new("node-a")).await.expect("released"), 1);
    let again = claimed(&catalog, "node-a", at(2)).await;
    assert_eq!((again.id(), again.earlier_attempts), (own.id(), vec![own.attempt]));
    catalog.renew(&other, LEASE, at(3)).await.expect("another node's lease is untouched");
}

pub(super) async fn the_next_claimable_moment_is_known(database: &Database) {
    let catalog = database.node().await;
    assert_eq!(catalog.next_claimable().await.expect("readable"), None);
    register(&catalog, plain_instance("pg-1")).await;
    let mut job = plain_backup("pg-1");
    job.due = at(50);
    enqueue(&catalog, job).await;
    assert_eq!(catalog.next_claimable().await.expect("readable"), Some(at(50)));
    claimed(&catalog, "worker", at(60)).await;
    assert_eq!(catalog.next_claimable().await.expect("readable"), Some(at(90)));
}

pub(super) async fn a_cancelled_job_is_given_back_twice_and_settled(database: &Database) {
    let a = Runner::A;
    let twice = [Step::Claim(a), Step::Cancel, Step::GiveBack(a), Step::GiveBack(a), Step::Claim(Runner::B)];
    follow(&database.url, &twice).await;
}
