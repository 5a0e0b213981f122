//! When backups are due: pure functions over a policy, an instance's id and the time.
//!
//! ```text
//! Monday            due                          Tuesday
//!   |--- window: one hour from its start ---|       |
//!   start    start + offset              start + 60 min
//! ```
//!
//! - All times are UTC. The offset is fixed by the instance's id, below half an hour and in whole minutes, so
//!   that a thousand instances do not start at once and the API can tell the minute.
//! - A window belongs to the day on which it starts, also where it reaches into the next one.
//! - With an interval, further due times follow every so many minutes after the window's, on every day. Since
//!   the interval divides the day, they are the same minutes each day.
//! - A due time can be used until its slot ends; slots never overlap.

use catalog::{BackupPolicy, Weekdays};
use jiff::{SignedDuration, Timestamp};
use repository::InstanceId;

/// Instances start within the first half of the hour, which leaves the other half for trying again.
const OFFSET_MINUTES_MAX: u32 = 30;
/// Length of a window.
const WINDOW_MINUTES: i64 = 60;
/// How long a due time outside the window can be used.
const INTERVAL_SLOT_MINUTES: i64 = 30;

const MINUTE_SECONDS: i64 = 60;
const DAY_MINUTES: i64 = 24 * 60;
const DAY_SECONDS: i64 = DAY_MINUTES * MINUTE_SECONDS;

/// A due time, and how long it can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// When the backup is due.
    pub(crate) due: Timestamp,
    /// From when on it is missed.
    pub(crate) end: Timestamp,
    /// Whether it is that of a window, and not one in between.
    pub(crate) of_window: bool,
}

/// The due times of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    weekdays: Weekdays,
    start_minutes: u32,
    offset_minutes: u32,
    interval_minutes: Option<u32>,
}

/// What is to be done about an instance's due times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// Due times whose slots ended, in ascending order.
    pub(crate) passed: Vec<Timestamp>,
    /// The due time that can be used now.
    pub(crate) current: Option<Slot>,
    /// The next one.
    pub(crate) next: Timestamp,
}

/// Due times that are looked at in one go; a service that was down for years goes on from there.
const PASSED_MAX: usize = 10_000;

impl Schedule {
    pub(crate) fn of(instance: &InstanceId, policy: &BackupPolicy) -> Self {
        Self {
            weekdays: policy.weekdays,
            start_minutes: policy.window_start_minutes,
            offset_minutes: offset_minutes(instance),
            interval_minutes: policy.incremental_interval_minutes.filter(|_| policy.incremental),
        }
    }

    /// What is to be done at `now`, where everything up to `settled` is done.
    pub(crate) fn outlook(&self, settled: Timestamp, now: Timestamp) -> Outlook {
        let mut outlook = Outlook { passed: Vec::new(), current: None, next: Timestamp::MAX };
        for slot in self.slots_after(settled) {
            if slot.due > now {
                outlook.next = slot.due;
                break;
            }
            if slot.end > now {
                outlook.current = Some(slot);
            } else {
                outlook.passed.push(slot.due);
            }
            if outlook.passed.len() == PASSED_MAX {
                outlook.next = now;
                break;
            }
        }
        outlook
    }

    /// The time up to which everything counts as settled at `now`, where nothing else is known: before the
    /// slot that can be used now, if there is one.
    pub(crate) fn settled_at(&self, now: Timestamp) -> Timestamp {
        let day_before = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        let slots = self.slots_after(day_before).take_while(|slot| slot.due <= now);
        let current = slots.filter(|slot| slot.end > now).last();
        let before = |slot: Slot| slot.due.saturating_sub(SignedDuration::from_micros(1));
        current.and_then(|slot| before(slot).ok()).unwrap_or(now)
    }

    /// The next due time of a window.
    pub(crate) fn next_window(&self, after: Timestamp) -> Timestamp {
        self.slots_after(after).find(|slot| slot.of_window).map_or(Timestamp::MAX, |slot| slot.due)
    }

    /// Slots whose due times are later than `after`, in ascending order; it ends where the calendar does.
    pub(crate) fn slots_after(&self, after: Timestamp) -> impl Iterator<Item = Slot> + use<> {
        let schedule = *self;
        // The day before: its window may reach over midnight, and so may its interval.
        let first = after.as_second().div_euclid(DAY_SECONDS) - 1;
        let days = (first..).map_while(move |day| schedule.slots_of(day));
        days.flatten().filter(move |slot| slot.due > after)
    }

    /// The slots that begin with a day's window start. `None` beyond the end of the calendar.
    fn slots_of(&self, day: i64) -> Option<Vec<Slot>> {
        let start = day * DAY_SECONDS + i64::from(self.start_minutes) * MINUTE_SECONDS;
        let offset = i64::from(self.offset_minutes) * MINUTE_SECONDS;
        // 1970 began on a Thursday, whose number is 4.
        let weekday = u8::try_from((day + 3).rem_euclid(7) + 1).expect("a number from 1 to 7");
        let mut slots = Vec::new();
        let has_window = self.weekdays.contains(weekday);
        if has_window {
            let end = Timestamp::from_second(start + WINDOW_MINUTES * MINUTE_SECONDS).ok()?;
            slots.push(Slot { due: Timestamp::from_second(start + offset).ok()?, end, of_window: true });
        }
        let interval = self.interval_minutes.map(i64::from).filter(|minutes| *minutes >= WINDOW_MINUTES);
        let step = interval.unwrap_or(DAY_MINUTES);
        let mut minutes = if has_window || interval.is_none() { step } else { 0 };
        while minutes < DAY_MINUTES {
            let due = start + offset + minutes * MINUTE_SECONDS;
            let end = Timestamp::from_second(due + INTERVAL_SLOT_MINUTES * MINUTE_SECONDS).ok()?;
            slots.push(Slot { due: Timestamp::from_second(due).ok()?, end, of_window: false });
            minutes += step;
        }
        // A day beyond the calendar ends the list even where it has no slot.
        Timestamp::from_second(start + DAY_SECONDS).ok().map(|_| slots)
    }
}

/// Whether the backup of a due time refers to nothing older: the newest that does so began at least so many
/// days before, counted by the calendar, or there is none.
pub(crate) fn is_full_due(policy: &BackupPolicy, newest_full: Option<Timestamp>, due: Timestamp) -> bool {
    let day = |time: Timestamp| time.as_second().div_euclid(DAY_SECONDS);
    let old = |started: Timestamp| day(due) - day(started) >= i64::from(policy.full_interval_days);
    !policy.incremental || newest_full.is_none_or(old)
}

/// The minutes after a window's start at which an instance is due.
fn offset_minutes(instance: &InstanceId) -> u32 {
    let hash = blake3::hash(instance.as_str().as_bytes());
    u32::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes")) % OFFSET_MINUTES_MAX
}

#[cfg(test)]
mod tests;
