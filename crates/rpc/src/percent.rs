//! Percent-encoding, both ways: form rules for reading, the signature's canonical rules for writing.
//!
//! A space arrives as `+` from Python and as `%20` from Node, and Node leaves `* ! ' ( )` raw, so what a
//! client sent is always decoded and encoded again before it is hashed.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but `A-Z a-z 0-9 - _ . ~`.
const CANONICAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Decodes by form rules: `+` is a space, `%XX` a byte, and a `%` without two hex digits stands for itself.
///
/// `None` when the result is not UTF-8. Borrows when nothing was encoded.
pub(crate) fn decode_form(encoded: &[u8]) -> Option<Cow<'_, str>> {
    if !encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(encoded).ok().map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                (Some(_) | None, None) | (None, Some(_)) => decoded.push(b'%'),
            },
            (byte, _) => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Appends `text`, keeping only `A-Z a-z 0-9 - _ . ~` as they are, hex in upper case.
pub(crate) fn encode_into(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, CANONICAL));
}

/// `text` as [`encode_into`] writes it.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, CANONICAL).to_string()
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoded: &[u8], expect: Option<&str>) {
        assert_eq!(decode_form(encoded).as_deref(), expect);
    }

    #[test]
    fn plus_and_percent_20_are_both_a_space() {
        check(b"a+b%20c", Some("a b c"));
    }

    #[test]
    fn a_percent_without_two_hex_digits_stands_for_itself() {
        check(b"100%", Some("100%"));
        check(b"%4", Some("%4"));
        check(b"%zz%41", Some("%zzA"));
        check(b"%%41", Some("%A"));
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused() {
        check(b"%ff", None);
        check(b"\xc3", None);
        check(b"%C3%A9", Some("é"));
    }

    #[test]
    fn canonical_form_keeps_only_the_unreserved() {
        assert_eq!(encode("a b*~/+é!'()-_."), "a%20b%2A~%2F%2B%C3%A9%21%27%28%29-_.");
    }
}
