//! What goes wrong below every operation, and whether trying again helps.
//!
//! Refusals that a caller branches on (`JobExists`, `LeaseLost`, …) have an enum per operation, each
//! with a `Catalog` variant that wraps this one.

use std::path::PathBuf;

use repository::RepositoryId;
use sea_orm::DbErr;

/// The catalog could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is neither `sqlite:///absolute/path` nor `postgres://…`. The text is not repeated:
    /// it may hold a password.
    #[error("the catalog's address is neither sqlite:///absolute/path nor postgres://…")]
    Url,
    /// The catalog's file cannot be made or restricted to its owner.
    #[error("open catalog file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A statement failed; `doing` says which.
    #[error("{doing}")]
    Database {
        /// What the catalog was doing, as a verb phrase.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// A stored value is not one that this version writes.
    #[error("column {column} holds {found:?}, which this version does not know")]
    Corrupt {
        /// Table and column.
        column: &'static str,
        /// The value, shortened.
        found: String,
    },
    /// The catalog belongs to another repository; `init --adopt` rebuilds a catalog from it.
    #[error("the catalog belongs to repository {recorded}, not {given}")]
    RepositoryMismatch {
        /// The one written into the catalog.
        recorded: RepositoryId,
        /// The one that is open.
        given: RepositoryId,
    },
    /// All numbers below 2³¹ are used up.
    #[error("no {counter} number below 2147483648 is left")]
    NumbersExhausted {
        /// `job`, `backup_set` or `host_instance`.
        counter: &'static str,
    },
}

/// Whether the same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It will not.
    Never,
    /// It may, by itself.
    Later,
    /// It may, once somebody has mended something.
    AfterOperator,
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Database { .. } => Retry::Later,
            Self::File { .. } | Self::Url => Retry::AfterOperator,
            Self::Corrupt { .. } | Self::RepositoryMismatch { .. } | Self::NumbersExhausted { .. } => {
                Retry::Never
            }
        }
    }
}

/// Says what was being done when the database refused.
pub(crate) trait Doing<T> {
    /// Names the work, as a verb phrase.
    fn doing(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> Doing<T> for Result<T, DbErr> {
    fn doing(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Database { doing, source })
    }
}
