//! Going no faster than allowed.

use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{BlobStore, Listing, ObjectKey, Space, StoreError, Timer};

/// Moves at most so many bytes a second, in and out together, over all threads.
///
/// Each transfer takes the next free stretch of time, as long as its bytes need at the allowed rate, and
/// ends no earlier than that. Time in which nothing was moved is not saved up.
#[derive(Debug)]
pub struct ThrottleStore<S> {
    inner: S,
    bytes_per_second: NonZeroU64,
    timer: Arc<dyn Timer>,
    /// Until when the time is given away, by the timer.
    taken_until: Mutex<Duration>,
}

impl<S: BlobStore> ThrottleStore<S> {
    /// Wraps `inner`; waits by `timer`, and when that gives up, so does the call.
    pub fn new(inner: S, bytes_per_second: NonZeroU64, timer: Arc<dyn Timer>) -> Self {
        Self { inner, bytes_per_second, timer, taken_until: Mutex::default() }
    }

    /// Takes the time that `bytes` need, beginning at `since` or when what was taken before ends; until when.
    fn take(&self, bytes: u64, since: Duration) -> Duration {
        let rate = u128::from(self.bytes_per_second.get());
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / rate;
        let needed = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let mut taken_until = self.taken_until.lock().expect("nothing panics while it holds this");
        *taken_until = taken_until.max(since).saturating_add(needed);
        *taken_until
    }

    fn wait_until(&self, end: Duration, action: &'static str, key: &ObjectKey) -> Result<(), StoreError> {
        let left = end.saturating_sub(self.timer.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        self.timer.sleep(left).map_err(|source| StoreError::Io {
            action,
            object: key.to_string(),
            location: self.location(),
            source,
        })
    }

    fn fetch(
        &self,
        key: &ObjectKey,
        fetch: impl FnOnce() -> Result<Vec<u8>, StoreError>,
    ) -> Result<Vec<u8>, StoreError> {
        let since = self.timer.elapsed();
        let bytes = fetch()?;
        self.wait_until(self.take(bytes.len() as u64, since), "get", key)?;
        Ok(bytes)
    }
}

impl<S: BlobStore> BlobStore for ThrottleStore<S> {
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        // Waited before, so that whoever gives up has stored nothing.
        self.wait_until(self.take(bytes, self.timer.elapsed()), "put", key)?;
        self.inner.put(key, parts)
    }

    fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.fetch(key, || self.inner.get(key, bytes_max))
    }

    fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        self.fetch(key, || self.inner.get_range(key, range))
    }

    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.fetch(key, || self.inner.get_from_medium(key, bytes_max))
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.inner.size(key)
    }

    fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
        self.inner.list(prefix, after)
    }

    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.list_folder(prefix)
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.inner.delete(key)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.inner.space()
    }

    fn clock_seconds(&self) -> Result<u64, StoreError> {
        self.inner.clock_seconds()
    }

    fn location(&self) -> String {
        self.inner.location()
    }
}
