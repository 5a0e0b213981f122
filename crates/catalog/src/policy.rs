//! Backup policies: when an instance is backed up, how long its sets are kept, and which due times are
//! settled.
//!
//! - A policy has one row per instance. It outlives a deregistration, since what is then kept is in it.
//! - A due time is fired once: `fired_due` has a row for each, so that neither two nodes nor a clock that is
//!   put back make a second job of it.
//! - Up to `last_due` everything is settled, fired or missed. Only a clock that was put back moves it back.
//! - What a policy holds without effect is one JSON value, opaque here.

mod due;
mod store;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use repository::InstanceId;
use sea_orm::QueryResult;

pub use due::Fired;
#[cfg(feature = "conformance")]
pub(crate) use store::NEWEST_FULL;

use crate::column::{UnknownWord, json, number, parsed, stored_words, timestamp};
use crate::error::Error;
use crate::statement::get;

/// Days in the order of their numbers, Monday first.
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Days of the week; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

impl Weekdays {
    /// The days of these numbers, Monday being 1. `None` when there is none, or a number is no day's.
    pub fn new(numbers: impl IntoIterator<Item = u8>) -> Option<Self> {
        let mut days = 0;
        for number in numbers {
            if !(1..=7).contains(&number) {
                return None;
            }
            days |= 1 << (number - 1);
        }
        (days != 0).then_some(Self(days))
    }

    /// Whether the day of that number is among them, Monday being 1.
    pub fn contains(self, number: u8) -> bool {
        (1..=7).contains(&number) && self.0 & (1 << (number - 1)) != 0
    }
}

/// English names, comma-separated, Monday first.
impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (number, name) in (1..).zip(WEEKDAYS) {
            if self.contains(number) {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

impl FromStr for Weekdays {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |name: &str| (1..).zip(WEEKDAYS).find(|(_, day)| *day == name).map(|(number, _)| number);
        let numbers = text.split(',').map(number).collect::<Option<Vec<u8>>>();
        numbers.and_then(Self::new).ok_or_else(|| UnknownWord {
            word: text.chars().take(80).collect(),
            expected: "a list of weekdays",
        })
    }
}

stored_words! {
    /// Which sets are kept when their instance is deregistered.
    ReleasedKeep, "what is kept of a deregistered instance (all, latest or none)" {
        /// All, as long as they would be kept anyway.
        All = "all",
        /// The newest.
        Latest = "latest",
        /// None.
        None = "none",
    }
}

stored_words! {
    /// How new frames of an instance's sets are compressed.
    PolicyCompression, "a compression (configured, none or zstd)" {
        /// As the service is configured.
        Configured = "configured",
        /// Not at all.
        None = "none",
        /// With zstd.
        Zstd = "zstd",
    }
}

/// When an instance is backed up, and how long its sets are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupPolicy {
    /// Days for which automated sets are kept.
    pub retention_days: u32,
    /// The days on which a window begins, UTC.
    pub weekdays: Weekdays,
    /// Minute of the day at which the window of one hour begins, UTC; below 1,440.
    pub window_start_minutes: u32,
    /// Days after which an automated backup refers to no older set.
    pub full_interval_days: u32,
    /// Whether automated backups may refer to older sets at all.
    pub incremental: bool,
    /// Minutes between further automated backups outside the window; a divisor of a day's. `None`: there are
    /// none.
    pub incremental_interval_minutes: Option<u32>,
    /// How new frames are compressed.
    pub compression: PolicyCompression,
    /// Which sets are kept when the instance is deregistered.
    pub released_keep: ReleasedKeep,
    /// Whether the log is to be archived.
    pub log_backup: bool,
    /// Days for which log backups are kept.
    pub log_retention_days: u32,
    /// What is answered as it was set and has no effect: an object in the API's words.
    pub echoed: serde_json::Value,
}

/// What a new instance gets: seven days, Monday and Thursday, at night in Europe and morning in Asia.
impl Default for BackupPolicy {
    fn default() -> Self {
        Self {
            retention_days: 7,
            weekdays: Weekdays::new([1, 4]).expect("Monday and Thursday are days"),
            window_start_minutes: 60,
            full_interval_days: 30,
            incremental: true,
            incremental_interval_minutes: None,
            compression: PolicyCompression::Configured,
            released_keep: ReleasedKeep::All,
            log_backup: true,
            log_retention_days: 7,
            echoed: serde_json::Value::Object(serde_json::Map::new()),
        }
    }
}

/// The policy of a registered instance, as the scheduler needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduledInstance {
    /// The instance.
    pub instance: InstanceId,
    /// Its policy, and the time up to which its due times are settled. `None`: it was never given one.
    pub policy: Option<(BackupPolicy, Timestamp)>,
}

/// Columns of a policy, in the order in which it is stored.
const COLUMNS: &str = "retention_days, weekdays, window_start_minutes, full_interval_days, incremental, \
     incremental_interval_minutes, compression, released_keep, log_backup, log_retention_days, echoed_json";

impl BackupPolicy {
    fn from_result(row: &QueryResult) -> Result<Self, Error> {
        let count = |name: &'static str| number("backup_policy", get::<i64>(row, name)?);
        let word = |name: &'static str| get::<String>(row, name);
        let interval = get::<Option<i64>>(row, "incremental_interval_minutes")?;
        Ok(Self {
            retention_days: count("retention_days")?,
            weekdays: parsed("backup_policy.weekdays", &word("weekdays")?)?,
            window_start_minutes: count("window_start_minutes")?,
            full_interval_days: count("full_interval_days")?,
            incremental: get(row, "incremental")?,
            incremental_interval_minutes: interval
                .map(|minutes| number("backup_policy.incremental_interval_minutes", minutes))
                .transpose()?,
            compression: parsed("backup_policy.compression", &word("compression")?)?,
            released_keep: parsed("backup_policy.released_keep", &word("released_keep")?)?,
            log_backup: get(row, "log_backup")?,
            log_retention_days: count("log_retention_days")?,
            echoed: json("backup_policy.echoed_json", &word("echoed_json")?)?,
        })
    }
}

fn last_due(row: &QueryResult) -> Result<Timestamp, Error> {
    timestamp("backup_policy.last_due_micros", get(row, "last_due_micros")?)
}
