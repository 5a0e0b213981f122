//! The `Range` of a request (RFC 9110, section 14).

use std::ops::Range;

/// What of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it.
    Whole,
    /// Some bytes, at least one.
    Part(Range<u64>),
}

impl Asked {
    /// Reads the header's value for a file of `bytes`. `None`: it cannot be satisfied, or is none. Other units and
    /// several ranges at once are not served, and then the whole file answers, as the RFC allows.
    pub(super) fn parse(value: &[u8], bytes: u64) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let Some(spec) = text.trim().strip_prefix("bytes=") else { return Some(Self::Whole) };
        if spec.contains(',') {
            return Some(Self::Whole);
        }
        let (first, last) = spec.trim().split_once('-')?;
        let range = match (first, last) {
            ("", last) => bytes.saturating_sub(number(last)?)..bytes,
            (first, "") => number(first)?..bytes,
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first {
                    return None;
                }
                first..last.saturating_add(1).min(bytes)
            }
        };
        (range.start < range.end).then_some(Self::Part(range))
    }
}

/// Digits alone: `+5` is none.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More than there are bytes anywhere is like the most there can be.
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expect: Option<Range<u64>>) {
        assert_eq!(Asked::parse(value.as_bytes(), 1000), expect.map(Asked::Part), "{value}");
    }

    #[test]
    fn single_ranges_are_cut_to_the_file() {
        check("bytes=0-0", Some(0..1));
        check("bytes=10-19", Some(10..20));
        check("bytes=990-", Some(990..1000));
        check("bytes=990-5000", Some(990..1000));
        check("bytes=-1", Some(999..1000));
        check("bytes=-5000", Some(0..1000));
        check("bytes=0-99999999999999999999999", Some(0..1000));
    }

    #[test]
    fn what_is_outside_or_no_range_is_refused() {
        for value in
            ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=5-2", "bytes=", "bytes=-", "bytes=x-"]
        {
            check(value, None);
        }
        check("bytes=+1-2", None);
        assert_eq!(Asked::parse(b"bytes=0-", 0), None);
    }

    #[test]
    fn what_is_not_served_gets_the_whole() {
        for value in ["items=0-1", "bytes=0-1,5-6", "nonsense"] {
            assert_eq!(Asked::parse(value.as_bytes(), 1000), Some(Asked::Whole), "{value}");
        }
    }
}
