//! A store whose power is cut.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use crate::{BlobStore, Listing, MemoryStore, ObjectKey, Space, StoreError};

/// Stops for ever after so many changes (puts and deletes; reading changes nothing, so a crash
/// between two reads is the same crash).
///
/// The change that meets the crash fails, and so does everything after it, reads too. Whether that change still
/// took effect nobody can know, so a test looks at both survivors: [`CrashStore::after_crash`] without
/// it, [`CrashStore::after_crash_with_last_change`] with it. Nothing else is lost: a put is durable
/// when it returns.
#[derive(Debug)]
pub struct CrashStore {
    store: MemoryStore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    changes: u64,
    stop_after: Option<u64>,
    last_change: Option<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Put { key: ObjectKey, bytes: Vec<u8> },
    Delete { key: ObjectKey },
}

impl CrashStore {
    /// Holds what `store` holds, and does not crash.
    pub fn holding(store: &MemoryStore) -> Self {
        Self { store: store.copy(), state: Mutex::default() }
    }

    /// Lets `changes` changes succeed; the next one meets the crash.
    #[must_use]
    pub fn stopping_after(self, changes: u64) -> Self {
        self.lock().stop_after = Some(changes);
        self
    }

    /// Changes that were made.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Whether a change met the crash.
    pub fn crashed(&self) -> bool {
        self.lock().last_change.is_some()
    }

    /// What is there when the power is back, the change that met the crash being lost.
    pub fn after_crash(&self) -> MemoryStore {
        self.store.copy()
    }

    /// What is there when the power is back, the change that met the crash having reached the disk.
    pub fn after_crash_with_last_change(&self) -> MemoryStore {
        let survivor = self.store.copy();
        // A change that would have been refused leaves no trace.
        let _ = match self.lock().last_change.clone() {
            None => Ok(()),
            Some(Change::Put { key, bytes }) => survivor.put(&key, &[&bytes]),
            Some(Change::Delete { key }) => survivor.delete(&key),
        };
        survivor
    }

    /// Makes a change, unless the power is off or goes off with this one.
    fn change(
        &self,
        action: &'static str,
        key: &ObjectKey,
        last_change: impl FnOnce() -> Change,
        change: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.last_change.is_some() {
            return Err(self.off(action, key.as_str()));
        }
        if state.stop_after.is_some_and(|stop_after| state.changes >= stop_after) {
            state.last_change = Some(last_change());
            return Err(self.off(action, key.as_str()));
        }
        change()?;
        state.changes += 1;
        Ok(())
    }

    fn read<T>(
        &self,
        action: &'static str,
        object: &str,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.crashed() { Err(self.off(action, object)) } else { read() }
    }

    fn off(&self, action: &'static str, object: &str) -> StoreError {
        let source = io::Error::other("the store has crashed");
        StoreError::Io { action, object: object.to_owned(), location: self.location(), source }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this")
    }
}

impl BlobStore for CrashStore {
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
        let last_change = || Change::Put { key: key.clone(), bytes: parts.concat() };
        self.change("put", key, last_change, || self.store.put(key, parts))
    }

    fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.read("get", key.as_str(), || self.store.get(key, bytes_max))
    }

    fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        self.read("get", key.as_str(), || self.store.get_range(key, range))
    }

    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.read("get", key.as_str(), || self.store.get_from_medium(key, bytes_max))
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.read("measure", key.as_str(), || self.store.size(key))
    }

    fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
        self.read("list", prefix, || self.store.list(prefix, after))
    }

    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.read("list", prefix, || self.store.list_folder(prefix))
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let last_change = || Change::Delete { key: key.clone() };
        self.change("delete", key, last_change, || self.store.delete(key))
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.read("measure", "free space", || self.store.space())
    }

    fn clock_seconds(&self) -> Result<u64, StoreError> {
        self.read("ask", "the time", || self.store.clock_seconds())
    }

    fn location(&self) -> String {
        "a store that crashes".to_owned()
    }
}
