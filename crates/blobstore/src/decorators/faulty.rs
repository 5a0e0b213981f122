//! A store that fails, lies, stalls and fills up, as told.

mod stall;
mod trigger;

use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use crate::{BlobStore, Listing, ObjectKey, Space, StoreError};
pub use stall::Stall;
pub use trigger::{Operation, Trigger};

/// What goes wrong with one call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It fails with this kind of error, and nothing is done.
    Fail(io::ErrorKind),
    /// It is done, and fails with this kind of error: an answer lost on the way.
    FailAfter(io::ErrorKind),
    /// The store says that it has no room.
    Full,
    /// A put or delete says that it is done, and it is not. A reading call fails as if the object were absent; a
    /// listing is empty.
    Lost,
    /// The bytes end after so many: stored so while the put says that all is well, or read so.
    Cut(usize),
    /// The lowest bit of this byte (counted round again past the end) is turned: stored so while
    /// the put says that all is well, or read so.
    Flip(usize),
    /// It is done twice, as after a lost answer that nobody noticed: the second put finds the name taken and
    /// says so; a listing has each entry twice.
    Twice,
    /// It waits until it is let go, then goes on well.
    Stall(Stall),
}

/// Wraps a store and does what its faults say; else it is the store.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<(Trigger, Fault)>,
    log: Vec<(Operation, String)>,
}

impl<S: BlobStore> FaultyStore<S> {
    /// Without faults.
    pub fn new(inner: S) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// From now on the calls that `trigger` meets go wrong; of several faults for a call, the first counts.
    pub fn inject(&self, trigger: Trigger, fault: Fault) {
        self.lock().faults.push((trigger, fault));
    }

    /// From now on nothing goes wrong.
    pub fn mend(&self) {
        self.lock().faults.clear();
    }

    /// Every call so far with its object or folder, in order.
    pub fn log(&self) -> Vec<(Operation, String)> {
        self.lock().log.clone()
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this")
    }

    /// Notes the call down and says what goes wrong with it.
    fn meet(&self, operation: Operation, object: &str) -> Option<Fault> {
        let mut state = self.lock();
        state.log.push((operation, object.to_owned()));
        let mut fault = None;
        for (trigger, injected) in &mut state.faults {
            // Each trigger counts every call that it matches, also when another fault comes first.
            if trigger.meets(operation, object) && fault.is_none() {
                fault = Some(injected.clone());
            }
        }
        fault
    }

    fn error(&self, action: &'static str, object: &str, kind: io::ErrorKind) -> StoreError {
        StoreError::Io { action, object: object.to_owned(), location: self.location(), source: kind.into() }
    }

    /// A call that stores nothing, changes nothing and returns no bytes of an object.
    fn ask<T>(
        &self,
        operation: Operation,
        object: &str,
        lost: impl FnOnce() -> Result<T, StoreError>,
        ask: impl Fn() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let full = || self.error(operation.verb(), object, io::ErrorKind::StorageFull);
        match self.meet(operation, object) {
            None | Some(Fault::Cut(_) | Fault::Flip(_)) => ask(),
            Some(Fault::Fail(kind) | Fault::FailAfter(kind)) => {
                Err(self.error(operation.verb(), object, kind))
            }
            Some(Fault::Full) => Err(full()),
            Some(Fault::Lost) => lost(),
            Some(Fault::Twice) => ask().and_then(|_| ask()),
            Some(Fault::Stall(stall)) => {
                stall.wait();
                ask()
            }
        }
    }

    fn fetch(
        &self,
        operation: Operation,
        key: &ObjectKey,
        fetch: impl Fn() -> Result<Vec<u8>, StoreError>,
    ) -> Result<Vec<u8>, StoreError> {
        let verb = operation.verb();
        match self.meet(operation, key.as_str()) {
            None | Some(Fault::Twice) => fetch(),
            Some(Fault::Fail(kind) | Fault::FailAfter(kind)) => Err(self.error(verb, key.as_str(), kind)),
            Some(Fault::Full) => Err(self.error(verb, key.as_str(), io::ErrorKind::StorageFull)),
            Some(Fault::Lost) => Err(StoreError::Absent { key: key.clone(), location: self.location() }),
            Some(Fault::Cut(bytes)) => fetch().map(|content| cut(content, bytes)),
            Some(Fault::Flip(byte)) => fetch().map(|content| flip(content, byte)),
            Some(Fault::Stall(stall)) => {
                stall.wait();
                fetch()
            }
        }
    }
}

fn cut(mut content: Vec<u8>, bytes: usize) -> Vec<u8> {
    content.truncate(bytes);
    content
}

fn flip(mut content: Vec<u8>, byte: usize) -> Vec<u8> {
    if !content.is_empty() {
        let place = byte % content.len();
        content[place] ^= 1;
    }
    content
}

impl<S: BlobStore> BlobStore for FaultyStore<S> {
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
        match self.meet(Operation::Put, key.as_str()) {
            None => self.inner.put(key, parts),
            Some(Fault::Fail(kind)) => Err(self.error("put", key.as_str(), kind)),
            Some(Fault::FailAfter(kind)) => {
                self.inner.put(key, parts)?;
                Err(self.error("put", key.as_str(), kind))
            }
            Some(Fault::Full) => Err(StoreError::Full { key: key.clone(), location: self.location() }),
            Some(Fault::Lost) => Ok(()),
            Some(Fault::Cut(bytes)) => self.inner.put(key, &[&cut(parts.concat(), bytes)]),
            Some(Fault::Flip(byte)) => self.inner.put(key, &[&flip(parts.concat(), byte)]),
            Some(Fault::Twice) => self.inner.put(key, parts).and_then(|()| self.inner.put(key, parts)),
            Some(Fault::Stall(stall)) => {
                stall.wait();
                self.inner.put(key, parts)
            }
        }
    }

    fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.fetch(Operation::Get, key, || self.inner.get(key, bytes_max))
    }

    fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        self.fetch(Operation::GetRange, key, || self.inner.get_range(key, range.clone()))
    }

    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.fetch(Operation::GetFromMedium, key, || self.inner.get_from_medium(key, bytes_max))
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.ask(Operation::Size, key.as_str(), || Ok(None), || self.inner.size(key))
    }

    fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
        let twice = |listing: Listing| Listing {
            entries: listing.entries.into_iter().flat_map(|entry| [entry.clone(), entry]).collect(),
            more: listing.more,
        };
        match self.meet(Operation::List, prefix) {
            None | Some(Fault::Flip(_)) => self.inner.list(prefix, after),
            Some(Fault::Fail(kind) | Fault::FailAfter(kind)) => Err(self.error("list", prefix, kind)),
            Some(Fault::Full) => Err(self.error("list", prefix, io::ErrorKind::StorageFull)),
            Some(Fault::Lost) => Ok(Listing { entries: Vec::new(), more: false }),
            Some(Fault::Cut(entries)) => self.inner.list(prefix, after).map(|mut listing| {
                listing.entries.truncate(entries);
                Listing { more: false, ..listing }
            }),
            Some(Fault::Twice) => self.inner.list(prefix, after).map(twice),
            Some(Fault::Stall(stall)) => {
                stall.wait();
                self.inner.list(prefix, after)
            }
        }
    }

    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let lost = || Ok(Vec::new());
        self.ask(Operation::ListFolder, prefix, lost, || self.inner.list_folder(prefix))
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match self.meet(Operation::Delete, key.as_str()) {
            None | Some(Fault::Cut(_) | Fault::Flip(_)) => self.inner.delete(key),
            Some(Fault::Fail(kind)) => Err(self.error("delete", key.as_str(), kind)),
            Some(Fault::FailAfter(kind)) => {
                self.inner.delete(key)?;
                Err(self.error("delete", key.as_str(), kind))
            }
            Some(Fault::Full) => Err(self.error("delete", key.as_str(), io::ErrorKind::StorageFull)),
            Some(Fault::Lost) => Ok(()),
            Some(Fault::Twice) => self.inner.delete(key).and_then(|()| self.inner.delete(key)),
            Some(Fault::Stall(stall)) => {
                stall.wait();
                self.inner.delete(key)
            }
        }
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.ask(Operation::Space, "", || Ok(None), || self.inner.space())
    }

    fn clock_seconds(&self) -> Result<u64, StoreError> {
        self.ask(Operation::ClockSeconds, "", || Ok(0), || self.inner.clock_seconds())
    }

    fn location(&self) -> String {
        self.inner.location()
    }
}
