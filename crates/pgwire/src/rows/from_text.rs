//! Types that a value's text form reads as.

use pgwal::{Lsn, TimelineId};

/// A type that can be read from the text form of a value.
pub trait FromText: Sized {
    /// What it must be, for the error: "a whole number in range".
    const EXPECTED: &'static str;

    /// `None` when the text is not of the type; null is `None` too, except for `Option`.
    fn from_text(value: Option<&[u8]>) -> Option<Self>;
}

/// Null is `None`.
impl<T: FromText> FromText for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_text(value: Option<&[u8]>) -> Option<Self> {
        match value {
            None => Some(None),
            Some(_) => T::from_text(value).map(Some),
        }
    }
}

impl FromText for String {
    const EXPECTED: &'static str = "UTF-8 text";

    fn from_text(value: Option<&[u8]>) -> Option<Self> {
        text(value).map(str::to_owned)
    }
}

/// `t` and `f`, as SQL gives them; `on` and `off`, as `SHOW` does.
impl FromText for bool {
    const EXPECTED: &'static str = "a truth value";

    fn from_text(value: Option<&[u8]>) -> Option<Self> {
        match value? {
            b"t" | b"on" | b"true" => Some(true),
            b"f" | b"off" | b"false" => Some(false),
            _ => None,
        }
    }
}

/// `bytea` in its hexadecimal form, `\x0123`, which `bytea_output` has unless someone changed it.
impl FromText for Vec<u8> {
    const EXPECTED: &'static str = "bytea in hexadecimal";

    fn from_text(value: Option<&[u8]>) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits = value?.strip_prefix(b"\\x")?;
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        pairs.iter().map(|&[high, low]| Some((digit(high)? << 4) | digit(low)?)).collect()
    }
}

macro_rules! parsed {
    ($expected:literal: $($type:ty),+) => {$(
        impl FromText for $type {
            const EXPECTED: &'static str = $expected;

            fn from_text(value: Option<&[u8]>) -> Option<Self> {
                text(value)?.parse().ok()
            }
        }
    )+};
}

parsed!("a whole number in range": i16, i32, i64, u16, u32, u64);
parsed!("a number": f64);
parsed!("a WAL position": Lsn);
parsed!("a timeline number": TimelineId);

fn text(value: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(value?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn truth_values_come_in_two_spellings() {
        assert_eq!(bool::from_text(Some(b"t")), Some(true));
        assert_eq!(bool::from_text(Some(b"off")), Some(false));
        assert_eq!(bool::from_text(Some(b"maybe")), None);
    }

    #[test]
    fn bytea_is_hexadecimal_or_refused() {
        assert_eq!(Vec::from_text(Some(b"\\x00fF")), Some(vec![0, 255]));
        assert_eq!(Vec::from_text(Some(b"\\x")), Some(vec![]));
        for text in [&b"\\x0"[..], b"\\x0g", b"00", b"\\000", b""] {
            assert_eq!(Vec::<u8>::from_text(Some(text)), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(value: Option<Vec<u8>>) {
            let value = value.as_deref();
            let _ = (String::from_text(value), bool::from_text(value), Vec::<u8>::from_text(value));
            let _ = (i64::from_text(value), f64::from_text(value), Lsn::from_text(value));
            let _ = Option::<TimelineId>::from_text(value);
        }
    }
}
