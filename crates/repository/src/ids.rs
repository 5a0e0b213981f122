//! The ids that the format writes down, each in one textual form, each safe as a folder name.
//!
//! They live here, below the catalog that issues some of them, because `begin` and manifest carry
//! them: a repository must be readable without a catalog.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct IdError {
    text: String,
    expected: &'static str,
}

impl IdError {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

/// Name of one protected database server: 2 to 64 lower-case letters, digits and hyphens, given by
/// the user; its folder's name in the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(String);

impl InstanceId {
    /// The text, as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The one name in a repository's root that could be an instance's.
const KEYS_FOLDER: &str = "keys";

impl FromStr for InstanceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (2..=64).contains(&text.len()) && text.bytes().all(allowed) && text != KEYS_FOLDER {
            Ok(Self(text.to_owned()))
        } else {
            let expected = "an instance id (2 to 64 lower-case letters, digits and hyphens, and not `keys`, a folder of \
                            the repository's own)";
            Err(IdError::new(text, expected))
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Defines an id that is a positive number below 2³¹, which is what every RDS client can hold.
macro_rules! numbered_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// `None` unless 1 ≤ `number` < 2³¹.
            pub fn new(number: u32) -> Option<Self> {
                (1..1 << 31).contains(&number).then_some(Self(number))
            }

            /// The number.
            pub fn get(self) -> u32 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                let number = if digits { text.parse().ok() } else { None };
                number.and_then(Self::new).ok_or_else(|| IdError::new(text, $expected))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

numbered_id! {
    /// A backup set (`BackupId` on the wire).
    BackupSetId, "a backup set id (a positive number below 2147483648)"
}
numbered_id! {
    /// A backup job (`BackupJobId` on the wire); every other kind of job has a number of the same row.
    BackupJobId, "a backup job id (a positive number below 2147483648)"
}

/// Number raised by each grant of a job's lease; a writer with an older one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FencingEpoch(u64);

impl FencingEpoch {
    /// The epoch of that number; 0 is a job that was never claimed.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for FencingEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Defines an id of 128 random bits, written as 32 hexadecimal digits.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id made of these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// A new one, from the system's random source.
            ///
            /// # Panics
            /// When the system has no randomness to give, for then nothing may be sealed either.
            pub fn random() -> Self {
                let mut bytes = [0; 16];
                crate::randomness::fill(&mut bytes);
                Self(bytes)
            }

            /// The 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                let parsed = if text.len() == 32 && lower { Uuid::try_parse(text).ok() } else { None };
                parsed.map(|id| Self(id.into_bytes())).ok_or_else(|| IdError::new(text, $expected))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", Uuid::from_bytes(self.0).simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

random_id! {
    /// One worker's try at a job; new at each grant of the lease, part of every name it writes.
    AttemptId, "an attempt id (32 hexadecimal digits)"
}
random_id! {
    /// One repository, for ever.
    RepositoryId, "a repository id (32 hexadecimal digits)"
}
random_id! {
    /// One catalog, so that two catalogs never write into one repository unnoticed.
    CatalogId, "a catalog id (32 hexadecimal digits)"
}
random_id! {
    /// A data key; objects name the one that seals them.
    DataKeyId, "a data key id (32 hexadecimal digits)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_safe_as_a_folder_name() {
        for good in ["pg", "pgm-1", &"a".repeat(64)] {
            assert_eq!(good.parse::<InstanceId>().expect(good).as_str(), good);
        }
        for bad in ["", "a", "A1", "a/b", "..", "a_b", "é1", "keys", &"a".repeat(65)] {
            bad.parse::<InstanceId>().expect_err(bad);
        }
    }

    #[test]
    fn a_numbered_id_is_plain_positive_digits() {
        assert_eq!("2147483647".parse::<BackupSetId>().expect("largest").get(), 2_147_483_647);
        for bad in ["", "0", "-1", "+1", "2147483648", "1.0", "１"] {
            bad.parse::<BackupSetId>().expect_err(bad);
        }
    }

    #[test]
    fn a_random_id_reads_back_as_written() {
        let id = AttemptId::random();
        assert_eq!(id.to_string().parse::<AttemptId>().expect("own text"), id);
        id.to_string()
            .to_uppercase()
            .replace(|c: char| c.is_ascii_digit(), "A")
            .parse::<AttemptId>()
            .expect_err("upper case");
    }
}
