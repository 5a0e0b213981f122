//! The id that joins an answer, its log line and its audit entry.

use std::fmt;

/// A request id: a random UUID, written in upper case as the API's clients know it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Makes an id of 16 random bytes; the six bits that mark a random UUID are set.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = *version & 0x0F | 0x40;
        *variant = *variant & 0x3F | 0x80;
        Self(bytes)
    }

    /// Reads the written form, in either case. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 36 {
            return None;
        }
        let mut digits = 0_u128;
        for (position, byte) in text.bytes().enumerate() {
            match (position, byte) {
                (8 | 13 | 18 | 23, b'-') => {}
                (8 | 13 | 18 | 23, _) => return None,
                (_, byte) => digits = digits << 4 | u128::from(char::from(byte).to_digit(16)?),
            }
        }
        Some(Self(digits.to_be_bytes()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            let hyphen = if matches!(position, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_an_upper_case_random_uuid_and_reads_back() {
        let id = RequestId::from_random([0xAB; 16]);
        assert_eq!(id.to_string(), "ABABABAB-ABAB-4BAB-ABAB-ABABABABABAB");
        assert_eq!(RequestId::parse(&id.to_string()), Some(id));
        assert_eq!(RequestId::parse(&id.to_string().to_lowercase()), Some(id));
        assert_eq!(RequestId::parse("ABABABAB-ABAB-4BAB-ABAB-ABABABABABA"), None);
        assert_eq!(RequestId::parse("ABABABAB+ABAB-4BAB-ABAB-ABABABABABAB"), None);
    }
}
