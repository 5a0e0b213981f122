//! Names of replication slots.

use std::fmt;

use crate::Error;
use crate::error::excerpt;

/// Longest name: `NAMEDATALEN` − 1.
const NAME_BYTES_MAX: usize = 63;

/// The name of a replication slot: 1 to 63 small letters, digits and underscores.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SlotName(String);

impl SlotName {
    /// # Errors
    /// Another length or other characters → [`Error::Unquotable`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(allowed) {
            return Err(Error::Unquotable { text: excerpt(text), role: "the name of a replication slot" });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_own_alphabet_is_taken() {
        assert_eq!(SlotName::parse("backstop_01").expect("valid").as_str(), "backstop_01");
        assert!(SlotName::parse(&"a".repeat(63)).is_ok());
        for text in ["", "A", "a-b", "a b", "a\"", "é", &"a".repeat(64)] {
            assert!(matches!(SlotName::parse(text), Err(Error::Unquotable { .. })), "{text:?}");
        }
    }
}
