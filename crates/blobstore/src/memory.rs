//! A store in memory, for tests.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::key::folder_start;
use crate::{BlobStore, Listing, ObjectEntry, ObjectKey, Space, StoreError};

/// Time of a new store's clock, 2026-01-01 00:00:00 UTC.
const CLOCK_START_SECONDS: u64 = 1_767_225_600;

/// Objects in one page of a listing: few, so that users of the store meet a second page in tests.
const PAGE_ENTRIES: usize = 100;

/// A [`BlobStore`] in memory. Strict where others may be lax, with a clock that is moved by hand, and with
/// ways to damage what it holds.
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Clone)]
struct State {
    objects: BTreeMap<ObjectKey, Object>,
    clock_seconds: u64,
    capacity_bytes: Option<u64>,
    page_entries: usize,
}

#[derive(Clone)]
struct Object {
    bytes: Arc<[u8]>,
    stored_seconds: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("objects", &self.lock().objects.len()).finish()
    }
}

impl MemoryStore {
    /// Empty and without end.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                objects: BTreeMap::new(),
                clock_seconds: CLOCK_START_SECONDS,
                capacity_bytes: None,
                page_entries: PAGE_ENTRIES,
            }),
        }
    }

    /// Full at so many bytes.
    #[must_use]
    pub fn with_capacity_bytes(self, bytes: u64) -> Self {
        self.lock().capacity_bytes = Some(bytes);
        self
    }

    /// With pages of at most `entries` objects.
    #[must_use]
    pub fn with_page_entries(self, entries: std::num::NonZeroUsize) -> Self {
        self.lock().page_entries = entries.get();
        self
    }

    /// A second store that holds the same and shares nothing.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { state: Mutex::new(self.lock().clone()) }
    }

    /// Sets the clock.
    pub fn set_clock_seconds(&self, seconds: u64) {
        self.lock().clock_seconds = seconds;
    }

    /// Moves the clock on.
    pub fn advance_clock(&self, seconds: u64) {
        self.lock().clock_seconds += seconds;
    }

    /// All names, sorted.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.lock().objects.keys().cloned().collect()
    }

    /// Changes an object behind the users' backs, as a bad disk does; the object keeps its time.
    ///
    /// # Panics
    /// There is no such object.
    pub fn damage(&self, key: &ObjectKey, damage: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        let object = state.objects.get_mut(key).expect("the object to damage is there");
        let mut bytes = object.bytes.to_vec();
        damage(&mut bytes);
        object.bytes = bytes.into();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this")
    }

    fn bytes_of(&self, key: &ObjectKey) -> Result<Arc<[u8]>, StoreError> {
        match self.lock().objects.get(key) {
            Some(object) => Ok(Arc::clone(&object.bytes)),
            None => Err(StoreError::Absent { key: key.clone(), location: self.location() }),
        }
    }

    fn failed(&self, action: &'static str, object: &str, kind: io::ErrorKind) -> StoreError {
        StoreError::Io { action, object: object.to_owned(), location: self.location(), source: kind.into() }
    }

    fn start_of(&self, prefix: &str) -> Result<String, StoreError> {
        folder_start(prefix).ok_or_else(|| self.failed("list", prefix, io::ErrorKind::InvalidInput))
    }
}

impl State {
    fn stored_bytes(&self) -> u64 {
        self.objects.values().map(|object| object.bytes.len() as u64).sum()
    }

    /// The objects whose names begin with `start`, later than `after`.
    fn from<'s>(
        &'s self,
        start: &'s str,
        after: Option<&'s ObjectKey>,
    ) -> impl Iterator<Item = (&'s ObjectKey, &'s Object)> {
        let lower = match after.map(ObjectKey::as_str) {
            Some(after) if after > start => Bound::Excluded(after),
            Some(_) | None => Bound::Included(start),
        };
        self.objects
            .range::<str, _>((lower, Bound::Unbounded))
            .take_while(move |(key, _)| key.as_str().starts_with(start))
    }

    /// Whether `key` is a folder of another name or one of its folders is an object.
    fn collides(&self, key: &ObjectKey) -> bool {
        let text = key.as_str();
        self.from(&format!("{text}/"), None).next().is_some()
            || text.match_indices('/').any(|(end, _)| self.objects.contains_key(&text[..end]))
    }
}

impl BlobStore for MemoryStore {
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.objects.contains_key(key) {
            return Err(StoreError::Exists { key: key.clone(), location: self.location() });
        }
        if state.collides(key) {
            return Err(self.failed("put", key.as_str(), io::ErrorKind::NotADirectory));
        }
        let bytes: Arc<[u8]> = parts.concat().into();
        let fits = |capacity| state.stored_bytes() + bytes.len() as u64 <= capacity;
        if !state.capacity_bytes.is_none_or(fits) {
            return Err(StoreError::Full { key: key.clone(), location: self.location() });
        }
        let stored_seconds = state.clock_seconds;
        state.objects.insert(key.clone(), Object { bytes, stored_seconds });
        Ok(())
    }

    fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let content = self.bytes_of(key)?;
        let bytes = content.len() as u64;
        if bytes > bytes_max {
            return Err(StoreError::TooLarge { key: key.clone(), bytes, bytes_max });
        }
        Ok(content.to_vec())
    }

    fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let content = self.bytes_of(key)?;
        let bytes = content.len() as u64;
        if bytes < range.end {
            return Err(StoreError::Short { key: key.clone(), bytes, wanted: range.end });
        }
        let place = |at: u64| usize::try_from(at).expect("it lies within what is in memory");
        Ok(content.get(place(range.start.min(bytes))..place(range.end)).unwrap_or_default().to_vec())
    }

    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.get(key, bytes_max)
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        Ok(self.lock().objects.get(key).map(|object| object.bytes.len() as u64))
    }

    fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
        let start = self.start_of(prefix)?;
        let state = self.lock();
        let mut objects = state.from(&start, after);
        let entries = objects
            .by_ref()
            .take(state.page_entries)
            .map(|(key, object)| ObjectEntry {
                key: key.clone(),
                bytes: object.bytes.len() as u64,
                stored_seconds: object.stored_seconds,
            })
            .collect();
        Ok(Listing { entries, more: objects.next().is_some() })
    }

    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let start = self.start_of(prefix)?;
        let state = self.lock();
        let mut names: Vec<String> = state
            .from(&start, None)
            .map(|(key, _)| {
                let rest = &key.as_str()[start.len()..];
                rest.find('/').map_or(rest, |end| &rest[..=end]).to_owned()
            })
            .collect();
        names.dedup();
        Ok(names)
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.lock().objects.remove(key);
        Ok(())
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        let state = self.lock();
        Ok(state.capacity_bytes.map(|total_bytes| Space {
            free_bytes: total_bytes.saturating_sub(state.stored_bytes()),
            total_bytes,
        }))
    }

    fn clock_seconds(&self) -> Result<u64, StoreError> {
        Ok(self.lock().clock_seconds)
    }

    fn location(&self) -> String {
        "memory".to_owned()
    }
}
