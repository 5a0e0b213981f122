//! The two texts by which the API says when backups run: a window of one hour, and days of the week.

/// Days in the order of their numbers, Monday being 1.
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Minutes of a day.
const DAY_MINUTES: i64 = 24 * 60;

/// Reads `HH:mmZ-HH:mmZ`, exactly one hour, and answers the minute of the day at which it starts. It may
/// reach into the next day.
pub(super) fn hour_window(text: &str) -> Option<i64> {
    let (start, end) = text.split_once('-')?;
    let (start, end) = (minute_of_day(start)?, minute_of_day(end)?);
    ((start + 60) % DAY_MINUTES == end).then_some(start)
}

/// Reads English names of days, comma-separated, each at most once, and answers their numbers, sorted.
pub(super) fn weekdays(text: &str) -> Option<Vec<i64>> {
    let mut numbers = Vec::new();
    for name in text.split(',') {
        let number = (1..).zip(WEEKDAYS).find(|(_, weekday)| *weekday == name.trim())?.0;
        if numbers.contains(&number) {
            return None;
        }
        numbers.push(number);
    }
    numbers.sort_unstable();
    Some(numbers)
}

fn minute_of_day(text: &str) -> Option<i64> {
    let &[h0, h1, b':', m0, m1, b'Z'] = text.as_bytes() else { return None };
    let two = |high: u8, low: u8| {
        let digits = high.is_ascii_digit() && low.is_ascii_digit();
        digits.then(|| i64::from(high - b'0') * 10 + i64::from(low - b'0'))
    };
    let (hour, minute) = (two(h0, h1)?, two(m0, m1)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_one_hour() {
        for (text, expect) in [
            ("00:00Z-01:00Z", Some(0)),
            ("15:30Z-16:30Z", Some(930)),
            ("23:00Z-00:00Z", Some(1380)),
            ("23:59Z-00:59Z", Some(1439)),
            ("00:00Z-02:00Z", None),
            ("01:00Z-00:00Z", None),
            ("24:00Z-01:00Z", None),
            ("1:00Z-2:00Z", None),
            ("01:00-02:00", None),
            ("01:00Z", None),
            ("", None),
        ] {
            assert_eq!(hour_window(text), expect, "{text}");
        }
    }

    #[test]
    fn days_are_named_in_english_and_once() {
        assert_eq!(weekdays("Thursday, Monday"), Some(vec![1, 4]));
        assert_eq!(weekdays("Sunday"), Some(vec![7]));
        for text in ["", "Monday,", "monday", "Monday,Monday", "Mon", "1"] {
            assert_eq!(weekdays(text), None, "{text}");
        }
    }
}
