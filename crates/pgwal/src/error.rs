//! Why a text is not the WAL value it should be.

/// A text that is not what its place asks for. Carries at most the first 64 characters of the text, because the text
/// is foreign and may be of any length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not two hexadecimal numbers of at most eight digits with a slash between them.
    #[error("{text:?} is not a WAL position such as 16/B374D848")]
    Lsn {
        /// What was found.
        text: String,
    },
    /// Not a decimal number from 1 to 4294967295.
    #[error("{text:?} is not a timeline number")]
    TimelineId {
        /// What was found.
        text: String,
    },
    /// Not a power of two from 1 MiB to 1 GiB.
    #[error("{text:?} is not a WAL segment size: a power of two from 1MB to 1GB")]
    SegmentSize {
        /// What was found.
        text: String,
    },
    /// Not the name of a WAL segment of the given size.
    #[error("{text:?} is not the name of a WAL segment")]
    SegmentName {
        /// What was found.
        text: String,
    },
    /// Not the name of any file that PostgreSQL archives.
    #[error("{text:?} is not the name of a WAL segment, a timeline history or a backup history")]
    WalFileName {
        /// What was found.
        text: String,
    },
}

/// The first 64 characters of a foreign text, for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Parses exactly `digits` upper-case hexadecimal digits, as PostgreSQL writes them in file names.
pub(crate) fn parse_hex_exact(text: &str, digits: usize) -> Option<u32> {
    let upper = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    if text.len() != digits || !text.bytes().all(upper) {
        return None;
    }
    u32::from_str_radix(text, 16).ok()
}
