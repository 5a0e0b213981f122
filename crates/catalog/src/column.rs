//! Between domain types and columns: times as microseconds since 1970, numbers as 64-bit integers,
//! words of a fixed vocabulary as text. Whatever a column holds that is not valid is
//! [`Error::Corrupt`], never a default.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use repository::{BackupJobId, BackupSetId};

use crate::error::Error;

/// A text that is not one of a fixed vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not {expected}")]
pub struct UnknownWord {
    /// The text, shortened.
    pub word: String,
    /// What it should have been.
    pub expected: &'static str,
}

/// Defines an enum whose values are stored as words.
macro_rules! stored_words {
    ($(#[$doc:meta])* $name:ident, $expected:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that stands for it, in the catalog and on the command line.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::column::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    $crate::column::UnknownWord { word: text.chars().take(80).collect(), expected: $expected }
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use stored_words;

/// A column's content is not valid.
pub(crate) fn corrupt(column: &'static str, found: impl Display) -> Error {
    Error::Corrupt { column, found: found.to_string().chars().take(80).collect() }
}

/// Reads a text column whose type has one textual form.
pub(crate) fn parsed<T: FromStr>(column: &'static str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| corrupt(column, text))
}

/// A time as it is stored.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A stored time.
pub(crate) fn timestamp(column: &'static str, micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(micros).map_err(|_| corrupt(column, micros))
}

/// A stored time that may be absent.
pub(crate) fn timestamp_opt(column: &'static str, micros: Option<i64>) -> Result<Option<Timestamp>, Error> {
    micros.map(|micros| timestamp(column, micros)).transpose()
}

/// A stored number of a narrower type.
pub(crate) fn number<T: TryFrom<i64>>(column: &'static str, stored: i64) -> Result<T, Error> {
    T::try_from(stored).map_err(|_| corrupt(column, stored))
}

/// A count as it is stored: what does not fit, which no disk can hold, is stored as the largest.
pub(crate) fn stored_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A stored job number.
pub(crate) fn job_id(column: &'static str, stored: i64) -> Result<BackupJobId, Error> {
    u32::try_from(stored).ok().and_then(BackupJobId::new).ok_or_else(|| corrupt(column, stored))
}

/// A stored set number.
pub(crate) fn set_id(column: &'static str, stored: i64) -> Result<BackupSetId, Error> {
    u32::try_from(stored).ok().and_then(BackupSetId::new).ok_or_else(|| corrupt(column, stored))
}

/// A stored JSON text.
pub(crate) fn json(column: &'static str, text: &str) -> Result<serde_json::Value, Error> {
    serde_json::from_str(text).map_err(|_| corrupt(column, text))
}
