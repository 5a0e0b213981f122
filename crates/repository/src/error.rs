//! Why a repository could not do as asked.

use blobstore::{ObjectKey, StoreError};

use crate::format::bytes::FormatError;
use crate::keys::KeyError;
use crate::{AttemptName, CatalogId, InstanceId};

/// Why a repository could not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The store failed.
    #[error("reach the repository")]
    Store(#[from] StoreError),
    /// A key is missing or locked.
    #[error("open the keys")]
    Key(#[from] KeyError),
    /// An object is damaged.
    #[error("read {object}")]
    Damaged {
        /// The object.
        object: ObjectKey,
        /// What is wrong.
        #[source]
        source: FormatError,
    },
    /// There is no repository yet.
    #[error("there is no Backstop repository at {0}; `backstop init` makes one")]
    Missing(String),
    /// There is one already, of another catalog.
    #[error(
        "the repository at {location} belongs to catalog {catalog}; `backstop init --adopt` takes it over"
    )]
    OfAnotherCatalog {
        /// The store.
        location: String,
        /// The catalog that it belongs to.
        catalog: CatalogId,
    },
    /// No such set.
    #[error("{instance} has no backup set {name}")]
    NoSuchSet {
        /// The instance.
        instance: InstanceId,
        /// Set and attempt, or the set alone.
        name: String,
    },
    /// A frame, pack or entry that is referred to is not there.
    #[error("{what} is not in the repository")]
    Absent {
        /// What is missing.
        what: String,
    },
    /// An attempt may no longer make a set: what it refers to may be gone.
    #[error("attempt {name} may not go on: {why}")]
    Outlived {
        /// The attempt.
        name: AttemptName,
        /// Why.
        why: &'static str,
    },
    /// A new object could not be made.
    #[error("compress {what}")]
    Compress {
        /// What.
        what: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl RepositoryError {
    /// Is it the repository that is broken, and not the way to it?
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Key(KeyError::Store(error)) | Self::Store(error) => {
                matches!(
                    error,
                    StoreError::Absent { .. } | StoreError::Short { .. } | StoreError::TooLarge { .. }
                )
            }
            Self::Damaged { .. } | Self::Absent { .. } | Self::NoSuchSet { .. } | Self::Key(_) => true,
            Self::Missing(_)
            | Self::OfAnotherCatalog { .. }
            | Self::Outlived { .. }
            | Self::Compress { .. } => false,
        }
    }
}
