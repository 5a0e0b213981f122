//! Where an attempt's threads and its keeper meet: progress one way, interruption the other.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catalog::{JobStage, Percent, Progress};
use engine::{Interrupted, JobControl, Stage};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::resources::{Resources, Slot};
use crate::context::Context;

/// One stage that an attempt went through.
#[derive(Debug, Clone, Copy)]
pub(super) struct StageTimes {
    pub(super) stage: Stage,
    pub(super) started: Timestamp,
    begun: Instant,
    took: Option<Duration>,
}

impl StageTimes {
    pub(super) fn took(&self) -> Duration {
        self.took.unwrap_or_else(|| self.begun.elapsed())
    }
}

/// The control of one attempt.
#[derive(Debug)]
pub(super) struct Control {
    context: Arc<Context>,
    resources: Arc<Resources>,
    /// 0 for none; see [`code_of`].
    interrupted: AtomicU8,
    /// See [`stage_of`].
    stage: AtomicU8,
    planned: AtomicBool,
    bytes_planned: AtomicU64,
    bytes_done: AtomicU64,
    /// Of the proof, in percent.
    proven_percent: AtomicU8,
    /// The last percentage that the keeper was woken for.
    told_percent: AtomicU8,
    stages: Mutex<Vec<StageTimes>>,
    slot: Mutex<Option<Slot>>,
    /// Wakes the keeper: the stage or the percentage is another.
    pub(super) moved: Notify,
}

impl Control {
    pub(super) fn new(context: Arc<Context>, resources: Arc<Resources>) -> Self {
        Self {
            context,
            resources,
            interrupted: AtomicU8::new(0),
            stage: AtomicU8::new(number_of(Stage::Checking)),
            planned: AtomicBool::new(false),
            bytes_planned: AtomicU64::new(0),
            bytes_done: AtomicU64::new(0),
            proven_percent: AtomicU8::new(0),
            told_percent: AtomicU8::new(0),
            stages: Mutex::default(),
            slot: Mutex::default(),
            moved: Notify::new(),
        }
    }

    /// Tells the attempt's threads to end, and answers whether this is news to them. The first reason counts, but
    /// for a lost lease, after which nothing may be deleted.
    pub(super) fn interrupt(&self, reason: Interrupted) -> bool {
        let code = code_of(reason);
        let is_news = if reason == Interrupted::LeaseLost {
            self.interrupted.swap(code, Ordering::SeqCst) != code
        } else {
            self.interrupted.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        };
        self.resources.wake();
        is_news
    }

    /// How far the work is.
    pub(super) fn progress(&self) -> Progress {
        let stage = stage_of(self.stage.load(Ordering::Acquire));
        let bytes_planned = self.bytes_planned();
        let stage = match stage {
            Stage::Checking => JobStage::Checking,
            Stage::Preparing => JobStage::Preparing,
            Stage::Waiting => JobStage::Waiting,
            Stage::Copying => JobStage::Uploading,
            Stage::Proving => JobStage::Proving,
        };
        let process = Percent::new(self.percent()).unwrap_or(Percent::HUNDRED);
        Progress { stage, process, bytes_planned, bytes_done: self.bytes_done.load(Ordering::Relaxed) }
    }

    /// As [`Control::progress`]; `None` when no stage was entered.
    pub(super) fn progress_if_begun(&self) -> Option<Progress> {
        (!self.lock_stages().is_empty()).then(|| self.progress())
    }

    /// The stages gone through so far.
    pub(super) fn stages(&self) -> Vec<StageTimes> {
        self.lock_stages().clone()
    }

    /// The attempt's work is over.
    pub(super) fn release_slot(&self) {
        self.slot.lock().expect("no thread panics while it holds the slot").take();
    }

    fn bytes_planned(&self) -> Option<u64> {
        self.planned.load(Ordering::Acquire).then(|| self.bytes_planned.load(Ordering::Relaxed))
    }

    /// The copy fills 10 to 90, the proof 90 to 99; 100 is for the published set alone.
    fn percent(&self) -> u8 {
        match stage_of(self.stage.load(Ordering::Acquire)) {
            Stage::Checking => 0,
            Stage::Preparing => 5,
            Stage::Waiting => 10,
            Stage::Copying => {
                let done = self.bytes_done.load(Ordering::Relaxed);
                10 + share(done, self.bytes_planned.load(Ordering::Relaxed), 80)
            }
            Stage::Proving => 90 + share(u64::from(self.proven_percent.load(Ordering::Relaxed)), 100, 9),
        }
    }

    /// Wakes the keeper when the percentage is another than it was last told.
    fn tell(&self) {
        let percent = self.percent();
        if self.told_percent.swap(percent, Ordering::Relaxed) != percent {
            self.moved.notify_one();
        }
    }

    fn lock_stages(&self) -> std::sync::MutexGuard<'_, Vec<StageTimes>> {
        self.stages.lock().expect("no thread panics while it holds the stages")
    }
}

impl JobControl for Control {
    fn enter(&self, stage: Stage) -> Result<(), Interrupted> {
        let now = Instant::now();
        let mut stages = self.lock_stages();
        if let Some(last) = stages.last_mut() {
            last.took.get_or_insert_with(|| now.duration_since(last.begun));
        }
        stages.push(StageTimes { stage, started: self.context.clock.now(), begun: now, took: None });
        drop(stages);
        self.stage.store(number_of(stage), Ordering::Release);
        self.moved.notify_one();
        self.check()
    }

    fn plan(&self, bytes_planned: u64) {
        self.bytes_planned.store(bytes_planned, Ordering::Relaxed);
        self.planned.store(true, Ordering::Release);
        self.moved.notify_one();
    }

    fn advance(&self, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        self.context.metrics.copied_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.tell();
    }

    fn prove(&self, done: u64, total: u64) {
        self.proven_percent.store(share(done, total, 100), Ordering::Relaxed);
        self.tell();
    }

    fn check(&self) -> Result<(), Interrupted> {
        match self.interrupted.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(Interrupted::Cancelled),
            2 => Err(Interrupted::Shutdown),
            _ => Err(Interrupted::LeaseLost),
        }
    }

    fn wait_for_slot(&self) -> Result<(), Interrupted> {
        let slot = self.resources.take_slot(|| self.check())?;
        *self.slot.lock().expect("no thread panics while it holds the slot") = Some(slot);
        Ok(())
    }

    fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
        self.resources.pay(bytes, || self.check())
    }
}

fn code_of(reason: Interrupted) -> u8 {
    match reason {
        Interrupted::Cancelled => 1,
        Interrupted::Shutdown => 2,
        Interrupted::LeaseLost => 3,
    }
}

fn number_of(stage: Stage) -> u8 {
    match stage {
        Stage::Checking => 0,
        Stage::Preparing => 1,
        Stage::Waiting => 2,
        Stage::Copying => 3,
        Stage::Proving => 4,
    }
}

fn stage_of(number: u8) -> Stage {
    match number {
        0 => Stage::Checking,
        1 => Stage::Preparing,
        2 => Stage::Waiting,
        3 => Stage::Copying,
        _ => Stage::Proving,
    }
}

/// `done` of `total` as a share of `width`, never more. Of nothing, nothing is done.
fn share(done: u64, total: u64, width: u8) -> u8 {
    if total == 0 {
        return 0;
    }
    let share = u128::from(done.min(total)) * u128::from(width) / u128::from(total);
    u8::try_from(share).unwrap_or(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_never_exceeds_its_width() {
        assert_eq!(share(0, 10, 80), 0);
        assert_eq!(share(5, 10, 80), 40);
        assert_eq!(share(11, 10, 80), 80);
        assert_eq!(share(3, 0, 80), 0);
        assert_eq!(share(u64::MAX, u64::MAX, 9), 9);
    }

    #[test]
    fn stages_and_their_numbers_agree() {
        for stage in [Stage::Checking, Stage::Preparing, Stage::Waiting, Stage::Copying, Stage::Proving] {
            assert_eq!(stage_of(number_of(stage)), stage);
        }
    }
}
