//! Asking for jobs, watching, listing and cancelling them.

use std::time::Duration;

use jiff::SignedDuration;
use repository::{BackupJobId, BackupSetId, RepositoryId};
use serde_json::json;

use super::{
    Database, LEASE, at, claimed, enqueue, instance_id, one_job, plain_backup, plain_instance, plain_set,
    register,
};
use crate::{
    BackupJobQuery, BackupMode, CancelOutcome, Catalog, ClaimRequest, EnqueueError, FailedBackupFilter,
    Failure, Job, JobFilter, JobKind, JobPhase, JobStage, JobState, JobSummary, LeaseOwner, NewBackupJob,
    NewJob, Page, Percent, Progress,
};

pub(super) async fn a_job_reads_back_as_asked_for(database: &Database) {
    let catalog = database.node().await;
    let id = one_job(&catalog).await;
    let found = catalog.find_job(id).await.expect("readable").expect("there");
    let NewBackupJob { instance, repository, mode, parameters, due } = plain_backup("pg-1");
    let expected = Job {
        id,
        kind: JobKind::Backup,
        repository,
        instance: Some(instance),
        mode,
        parameters,
        state: JobState::Queued { due },
        stage: JobStage::NoStart,
        process: Percent::ZERO,
        bytes_planned: None,
        bytes_done: 0,
        attempts: 0,
        reserved_set: found.reserved_set,
        last_failure: None,
        created: at(0),
        started: None,
    };
    assert_eq!(found, expected, "what was absent is absent, and not empty");
    assert!(found.reserved_set.is_some());
    assert_eq!(catalog.find_job_report(id).await.expect("readable"), None);
}

pub(super) async fn an_instance_has_one_active_backup(database: &Database) {
    let catalog = database.node().await;
    let first = one_job(&catalog).await;
    let refuse = async || {
        let mut change = catalog.change(at(1)).await.expect("a change begins");
        let refused = change.enqueue_backup(plain_backup("pg-1")).await.expect_err("there is one");
        assert!(
            matches!(refused, EnqueueError::JobExists { job: Some(job), .. } if job == first),
            "{refused}"
        );
        change.put_setting("after", "all").await.expect("the change goes on");
        change.commit().await.expect("committed");
    };
    refuse().await;
    let claim = claimed(&catalog, "worker", at(1)).await;
    refuse().await;
    catalog.fail(&claim, &Failure::cancelled(), None, None, at(2)).await.expect("failed");
    enqueue(&catalog, plain_backup("pg-1")).await;
}

/// The race that the unique index decides. Each round, both nodes ask at the same time.
pub(super) async fn of_two_nodes_that_ask_one_gets_the_job(database: &Database) {
    let nodes = [database.node().await, database.node().await];
    register(&nodes[0], plain_instance("pg-1")).await;
    for round in 0..10 {
        let ask = async |node: &Catalog| {
            let mut change = node.change(at(round)).await.expect("a change begins");
            let asked = change.enqueue_backup(plain_backup("pg-1")).await;
            change.commit().await.expect("committed, whatever the answer");
            asked
        };
        let made = match tokio::join!(ask(&nodes[0]), ask(&nodes[1])) {
            (Ok(made), Err(EnqueueError::JobExists { .. }))
            | (Err(EnqueueError::JobExists { .. }), Ok(made)) => made,
            both => panic!("one job and one refusal, not {both:?}"),
        };
        let mut change = nodes[0].change(at(round)).await.expect("a change begins");
        assert_eq!(change.cancel_job(made).await.expect("cancelled"), CancelOutcome::Cancelled);
        change.commit().await.expect("committed");
    }
    let all =
        nodes[1].list_jobs(&JobFilter::default(), Page::new(1, 50).expect("a page")).await.expect("listable");
    assert_eq!(all.total, 10);
}

pub(super) async fn a_repository_has_one_active_sweep(database: &Database) {
    let catalog = database.node().await;
    let repository = RepositoryId::from_bytes([7; 16]);
    let ask = async |repository| {
        let mut change = catalog.change(at(0)).await.expect("a change begins");
        let id = change.enqueue_sweep(repository, at(0)).await.expect("asked");
        change.commit().await.expect("committed");
        id
    };
    let first = ask(repository).await.expect("there is none yet");
    assert_eq!(ask(repository).await, None, "it is queued");
    let job = catalog.find_job(first).await.expect("readable").expect("there");
    assert_eq!((job.kind, job.instance, job.reserved_set), (JobKind::Sweep, None, None));
    let request =
        ClaimRequest { owner: LeaseOwner::new("worker"), kinds: vec![JobKind::Sweep], lease: LEASE };
    let claim = catalog.claim(&request, at(1)).await.expect("claimable").expect("a job");
    assert_eq!((claim.id(), ask(repository).await), (first, None), "it runs");
    assert!(ask(RepositoryId::from_bytes([8; 16])).await.is_some(), "another repository has its own");
    catalog.finish(&claim, &json!({ "Objects": 1 }), at(2)).await.expect("finished");
    assert_eq!(catalog.find_job_report(first).await.expect("readable"), Some(json!({ "Objects": 1 })));
    assert!(ask(repository).await.is_some());
}

pub(super) async fn work_is_for_registered_instances(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    let refused = change.enqueue_backup(plain_backup("pg-2")).await.expect_err("unknown");
    assert!(matches!(refused, EnqueueError::InstanceNotFound { .. }), "{refused}");
    let sweep = NewJob {
        kind: JobKind::Sweep,
        instance: None,
        repository: RepositoryId::from_bytes([7; 16]),
        mode: BackupMode::Automated,
        parameters: json!({}),
        due: at(0),
    };
    let restore = NewJob { kind: JobKind::Restore, instance: Some(instance_id("pg-1")), ..sweep.clone() };
    for job in [sweep, restore.clone(), restore] {
        change.enqueue(job).await.expect("other work needs no company of its own");
    }
    change.deregister_instance(&instance_id("pg-1")).await.expect_err("it has restores queued");
    change.undo().await.expect("undone");

    let mut change = catalog.change(at(1)).await.expect("a change begins");
    change.deregister_instance(&instance_id("pg-1")).await.expect("deregistered");
    let refused = change.enqueue_backup(plain_backup("pg-1")).await.expect_err("no longer");
    assert!(matches!(refused, EnqueueError::InstanceNotFound { .. }), "{refused}");
}

async fn watch(catalog: &Catalog, query: &BackupJobQuery) -> Vec<JobSummary> {
    catalog.watch_backup_jobs(query).await.expect("watchable")
}

pub(super) async fn watching_filters_and_shows_ended_jobs_by_number_only(database: &Database) {
    watching_filters(&database.node().await).await;
}

pub(super) async fn watching_from_memory_shows_every_write(database: &Database) {
    let catalog = database.sole_node().await;
    watching_filters(&catalog).await;

    let active = BackupJobQuery { instance: instance_id("pg-1"), job: None, phase: None, mode: None };
    assert_eq!(watch(&catalog, &active).await, []);
    let job = enqueue(&catalog, plain_backup("pg-1")).await;
    let by_number = BackupJobQuery { job: Some(job), ..active.clone() };
    let phase = async || {
        let shown = watch(&catalog, &by_number).await;
        let again = watch(&catalog, &by_number).await;
        let active = watch(&catalog, &active).await;
        let stored = catalog.find_job(job).await.expect("readable").expect("there").state.phase();
        assert_eq!((shown[0].phase, &shown), (stored, &again), "twice the same, and what is stored");
        assert!(active.is_empty() || active == shown, "{active:?}");
        (stored, active.len())
    };
    assert_eq!(phase().await, (JobPhase::Queued, 1));
    let claim = claimed(&catalog, "worker", at(1)).await;
    assert_eq!(phase().await, (JobPhase::Running, 1));
    catalog.give_back(&claim, at(2), None).await.expect("the claim holds");
    assert_eq!(phase().await, (JobPhase::Queued, 1));
    let mut change = catalog.change(at(3)).await.expect("a change begins");
    change.cancel_job(job).await.expect("cancelling works");
    assert_eq!(phase().await, (JobPhase::Queued, 1));
    change.commit().await.expect("committed");
    assert_eq!(phase().await, (JobPhase::Failed, 0));
}

async fn watching_filters(catalog: &Catalog) {
    let job = one_job(catalog).await;
    let active = BackupJobQuery { instance: instance_id("pg-1"), job: None, phase: None, mode: None };
    let by_number = BackupJobQuery { job: Some(job), ..active.clone() };
    let shown = |phase, stage, process| JobSummary {
        id: job,
        mode: BackupMode::Manual,
        phase,
        stage,
        process: Percent::new(process).expect("a percentage"),
        set: None,
    };
    let queued = shown(JobPhase::Queued, JobStage::NoStart, 0);
    assert_eq!(watch(catalog, &active).await, [queued]);
    assert_eq!(watch(catalog, &by_number).await, [queued]);
    for (query, expected) in [
        (BackupJobQuery { phase: Some(JobPhase::Queued), ..active.clone() }, 1),
        (BackupJobQuery { phase: Some(JobPhase::Running), ..active.clone() }, 0),
        (BackupJobQuery { mode: Some(BackupMode::Automated), ..active.clone() }, 0),
        (BackupJobQuery { mode: Some(BackupMode::Automated), ..by_number.clone() }, 0),
        (BackupJobQuery { instance: instance_id("pg-2"), ..by_number.clone() }, 0),
        (BackupJobQuery { job: BackupJobId::new(4711), ..active.clone() }, 0),
    ] {
        assert_eq!(watch(catalog, &query).await.len(), expected, "{query:?}");
    }

    let claim = claimed(catalog, "worker", at(1)).await;
    let process = Percent::new(42).expect("a percentage");
    let progress = Progress { stage: JobStage::Uploading, process, bytes_planned: Some(100), bytes_done: 42 };
    catalog.report_progress(&claim, &progress).await.expect("the claim holds");
    let running = shown(JobPhase::Running, JobStage::Uploading, 42);
    assert_eq!(watch(catalog, &active).await, [running]);
    assert_eq!(watch(catalog, &by_number).await, [running]);

    catalog
        .finish_backup(&claim, &plain_set(claim.attempt), &json!({}), None, at(2))
        .await
        .expect("the claim holds");
    assert_eq!(watch(catalog, &active).await, []);
    let ended =
        JobSummary { set: claim.reserved_set(), ..shown(JobPhase::Succeeded, JobStage::Uploading, 100) };
    assert_eq!(watch(catalog, &by_number).await, [ended]);
}

/// Callers that come at the same time share look-ups; more than one look-up takes.
pub(super) async fn look_ups_at_once_each_get_their_own_job(database: &Database) {
    const INSTANCES: u32 = 10;
    let catalog = database.node().await;
    for number in 0..INSTANCES {
        let id = format!("pg-{number}");
        register(&catalog, plain_instance(&id)).await;
        enqueue(&catalog, plain_backup(&id)).await;
    }
    let look_ups: Vec<_> = (0..200)
        .map(|n: u32| {
            let catalog = catalog.clone();
            // Two of twelve numbers are no job's, and every seventh caller names another instance.
            let (job, owner) = (n % 12 + 1, n % 12);
            let by_number = n % 3 < 2;
            let instance = if n.is_multiple_of(7) { owner + 1 } else { owner };
            let query = BackupJobQuery {
                instance: instance_id(&format!("pg-{instance}")),
                job: by_number.then(|| BackupJobId::new(job).expect("a number")),
                phase: None,
                mode: None,
            };
            let named = if by_number { job <= INSTANCES && instance == owner } else { instance < INSTANCES };
            let expected = named.then_some(instance + 1);
            let task = tokio::spawn(async move { watch(&catalog, &query).await });
            // Some callers go away; the others are answered all the same.
            if n % 10 == 3 {
                task.abort();
            }
            (n, task, expected)
        })
        .collect();
    for (n, task, expected) in look_ups {
        match task.await {
            Ok(found) => assert_eq!(found.first().map(|job| job.id.get()), expected, "look-up {n}"),
            Err(gone) => assert!(n % 10 == 3 && gone.is_cancelled(), "look-up {n}: {gone}"),
        }
    }
}

pub(super) async fn listings_filter_and_page(database: &Database) {
    let catalog = database.node().await;
    for id in ["pg-1", "pg-2"] {
        register(&catalog, plain_instance(id)).await;
    }
    for round in 0..3 {
        enqueue(&catalog, plain_backup("pg-1")).await;
        let claim = claimed(&catalog, "worker", at(round)).await;
        catalog
            .fail(&claim, &Failure::cancelled(), Some(&json!(round)), None, at(round))
            .await
            .expect("the claim holds");
    }
    enqueue(&catalog, NewBackupJob { mode: BackupMode::Automated, ..plain_backup("pg-2") }).await;
    let page = |number, size| Page::new(number, size).expect("a page");
    let check = async |filter: JobFilter, page: Page, expected: &[u32], total: u64| {
        let listed = catalog.list_jobs(&filter, page).await.expect("listable");
        let ids: Vec<u32> = listed.rows.iter().map(|job| job.id.get()).collect();
        assert_eq!((ids.as_slice(), listed.total), (expected, total), "{filter:?}");
    };
    let all = JobFilter::default();
    check(all.clone(), page(1, 30), &[4, 3, 2, 1], 4).await;
    check(all.clone(), page(2, 3), &[1], 4).await;
    check(JobFilter { instance: Some(instance_id("pg-1")), ..all.clone() }, page(1, 2), &[3, 2], 3).await;
    check(JobFilter { kind: Some(JobKind::Sweep), ..all.clone() }, page(1, 30), &[], 0).await;
    check(JobFilter { mode: Some(BackupMode::Automated), ..all.clone() }, page(1, 30), &[4], 1).await;
    let phases = Some(vec![JobPhase::Failed, JobPhase::Running]);
    check(JobFilter { phases, ..all.clone() }, page(1, 30), &[3, 2, 1], 3).await;
    let phases = Some(vec![JobPhase::Queued, JobPhase::Running]);
    check(JobFilter { phases, ..all.clone() }, page(1, 30), &[4], 1).await;
    check(JobFilter { phases: Some(Vec::new()), ..all.clone() }, page(1, 30), &[], 0).await;
    check(JobFilter { job: BackupJobId::new(2), ..all }, page(1, 30), &[2], 1).await;
    let report = catalog.find_job_report(BackupJobId::new(3).expect("a job")).await.expect("readable");
    assert_eq!(report, Some(json!(2)));
}

/// Jobs 1 to 3 were asked for at seconds 0, 100 and 200; the first failed, the second was cancelled, the third runs.
async fn three_fates(catalog: &Catalog) {
    register(catalog, plain_instance("pg-1")).await;
    for (round, failure) in [
        (0, Some(Failure { code: "Broken".to_owned(), message: "it broke".to_owned() })),
        (1, Some(Failure::cancelled())),
        (2, None),
    ] {
        let mut change = catalog.change(at(100 * round)).await.expect("a change begins");
        change.enqueue_backup(plain_backup("pg-1")).await.expect("the job is made");
        change.commit().await.expect("committed");
        let claim = claimed(catalog, "worker", at(100 * round)).await;
        if let Some(failure) = failure {
            let ended = at(100 * round + 10 + round);
            catalog.fail(&claim, &failure, None, None, ended).await.expect("the claim holds");
        }
    }
}

pub(super) async fn listings_filter_by_what_became_of_jobs(database: &Database) {
    let catalog = database.node().await;
    three_fates(&catalog).await;
    let check = async |filter: JobFilter, expected: &[u32]| {
        let listed = catalog.list_jobs(&filter, Page::new(1, 30).expect("a page")).await.expect("listable");
        let ids: Vec<u32> = listed.rows.iter().map(|job| job.id.get()).collect();
        assert_eq!((ids.as_slice(), listed.total), (expected, expected.len() as u64), "{filter:?}");
    };
    let all = JobFilter::default();
    let seconds = SignedDuration::from_secs;
    check(JobFilter { cancelled: Some(true), ..all.clone() }, &[2]).await;
    check(JobFilter { cancelled: Some(false), ..all.clone() }, &[1]).await;
    check(JobFilter { cancel_requested: Some(true), ..all.clone() }, &[]).await;
    check(JobFilter { cancel_requested: Some(false), ..all.clone() }, &[3, 2, 1]).await;
    check(JobFilter { stages: Some(vec![JobStage::Uploading]), ..all.clone() }, &[]).await;
    check(JobFilter { stages: Some(vec![JobStage::Checking]), ..all.clone() }, &[3, 2, 1]).await;
    check(JobFilter { created_start: Some(at(100)), ..all.clone() }, &[3, 2]).await;
    let (created_start, created_end) = (Some(at(1)), Some(at(200)));
    check(JobFilter { created_start, created_end, ..all.clone() }, &[2]).await;
    check(JobFilter { took_min: Some(seconds(11)), ..all.clone() }, &[2]).await;
    check(JobFilter { took_max: Some(seconds(10)), ..all.clone() }, &[1]).await;
    let jobs = [1, 3, 9].map(|id| BackupJobId::new(id).expect("a number")).to_vec();
    check(JobFilter { jobs: Some(jobs), ..all.clone() }, &[3, 1]).await;
    check(JobFilter { instances: Some(vec![instance_id("pg-1")]), ..all.clone() }, &[3, 2, 1]).await;
    check(JobFilter { instances: Some(Vec::new()), ..all }, &[]).await;

    let failed = async |filter: FailedBackupFilter| {
        let jobs = catalog.list_failed_backups(&filter).await.expect("listable");
        jobs.iter().map(|failed| failed.job.get()).collect::<Vec<_>>()
    };
    let instance = instance_id("pg-1");
    let all = FailedBackupFilter { instance, ended_start: at(0), ended_end: None, mode: None, set: None };
    assert_eq!(failed(all.clone()).await, [2, 1]);
    assert_eq!(failed(FailedBackupFilter { ended_start: at(11), ..all.clone() }).await, [2]);
    assert_eq!(failed(FailedBackupFilter { ended_end: Some(at(111)), ..all.clone() }).await, [1]);
    assert_eq!(failed(FailedBackupFilter { set: BackupSetId::new(1), ..all.clone() }).await, [1]);
    let mode = Some(BackupMode::Automated);
    assert_eq!(failed(FailedBackupFilter { mode, ..all }).await, [0; 0]);
}

pub(super) async fn a_queued_job_is_cancelled_at_once_and_a_running_one_asked(database: &Database) {
    let catalog = database.node().await;
    let cancel = async |job, now| {
        let mut change = catalog.change(now).await.expect("a change begins");
        let outcome = change.cancel_job(job).await.expect("cancelling works");
        change.commit().await.expect("committed");
        outcome
    };
    let queued = one_job(&catalog).await;
    assert_eq!(cancel(queued, at(1)).await, CancelOutcome::Cancelled);
    let state = catalog.find_job(queued).await.expect("readable").expect("there").state;
    assert_eq!(state, JobState::Failed { failure: Failure::cancelled(), ended: at(1) });
    assert_eq!(cancel(queued, at(2)).await, CancelOutcome::Ended);
    assert_eq!(cancel(BackupJobId::new(99).expect("a number"), at(2)).await, CancelOutcome::NotFound);

    enqueue(&catalog, plain_backup("pg-1")).await;
    let claim = claimed(&catalog, "worker", at(3)).await;
    let renewal = catalog.renew(&claim, LEASE, at(4)).await.expect("the claim holds");
    assert!(!renewal.cancel_requested);
    assert_eq!(cancel(claim.id(), at(5)).await, CancelOutcome::Requested);
    assert!(catalog.renew(&claim, LEASE, at(6)).await.expect("the claim holds").cancel_requested);
    let progress =
        Progress { stage: JobStage::Uploading, process: Percent::ZERO, bytes_planned: None, bytes_done: 0 };
    assert!(catalog.report_progress(&claim, &progress).await.expect("the claim holds").cancel_requested);
}

pub(super) async fn a_commit_wakes_who_waits(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let (mut work, mut jobs) = (catalog.watch_work(), catalog.watch_jobs());
    let waits = async {
        // Far longer than the test: only a wake ends these.
        work.wait(Duration::from_hours(1)).await;
        jobs.wait(Duration::from_hours(1)).await;
    };
    let commits = async { enqueue(&catalog, plain_backup("pg-1")).await };
    let both = async { tokio::join!(waits, commits) };
    tokio::time::timeout(Duration::from_mins(1), both).await.expect("the commit wakes both");

    let claim = claimed(&catalog, "worker", at(1)).await;
    jobs.wait(Duration::from_hours(1)).await;
    catalog.give_back(&claim, at(2), None).await.expect("the claim holds");
    work.wait(Duration::from_hours(1)).await;
}

/// The last report of an attempt that is quick is the one that ends it.
pub(super) async fn a_job_that_ends_shows_how_far_it_came(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let process = Percent::new(47).expect("a percentage");
    let progress = Progress { stage: JobStage::Proving, process, bytes_planned: Some(100), bytes_done: 99 };
    for succeeds in [true, false] {
        let job = enqueue(&catalog, plain_backup("pg-1")).await;
        let claim = claimed(&catalog, "worker", at(1)).await;
        if succeeds {
            let set = plain_set(claim.attempt);
            catalog.finish_backup(&claim, &set, &json!({}), Some(&progress), at(2)).await.expect("holds");
        } else {
            catalog.fail(&claim, &Failure::cancelled(), None, Some(&progress), at(2)).await.expect("holds");
        }
        let job = catalog.find_job(job).await.expect("readable").expect("there");
        assert_eq!((job.stage, job.bytes_planned, job.bytes_done), (JobStage::Proving, Some(100), 99));
        assert_eq!(job.process.get(), if succeeds { 100 } else { 47 });
        let late = catalog.fail(&claim, &Failure::cancelled(), None, Some(&progress), at(3)).await;
        assert!(matches!(late, Err(crate::LeaseError::LeaseLost { .. })), "{late:?}");
    }
}
