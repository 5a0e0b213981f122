use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn policy(days: &[u8], start: u32, interval: Option<u32>) -> BackupPolicy {
    BackupPolicy {
        weekdays: Weekdays::new(days.iter().copied()).unwrap(),
        window_start_minutes: start,
        incremental_interval_minutes: interval,
        ..BackupPolicy::default()
    }
}

fn schedule(days: &[u8], start: u32, offset: u32, interval: Option<u32>) -> Schedule {
    let id: InstanceId = "orders".parse().unwrap();
    Schedule { offset_minutes: offset, ..Schedule::of(&id, &policy(days, start, interval)) }
}

#[track_caller]
fn check(schedule: Schedule, after: &str, expect: &[&str]) {
    let slots: Vec<String> =
        schedule.slots_after(at(after)).take(expect.len()).map(|slot| slot.due.to_string()).collect();
    assert_eq!(slots, expect);
}

#[test]
fn windows_come_on_their_days_also_over_month_year_and_leap_day() {
    // 31 December 2026 is a Thursday; 29 February 2028 a Tuesday.
    let monday_and_thursday = schedule(&[1, 4], 60, 12, None);
    check(
        monday_and_thursday,
        "2026-12-28T01:12:00Z",
        &["2026-12-31T01:12:00Z", "2027-01-04T01:12:00Z", "2027-01-07T01:12:00Z"],
    );
    check(
        schedule(&[2, 3], 0, 0, None),
        "2028-02-28T12:00:00Z",
        &["2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"],
    );
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_starts() {
    let schedule = schedule(&[1, 2], 23 * 60 + 50, 29, None);
    let slots: Vec<Slot> = schedule.slots_after(at("2026-11-22T00:00:00Z")).take(3).collect();
    assert_eq!(slots[0].due, at("2026-11-24T00:19:00Z"), "Monday's");
    assert_eq!(slots[0].end, at("2026-11-24T00:50:00Z"));
    assert_eq!(slots[1].due, at("2026-11-25T00:19:00Z"), "Tuesday's");
    assert_eq!(slots[2].due, at("2026-12-01T00:19:00Z"));
}

#[test]
fn an_interval_fills_every_day_at_the_same_minutes() {
    let schedule = schedule(&[1, 4], 60, 5, Some(720));
    check(
        schedule,
        "2026-11-23T00:00:00Z",
        &["2026-11-23T01:05:00Z", "2026-11-23T13:05:00Z", "2026-11-24T01:05:00Z", "2026-11-24T13:05:00Z"],
    );
    let of_window: Vec<bool> =
        schedule.slots_after(at("2026-11-23T00:00:00Z")).take(4).map(|slot| slot.of_window).collect();
    assert_eq!(of_window, [true, false, false, false]);
    assert_eq!(schedule.next_window(at("2026-11-23T01:05:00Z")), at("2026-11-26T01:05:00Z"));
}

#[test]
fn without_incremental_backups_there_is_no_interval() {
    let id: InstanceId = "orders".parse().unwrap();
    let full_only = BackupPolicy { incremental: false, ..policy(&[1, 4], 0, Some(60)) };
    let schedule = Schedule::of(&id, &full_only);
    assert!(schedule.slots_after(at("2026-11-24T00:00:00Z")).take(5).all(|slot| slot.of_window));
}

#[test]
fn the_outlook_tells_the_passed_from_the_current_one() {
    let schedule = schedule(&[1, 2, 3, 4, 5, 6, 7], 60, 10, None);
    let outlook = schedule.outlook(at("2026-11-20T01:10:00Z"), at("2026-11-23T01:30:00Z"));
    assert_eq!(outlook.passed, [at("2026-11-21T01:10:00Z"), at("2026-11-22T01:10:00Z")]);
    assert_eq!(outlook.current.unwrap().due, at("2026-11-23T01:10:00Z"));
    assert_eq!(outlook.next, at("2026-11-24T01:10:00Z"));
    // To the second at both ends.
    let settled = at("2026-11-22T12:00:00Z");
    for (now, current) in [("01:09:59", false), ("01:10:00", true), ("01:59:59", true), ("02:00:00", false)] {
        let now = at(&format!("2026-11-23T{now}Z"));
        assert_eq!(schedule.outlook(settled, now).current.is_some(), current, "{now}");
        assert_eq!(schedule.settled_at(now) < now, current, "{now}");
    }
}

#[test]
fn a_full_is_due_by_the_calendar() {
    let weekly = BackupPolicy { full_interval_days: 7, ..BackupPolicy::default() };
    let due = at("2026-11-30T01:10:00Z");
    assert!(is_full_due(&weekly, None, due));
    assert!(
        is_full_due(&weekly, Some(at("2026-11-23T01:45:00Z")), due),
        "seven days before, if later in the hour"
    );
    assert!(!is_full_due(&weekly, Some(at("2026-11-24T01:00:00Z")), due));
    let always = BackupPolicy { incremental: false, ..weekly };
    assert!(is_full_due(&always, Some(due), due));
}

/// Any schedule, and any time of four centuries.
fn any() -> impl Strategy<Value = (Schedule, Timestamp, Vec<u8>)> {
    let days =
        prop::collection::btree_set(1..=7u8, 1..=7).prop_map(|days| days.into_iter().collect::<Vec<_>>());
    let interval = prop::option::of(prop::sample::select(vec![60u32, 120, 240, 360, 720]));
    let seconds = -5_000_000_000i64..9_000_000_000;
    (days, 0..1440u32, 0..OFFSET_MINUTES_MAX, interval, seconds).prop_map(
        |(days, start, offset, interval, second)| {
            (schedule(&days, start, offset, interval), Timestamp::from_second(second).unwrap(), days)
        },
    )
}

proptest! {
    #[test]
    fn slots_ascend_and_never_overlap((schedule, after, days) in any()) {
        let slots: Vec<Slot> = schedule.slots_after(after).take(60).collect();
        prop_assert!(slots[0].due > after);
        for pair in slots.windows(2) {
            prop_assert!(pair[0].due < pair[0].end && pair[0].end <= pair[1].due);
        }
        let offset = SignedDuration::from_mins(i64::from(schedule.offset_minutes));
        for slot in slots.iter().filter(|slot| slot.of_window) {
            let start = TimeZone::UTC.to_datetime(slot.due - offset);
            let number = u8::try_from(start.weekday().to_monday_one_offset()).unwrap();
            prop_assert!(days.contains(&number), "{} is a {:?}", start, start.weekday());
            let minutes = u32::try_from(i32::from(start.hour()) * 60 + i32::from(start.minute())).unwrap();
            prop_assert_eq!((minutes, start.second()), (schedule.start_minutes, 0));
            prop_assert_eq!(slot.end, (slot.due - offset) + SignedDuration::from_hours(1));
        }
    }

    #[test]
    fn each_of_a_weeks_days_has_one_window((schedule, after, days) in any()) {
        let end = after + SignedDuration::from_hours(7 * 24);
        let windows = schedule.slots_after(after).take_while(|slot| slot.due <= end).filter(|slot| slot.of_window);
        prop_assert_eq!(windows.count(), days.len());
    }

    /// However often it is looked, and whatever is jumped over: each due time is passed or current once.
    #[test]
    fn no_due_time_is_lost_between_two_looks((schedule, start, _) in any(), steps in prop::collection::vec(1..100_000i64, 1..12)) {
        let (mut settled, mut now) = (start, start);
        let mut seen = Vec::new();
        for step in steps {
            now += SignedDuration::from_secs(step);
            let outlook = schedule.outlook(settled, now);
            seen.extend(outlook.passed.iter().copied());
            seen.extend(outlook.current.map(|slot| slot.due));
            prop_assert!(outlook.next > now);
            settled = seen.last().copied().unwrap_or(settled);
        }
        let expected: Vec<Timestamp> =
            schedule.slots_after(start).map(|slot| slot.due).take_while(|due| *due <= now).collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_settled_leaves_only_the_current_slot((schedule, now, _) in any()) {
        let outlook = schedule.outlook(schedule.settled_at(now), now);
        prop_assert!(outlook.passed.is_empty());
        let current = schedule.slots_after(now - SignedDuration::from_hours(48)).find(|slot| slot.due <= now && slot.end > now);
        prop_assert_eq!(outlook.current, current);
    }

    #[test]
    fn offsets_are_stable_and_below_half_an_hour(id in "[a-z0-9][a-z0-9-]{0,20}[a-z0-9]") {
        let id: InstanceId = id.parse().unwrap();
        prop_assert!(offset_minutes(&id) < OFFSET_MINUTES_MAX);
        prop_assert_eq!(offset_minutes(&id), offset_minutes(&id));
    }
}
