//! What stops a command or the service as a whole. What a caller of the API hears is an
//! `rpc::ApiError`; why a job failed is a `catalog::Failure`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use repository::{CatalogId, KeyFileError, RepositoryError};

/// Why the service, or a command that works on its home, cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the home.
    #[error("{action} {}", path.display())]
    File {
        /// What was being done, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// There is no home yet.
    #[error("{} is no Backstop home; `backstop init --home {}` makes one", .0.display(), .0.display())]
    NoHome(PathBuf),
    /// Another process serves this home.
    #[error("{} is in use by another `backstop serve`{}; stop that one first", path.display(), process_text(*process))]
    HomeInUse {
        /// The home.
        path: PathBuf,
        /// The other process, where it left its number.
        process: Option<u32>,
    },
    /// A setting is not what it should be.
    #[error("setting `{key}` of {origin}: {problem}")]
    Setting {
        /// The key.
        key: String,
        /// Where it stands: a file or the environment.
        origin: String,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// The configuration cannot be read as one.
    #[error("read {}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The address of the repository is not one that this release can open.
    #[error("repository address {0:?} is neither an absolute path nor file:///absolute/path")]
    RepositoryUrl(String),
    /// The repository belongs to another catalog.
    #[error(
        "the repository at {location} belongs to catalog {catalog}; `backstop init --adopt` makes a catalog from it"
    )]
    OfAnotherCatalog {
        /// The store.
        location: String,
        /// The catalog that it belongs to.
        catalog: CatalogId,
    },
    /// The catalog is not tied to this repository.
    #[error("the catalog is not tied to the repository at {location}; run `backstop init`")]
    NotInitialized {
        /// The store.
        location: String,
    },
    /// The catalog failed.
    #[error("use the catalog")]
    Catalog(#[from] catalog::Error),
    /// The repository failed.
    #[error("use the repository")]
    Repository(#[from] RepositoryError),
    /// A key file cannot be used.
    #[error("read key file {}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: KeyFileError,
    },
    /// A stored secret does not open.
    #[error(
        "the stored secret of {what} does not open with keys/secrets.key of this home; restore that file"
    )]
    Sealed {
        /// Whose secret.
        what: String,
    },
    /// The key that is given has an id that is taken, with another secret.
    #[error("access key {0} exists already with another secret")]
    AccessKeyExists(String),
    /// Certificate and key cannot be used.
    #[error("serve HTTPS")]
    Certificate(#[from] crate::tls::CertificateError),
    /// The address cannot be listened at.
    #[error("listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The system has no randomness to give, or no thread.
    #[error("{0}")]
    System(&'static str, #[source] io::Error),
}

fn process_text(process: Option<u32>) -> String {
    process.map_or(String::new(), |process| format!(" (process {process})"))
}

/// May the same thing succeed later?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It will not.
    Never,
    /// It may, by itself.
    Later,
    /// It may, once somebody has done what the message says.
    AfterOperator,
}

impl Error {
    /// May the same thing succeed later?
    pub fn retry(&self) -> Retry {
        match self {
            Self::Catalog(error) => match error.retry() {
                catalog::Retry::Never => Retry::Never,
                catalog::Retry::Later => Retry::Later,
                catalog::Retry::AfterOperator => Retry::AfterOperator,
            },
            Self::HomeInUse { .. } | Self::System(..) => Retry::Later,
            Self::File { .. }
            | Self::NoHome(_)
            | Self::Setting { .. }
            | Self::Configuration { .. }
            | Self::RepositoryUrl(_)
            | Self::OfAnotherCatalog { .. }
            | Self::NotInitialized { .. }
            | Self::Repository(_)
            | Self::KeyFile { .. }
            | Self::Sealed { .. }
            | Self::AccessKeyExists(_)
            | Self::Certificate(_)
            | Self::Listen { .. } => Retry::AfterOperator,
        }
    }

    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
