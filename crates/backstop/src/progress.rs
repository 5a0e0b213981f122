//! Progress of long work, on standard error: a bar on a terminal, a line now and then elsewhere.

mod bytes;

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::quantity;

pub(crate) use bytes::BytesProgress;

/// Percent between two plain lines of the same stage, so that a log of a long job stays short.
const LINE_PERCENT: u64 = 10;

/// Shows how far some work is. Used by many threads at once.
#[derive(Debug)]
pub(crate) struct Progress {
    subject: String,
    bar: Option<ProgressBar>,
    told: Mutex<Option<Told>>,
}

/// What the last plain line said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    stage: String,
    percent: u64,
}

impl Progress {
    /// Progress of `subject`, such as `job 5`.
    pub(crate) fn new(subject: impl Into<String>) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent:>3} % {msg} ({elapsed})");
            bar.set_style(style.expect("the template is a constant, and well formed").progress_chars("=> "));
            bar
        });
        let subject = subject.into();
        if let Some(bar) = &bar {
            bar.set_prefix(subject.clone());
        }
        Self { subject, bar, told: Mutex::new(None) }
    }

    /// The work is in `stage`, and so many percent are done.
    pub(crate) fn show(&self, stage: &str, percent: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(stage.to_owned());
                bar.set_position(percent);
            }
            None => self.tell(stage, percent),
        }
    }

    /// So many bytes of the total are done.
    pub(crate) fn show_bytes(&self, stage: &str, done: u64, total: u64) {
        let percent = (u128::from(done.min(total)) * 100).checked_div(u128::from(total)).unwrap_or(100);
        let percent = u64::try_from(percent).expect("at most 100");
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("{stage}, {} of {}", quantity::bytes(done), quantity::bytes(total)));
                bar.set_position(percent);
            }
            None => self.tell(stage, percent),
        }
    }

    /// Says something beside the bar.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{}: {text}", self.subject)),
            None => eprintln!("{}: {text}", self.subject),
        }
    }

    /// The work is over; a bar disappears.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn tell(&self, stage: &str, percent: u64) {
        let mut told = self.told.lock().expect("nobody panics while a line is written");
        let due = told.as_ref().is_none_or(|last| {
            last.stage != stage
                || percent >= last.percent + LINE_PERCENT
                || (percent == 100 && last.percent < 100)
        });
        if due {
            eprintln!("{}: {stage}, {percent} %", self.subject);
            *told = Some(Told { stage: stage.to_owned(), percent });
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
