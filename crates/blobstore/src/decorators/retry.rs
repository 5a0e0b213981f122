//! Trying again what may pass by itself.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::{BlobStore, Listing, ObjectKey, Retry, Space, StoreError, Timer};

/// How often and how patiently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries of one call, the first one included.
    pub attempts_max: NonZeroU32,
    /// Wait before the second try; each later one waits twice as long.
    pub delay_first: Duration,
    /// Longest wait.
    pub delay_max: Duration,
}

impl Default for RetryPolicy {
    /// Five tries in about 15 s: longer than a connection that is set up anew, shorter than a lease.
    fn default() -> Self {
        Self {
            attempts_max: NonZeroU32::new(5).expect("5 is not 0"),
            delay_first: Duration::from_secs(1),
            delay_max: Duration::from_secs(8),
        }
    }
}

/// Tries again where the error says [`Retry::Later`]; every other answer is final.
///
/// A put that failed may have stored its object all the same. When a later try finds the name taken,
/// the object is fetched and compared: with these very bytes the put has succeeded, with others it
/// is `Exists`.
#[derive(Debug)]
pub struct RetryStore<S> {
    inner: S,
    policy: RetryPolicy,
    timer: Arc<dyn Timer>,
}

impl<S: BlobStore> RetryStore<S> {
    /// Wraps `inner`; between the tries it waits by `timer`, and gives up when that does.
    pub fn new(inner: S, policy: RetryPolicy, timer: Arc<dyn Timer>) -> Self {
        Self { inner, policy, timer }
    }

    fn persist<T>(&self, mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut delay = self.policy.delay_first;
        for _ in 1..self.policy.attempts_max.get() {
            match attempt() {
                Err(error) if error.retry() == Retry::Later => {
                    if self.timer.sleep(delay.min(self.policy.delay_max)).is_err() {
                        return Err(error);
                    }
                    delay = delay.saturating_mul(2);
                }
                done => return done,
            }
        }
        attempt()
    }

    fn holds(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<bool, StoreError> {
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        match self.get_from_medium(key, bytes) {
            Ok(stored) => Ok(is_concatenation(&stored, parts)),
            Err(StoreError::TooLarge { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

fn is_concatenation(whole: &[u8], parts: &[&[u8]]) -> bool {
    let mut rest = whole;
    for part in parts {
        match rest.strip_prefix(*part) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

impl<S: BlobStore> BlobStore for RetryStore<S> {
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
        let mut failed_before = false;
        self.persist(|| match self.inner.put(key, parts) {
            Err(StoreError::Exists { key, location }) if failed_before => {
                if self.holds(&key, parts)? {
                    Ok(())
                } else {
                    Err(StoreError::Exists { key, location })
                }
            }
            other => {
                failed_before |= other.is_err();
                other
            }
        })
    }

    fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.persist(|| self.inner.get(key, bytes_max))
    }

    fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        self.persist(|| self.inner.get_range(key, range.clone()))
    }

    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.persist(|| self.inner.get_from_medium(key, bytes_max))
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.persist(|| self.inner.size(key))
    }

    fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
        self.persist(|| self.inner.list(prefix, after))
    }

    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.persist(|| self.inner.list_folder(prefix))
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.persist(|| self.inner.delete(key))
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.persist(|| self.inner.space())
    }

    fn clock_seconds(&self) -> Result<u64, StoreError> {
        self.persist(|| self.inner.clock_seconds())
    }

    fn location(&self) -> String {
        self.inner.location()
    }
}
