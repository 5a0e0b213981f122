//! From the address of a repository to the repository, open.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blobstore::{BlobStore, LocalStore};
use repository::{KeySecret, Repository, RepositoryError};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::Error;
use crate::home::Home;

/// Opens the stores of repositories. Another implementation lets a test stand between.
pub trait Stores: Send + Sync + Debug {
    /// The existing store at `url`.
    ///
    /// # Errors
    /// The address is of no kind that is known; there is nothing.
    fn open(&self, url: &str) -> Result<Arc<dyn BlobStore>, Error>;
}

/// The stores of this release.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltInStores;

impl Stores for BuiltInStores {
    fn open(&self, url: &str) -> Result<Arc<dyn BlobStore>, Error> {
        open_store(url)
    }
}

/// Opens the repository at `url` (`file:///absolute/path` or an absolute path) with the secrets at hand.
/// Needs no home and no catalog.
///
/// # Errors
/// The address is none of these; there is no repository; no secret opens it.
pub fn open_repository(url: &str, secrets: Vec<KeySecret>) -> Result<Repository, Error> {
    Ok(Repository::open(open_store(url)?, secrets)?)
}

/// As [`open_repository`], to list, verify and restore: also where only some of the data keys open.
///
/// # Errors
/// As [`open_repository`].
pub fn open_repository_to_read(url: &str, secrets: Vec<KeySecret>) -> Result<Repository, Error> {
    Ok(Repository::open_to_read(open_store(url)?, secrets)?)
}

/// Opens the repository that a home is configured for, with the home's own key.
///
/// # Errors
/// As [`open_repository`]; the home's key file cannot be read.
pub fn open_local(home: &Home, config: &Config) -> Result<Repository, Error> {
    open_repository(&config.repository, vec![read_key_file(&home.repository_key())?])
}

/// Reads a key file.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read_key_file(path: &Path) -> Result<KeySecret, Error> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(Error::file("read", path))?;
    KeySecret::parse_key_file(&text).map_err(|source| Error::KeyFile { path: path.to_owned(), source })
}

/// The existing store at `url`.
pub(crate) fn open_store(url: &str) -> Result<Arc<dyn BlobStore>, Error> {
    let store = LocalStore::open(&local_path(url)?);
    Ok(Arc::new(store.map_err(RepositoryError::from)?))
}

/// The store at `url`, its folder made if need be.
pub(crate) fn create_store(url: &str) -> Result<Arc<dyn BlobStore>, Error> {
    let store = LocalStore::create(&local_path(url)?);
    Ok(Arc::new(store.map_err(RepositoryError::from)?))
}

/// The folder of a repository on a local disk.
///
/// # Errors
/// The address is of another kind → [`Error::RepositoryUrl`].
pub fn local_path(url: &str) -> Result<PathBuf, Error> {
    let path = url.strip_prefix("file://").unwrap_or(url);
    if path.starts_with('/') { Ok(PathBuf::from(path)) } else { Err(Error::RepositoryUrl(url.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_local_addresses_are_taken() {
        assert_eq!(local_path("file:///a/b").unwrap(), Path::new("/a/b"));
        assert_eq!(local_path("/a/b").unwrap(), Path::new("/a/b"));
        for url in ["", "a/b", "file://a", "s3://bucket/x", "https://a/b"] {
            local_path(url).unwrap_err();
        }
    }
}
