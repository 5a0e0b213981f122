//! Two runners and one backup job, in any order of steps, beside a model of ten lines of state.

use jiff::Timestamp;
use serde_json::json;

use super::{Database, LEASE, at, claim_as, one_job, plain_set};
use crate::{
    ATTEMPTS_MAX, CancelOutcome, Catalog, Claim, Errand, Failure, JobPhase, JobStage, LeaseError, LeaseOwner,
    Percent, Progress,
};

/// One of the two runners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// The one.
    A,
    /// The other.
    B,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Some seconds pass.
    Wait(u8),
    /// The runner claims what there is.
    Claim(Runner),
    /// The runner renews the claim that it last got, as the following steps use it.
    Renew(Runner),
    /// The runner reports this percentage.
    Report(Runner, u8),
    /// The runner finishes.
    Finish(Runner),
    /// The runner gives up for good.
    Fail(Runner),
    /// The runner shuts down.
    GiveBack(Runner),
    /// The runner's attempt fails.
    FailAttempt(Runner),
    /// The runner's process starts again.
    Restart(Runner),
    /// Somebody cancels the job.
    Cancel,
}

/// What the job must be.
#[derive(Debug, Clone)]
struct Model {
    seconds: i64,
    phase: JobPhase,
    claimable_from: i64,
    owner: Option<Runner>,
    epoch: u64,
    attempts: u32,
    process: u8,
    cancelled: bool,
    claims: [Option<Claim>; 2],
}

/// Takes the steps on the empty database at `url`.
///
/// # Panics
/// When the catalog does anything else than the model.
pub async fn follow(url: &str, steps: &[Step]) {
    let catalog = Database { url: url.to_owned() }.node().await;
    let job = one_job(&catalog).await;
    let mut model = Model {
        seconds: 0,
        phase: JobPhase::Queued,
        claimable_from: 0,
        owner: None,
        epoch: 0,
        attempts: 0,
        process: 0,
        cancelled: false,
        claims: [None, None],
    };
    for step in steps {
        model.take(&catalog, *step).await;
        let found = catalog.find_job(job).await.expect("readable").expect("there");
        assert_eq!(
            (found.state.phase(), found.process.get()),
            (model.phase, model.process),
            "after {step:?}"
        );
        let set = catalog.find_set(found.reserved_set.expect("a number")).await.expect("readable");
        assert_eq!(set.is_some(), model.phase == JobPhase::Succeeded, "after {step:?}");
    }
}

impl Runner {
    fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl Model {
    fn now(&self) -> Timestamp {
        at(self.seconds)
    }

    fn end(&mut self, phase: JobPhase) {
        self.phase = phase;
        self.claimable_from = i64::MAX;
    }

    fn settles(&self) -> bool {
        self.cancelled || self.attempts >= ATTEMPTS_MAX
    }

    async fn take(&mut self, catalog: &Catalog, step: Step) {
        match step {
            Step::Wait(seconds) => self.seconds += i64::from(seconds),
            Step::Claim(runner) => self.claim(catalog, runner).await,
            Step::Cancel => self.cancel(catalog).await,
            Step::Restart(runner) => self.restart(catalog, runner).await,
            Step::Renew(runner)
            | Step::Report(runner, _)
            | Step::Finish(runner)
            | Step::Fail(runner)
            | Step::GiveBack(runner)
            | Step::FailAttempt(runner) => {
                let Some(claim) = self.claims[runner as usize].clone() else { return };
                let holds = self.phase == JobPhase::Running && claim.epoch.get() == self.epoch;
                match self.write(catalog, &claim, step).await {
                    Ok(cancel_requested) => {
                        assert!(holds, "{step:?} by an old epoch was accepted");
                        assert!(cancel_requested.is_none_or(|requested| requested == self.cancelled));
                        self.written(step);
                    }
                    Err(LeaseError::LeaseLost { .. }) => {
                        assert!(!holds, "{step:?} by the holder was refused");
                    }
                    Err(error) => panic!("{step:?}: {error}"),
                }
            }
        }
    }

    /// Answers whether a cancel was heard of, where the write tells.
    async fn write(&self, catalog: &Catalog, claim: &Claim, step: Step) -> Result<Option<bool>, LeaseError> {
        let (now, failure) = (self.now(), Failure::cancelled());
        match step {
            Step::Renew(_) => {
                catalog.renew(claim, LEASE, now).await.map(|renewal| Some(renewal.cancel_requested))
            }
            Step::Report(_, process) => {
                let process = Percent::new(process.min(100)).expect("a percentage");
                let stage = JobStage::Uploading;
                let progress = Progress { stage, process, bytes_planned: None, bytes_done: 0 };
                catalog.report_progress(claim, &progress).await.map(|renewal| Some(renewal.cancel_requested))
            }
            Step::Finish(_) => catalog
                .finish_backup(claim, &plain_set(claim.attempt), &json!({}), None, now)
                .await
                .map(|()| None),
            Step::Fail(_) => catalog.fail(claim, &failure, None, None, now).await.map(|()| None),
            Step::GiveBack(_) => catalog.give_back(claim, now, None).await.map(|()| None),
            Step::FailAttempt(_) => catalog.give_back(claim, now, Some(&failure)).await.map(|()| None),
            Step::Wait(_) | Step::Claim(_) | Step::Restart(_) | Step::Cancel => {
                unreachable!("no runner's write")
            }
        }
    }

    fn written(&mut self, step: Step) {
        match step {
            Step::Renew(_) => self.claimable_from = self.seconds + 30,
            Step::Report(_, process) => self.process = self.process.max(process.min(100)),
            Step::Finish(_) => {
                self.process = 100;
                self.end(JobPhase::Succeeded);
            }
            Step::Fail(_) => self.end(JobPhase::Failed),
            Step::GiveBack(_) | Step::FailAttempt(_) => {
                // Who gives back a job that is to be settled may do so twice.
                let uncounted = u32::from(matches!(step, Step::GiveBack(_)));
                self.attempts = self.attempts.saturating_sub(uncounted);
                self.phase = if self.settles() { JobPhase::Running } else { JobPhase::Queued };
                self.claimable_from = if self.settles() { i64::MIN } else { self.seconds };
            }
            Step::Wait(_) | Step::Claim(_) | Step::Restart(_) | Step::Cancel => {
                unreachable!("no runner's write")
            }
        }
    }

    async fn claim(&mut self, catalog: &Catalog, runner: Runner) {
        let claim = claim_as(catalog, runner.name(), self.now()).await;
        if self.claimable_from > self.seconds {
            assert_eq!(claim, None, "nothing was claimable");
            return;
        }
        if self.phase == JobPhase::Running && self.attempts >= 2 * ATTEMPTS_MAX {
            assert_eq!(claim, None, "it failed instead");
            return self.end(JobPhase::Failed);
        }
        let claim = claim.expect("the job was claimable");
        self.epoch += 1;
        self.attempts += 1;
        self.phase = JobPhase::Running;
        self.claimable_from = self.seconds + 30;
        self.owner = Some(runner);
        assert_eq!((claim.epoch.get(), claim.job.process.get()), (self.epoch, self.process));
        assert_eq!(u64::try_from(claim.earlier_attempts.len()).expect("few"), self.epoch - 1);
        assert!(!claim.earlier_attempts.contains(&claim.attempt), "a name has one writer, ever");
        let settles = self.cancelled || self.attempts > ATTEMPTS_MAX;
        assert_eq!(matches!(claim.errand, Errand::Settle { .. }), settles);
        self.claims[runner as usize] = Some(claim);
    }

    async fn restart(&mut self, catalog: &Catalog, runner: Runner) {
        catalog.release_leases_of(&LeaseOwner::new(runner.name())).await.expect("released");
        if self.phase == JobPhase::Running && self.owner == Some(runner) {
            self.claimable_from = i64::MIN;
        }
    }

    async fn cancel(&mut self, catalog: &Catalog) {
        let job = one_job_of(catalog).await;
        let mut change = catalog.change(self.now()).await.expect("a change begins");
        let outcome = change.cancel_job(job).await.expect("cancelling works");
        change.commit().await.expect("committed");
        match self.phase {
            JobPhase::Queued => {
                assert_eq!(outcome, CancelOutcome::Cancelled);
                self.end(JobPhase::Failed);
            }
            JobPhase::Running => {
                assert_eq!(outcome, CancelOutcome::Requested);
                self.cancelled = true;
            }
            JobPhase::Succeeded | JobPhase::Failed => assert_eq!(outcome, CancelOutcome::Ended),
        }
    }
}

/// The only job there is.
async fn one_job_of(catalog: &Catalog) -> repository::BackupJobId {
    let page = crate::Page::new(1, 1).expect("a page");
    catalog.list_jobs(&crate::JobFilter::default(), page).await.expect("listable").rows[0].id
}
