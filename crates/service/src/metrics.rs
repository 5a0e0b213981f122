//! Figures for Prometheus, counted in place: one atomic addition for a request.

mod process;
mod render;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rpc::{ACTIONS, ErrorCode};

pub(crate) use process::resident_bytes;
pub(crate) use render::render;

/// Upper ends of the buckets of request durations, in microseconds.
pub(super) const REQUEST_MICROS: [u64; 10] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 10_000_000];

/// Everything that is counted since the start.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By operation, the last for what is none, and within it by outcome, the first for success.
    requests: Vec<AtomicU64>,
    durations: [AtomicU64; REQUEST_MICROS.len() + 1],
    duration_micros: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
    /// Jobs that ended, with the seconds that they took.
    pub(crate) jobs: Mutex<JobFigures>,
    /// Bytes that all copies read.
    pub(crate) copied_bytes: AtomicU64,
    pub(crate) schedule: ScheduleFigures,
}

/// What the scheduler of this node did.
#[derive(Debug, Default)]
pub(crate) struct ScheduleFigures {
    /// Due times that became jobs.
    pub(crate) fired: AtomicU64,
    /// Due times whose windows passed.
    pub(crate) missed: AtomicU64,
    /// Looks at a due time that found a job of its instance in the way.
    pub(crate) blocked: AtomicU64,
    /// Sets that expired.
    pub(crate) expired: AtomicU64,
    /// Times that nothing expired because clocks differed.
    pub(crate) clock_refusals: AtomicU64,
}

/// What ended jobs amount to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct JobFigures {
    pub(crate) finished_count: u64,
    pub(crate) failed_count: u64,
    pub(crate) cancelled_count: u64,
    pub(crate) attempts_count: u64,
    pub(crate) finished_seconds: f64,
    pub(crate) last_seconds: f64,
    pub(crate) source_bytes: u64,
    pub(crate) new_bytes: u64,
}

const OUTCOMES: usize = ErrorCode::ALL.len() + 1;

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            requests: (0..(ACTIONS.len() + 1) * OUTCOMES).map(|_| AtomicU64::new(0)).collect(),
            durations: Default::default(),
            duration_micros: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            jobs: Mutex::default(),
            copied_bytes: AtomicU64::new(0),
            schedule: ScheduleFigures::default(),
        }
    }

    /// Counts an answered request. `action` is what the caller named, known or not.
    pub(crate) fn count_request(&self, action: &str, refused: Option<ErrorCode>, took: Duration) {
        let row = ACTIONS.binary_search_by(|known| known.name.cmp(action)).unwrap_or(ACTIONS.len());
        let outcome = refused.map_or(0, |code| code as usize + 1);
        self.requests[row * OUTCOMES + outcome].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = REQUEST_MICROS.iter().position(|end| micros <= *end).unwrap_or(REQUEST_MICROS.len());
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        self.duration_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Every count of requests that is not zero: operation, code, count.
    pub(super) fn request_counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        self.requests.iter().enumerate().filter_map(|(position, count)| {
            let count = count.load(Ordering::Relaxed);
            let action = ACTIONS.get(position / OUTCOMES).map_or("none", |action| action.name);
            let code = match (position % OUTCOMES).checked_sub(1) {
                None => "OK",
                Some(row) => ErrorCode::ALL[row].spec().code,
            };
            (count > 0).then_some((action, code, count))
        })
    }

    pub(crate) fn update_jobs(&self, update: impl FnOnce(&mut JobFigures)) {
        update(&mut self.jobs.lock().expect("no thread panics while it holds the figures"));
    }

    pub(super) fn job_figures(&self) -> JobFigures {
        *self.jobs.lock().expect("no thread panics while it holds the figures")
    }

    pub(super) fn duration_counts(&self) -> [u64; REQUEST_MICROS.len() + 1] {
        std::array::from_fn(|bucket| self.durations[bucket].load(Ordering::Relaxed))
    }

    pub(super) fn duration_seconds(&self) -> f64 {
        Duration::from_micros(self.duration_micros.load(Ordering::Relaxed)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_operation_and_code() {
        let metrics = Metrics::new();
        metrics.count_request("DescribeBackupTasks", None, Duration::from_micros(300));
        metrics.count_request(
            "DescribeBackupTasks",
            Some(ErrorCode::SignatureNonceUsed),
            Duration::from_mins(1),
        );
        metrics.count_request("Nonsense", Some(ErrorCode::InvalidActionNotFound), Duration::ZERO);
        let counts: Vec<_> = metrics.request_counts().collect();
        assert_eq!(
            counts,
            [
                ("DescribeBackupTasks", "OK", 1),
                ("DescribeBackupTasks", "SignatureNonceUsed", 1),
                ("none", "InvalidAction.NotFound", 1)
            ]
        );
        assert_eq!(metrics.duration_counts().iter().sum::<u64>(), 3);
    }

    #[test]
    fn every_code_has_its_own_counter() {
        for (position, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, position);
        }
    }
}
