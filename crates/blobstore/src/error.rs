//! What goes wrong in a store, and whether trying again may help.

use std::io;

use crate::ObjectKey;

/// Why a store did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such object.
    #[error("object {key} is absent from {location}")]
    Absent {
        /// The object.
        key: ObjectKey,
        /// The store.
        location: String,
    },
    /// The name is taken: somebody else writes under it, which cannot happen unless something is wrong.
    #[error("object {key} is already in {location}")]
    Exists {
        /// The object.
        key: ObjectKey,
        /// The store.
        location: String,
    },
    /// The object is larger than the caller can take.
    #[error("object {key} has {bytes} bytes, more than the {bytes_max} it may have")]
    TooLarge {
        /// The object.
        key: ObjectKey,
        /// Its size.
        bytes: u64,
        /// The caller's bound.
        bytes_max: u64,
    },
    /// The object ends too early.
    #[error("object {key} ends at byte {bytes}, before {wanted}")]
    Short {
        /// The object.
        key: ObjectKey,
        /// Where it ends.
        bytes: u64,
        /// Where the caller's range ends.
        wanted: u64,
    },
    /// The store has no room.
    #[error("{location} is full; could not store {key}")]
    Full {
        /// The object.
        key: ObjectKey,
        /// The store.
        location: String,
    },
    /// Anything else.
    #[error("{action} {object} in {location}")]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// The object or folder.
        object: String,
        /// The store.
        location: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same call will fail in the same way.
    Never,
    /// It may pass by itself.
    Later,
    /// Somebody must do something first: make room, mend a right, look at a disk.
    AfterOperator,
}

impl StoreError {
    /// Whether trying again may help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Absent { .. } | Self::Exists { .. } | Self::TooLarge { .. } | Self::Short { .. } => {
                Retry::Never
            }
            Self::Full { .. } => Retry::AfterOperator,
            Self::Io { source, .. } => retry_io(source.kind()),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the standard library's list of kinds is open")]
fn retry_io(kind: io::ErrorKind) -> Retry {
    use io::ErrorKind as Kind;
    match kind {
        Kind::InvalidInput | Kind::InvalidData | Kind::InvalidFilename | Kind::Unsupported => Retry::Never,
        Kind::Interrupted
        | Kind::WouldBlock
        | Kind::TimedOut
        | Kind::ResourceBusy
        | Kind::ConnectionRefused
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::NotConnected
        | Kind::BrokenPipe
        | Kind::NetworkDown
        | Kind::NetworkUnreachable
        | Kind::HostUnreachable
        | Kind::StaleNetworkFileHandle => Retry::Later,
        // Among them an error of the medium: a second write or sync that succeeds proves nothing.
        _ => Retry::AfterOperator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: io::ErrorKind, expect: Retry) {
        let error = StoreError::Io {
            action: "put",
            object: "a".to_owned(),
            location: "here".to_owned(),
            source: kind.into(),
        };
        assert_eq!(error.retry(), expect);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        check(io::ErrorKind::TimedOut, Retry::Later);
        check(io::ErrorKind::ConnectionReset, Retry::Later);
        check(io::ErrorKind::PermissionDenied, Retry::AfterOperator);
        check(io::ErrorKind::ReadOnlyFilesystem, Retry::AfterOperator);
        check(io::ErrorKind::InvalidInput, Retry::Never);
        let medium = StoreError::Io {
            action: "put",
            object: "a".to_owned(),
            location: "here".to_owned(),
            source: io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()),
        };
        assert_eq!(medium.retry(), Retry::AfterOperator);
    }
}
