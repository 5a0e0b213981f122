//! The API's times: UTC with a literal `Z`, to the second or to the minute.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

/// Reads `yyyy-MM-ddTHH:mmZ` or `yyyy-MM-ddTHH:mm:ssZ`, the latter also with one to nine decimals.
///
/// Either precision is taken wherever a time is asked for; `None` for any other text.
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let (minutes, rest) = text.as_bytes().split_at_checked("yyyy-MM-ddTHH:mm".len())?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1] = minutes else {
        return None;
    };
    let year = number(&[y0, y1, y2, y3])?;
    let (second, nanosecond) = match rest {
        b"Z" => (0, 0),
        [b':', s0, s1, b'Z'] => (number(&[*s0, *s1])?, 0),
        [b':', s0, s1, b'.', decimals @ .., b'Z'] => (number(&[*s0, *s1])?, nanoseconds(decimals)?),
        _ => return None,
    };
    let two = |high, low| number(&[high, low]).and_then(|value| i8::try_from(value).ok());
    let civil = DateTime::new(
        i16::try_from(year).ok()?,
        two(m0, m1)?,
        two(d0, d1)?,
        two(h0, h1)?,
        two(n0, n1)?,
        i8::try_from(second).ok()?,
        nanosecond,
    )
    .ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

/// `yyyy-MM-ddTHH:mm:ssZ`, what answers carry.
pub fn render_seconds(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `yyyy-MM-ddTHH:mmZ`, for the few answers of minute precision.
pub fn render_minutes(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Some(value * 10 + i32::from(digit - b'0')),
        _ => None,
    })
}

fn nanoseconds(decimals: &[u8]) -> Option<i32> {
    if decimals.is_empty() || decimals.len() > 9 {
        return None;
    }
    let missing = u32::try_from(9 - decimals.len()).ok()?;
    Some(number(decimals)? * 10_i32.pow(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let expect = expect.map(|text| text.parse::<Timestamp>().unwrap());
        assert_eq!(parse_timestamp(text), expect, "{text}");
    }

    #[test]
    fn both_precisions_and_decimals_are_read() {
        check("2026-11-24T03:22Z", Some("2026-11-24T03:22:00Z"));
        check("2026-11-24T03:22:50Z", Some("2026-11-24T03:22:50Z"));
        check("2026-11-24T03:22:50.5Z", Some("2026-11-24T03:22:50.5Z"));
        check("2026-11-24T03:22:50.999999999Z", Some("2026-11-24T03:22:50.999999999Z"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T03:22:50",
            "2026-11-24T03:22:50+00:00",
            "2026-11-24T03:22:60Z",
            "2026-13-24T03:22:50Z",
            "2026-02-30T03:22:50Z",
            "2026-11-24 03:22:50Z",
            "2026-11-24T03:22:50.Z",
            "2026-11-24T03:22:50.1234567890Z",
            "+026-11-24T03:22:50Z",
            "２026-11-24T03:22Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn rendered_times_are_read_back() {
        let time: Timestamp = "2026-11-24T03:22:50Z".parse().unwrap();
        assert_eq!(render_seconds(time), "2026-11-24T03:22:50Z");
        assert_eq!(render_minutes(time), "2026-11-24T03:22Z");
        assert_eq!(parse_timestamp(&render_seconds(time)), Some(time));
    }
}
