//! The trait every store implements, and what its callers may rely on.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::{ObjectKey, StoreError};

/// A store of whole objects. Calls block; a store may be used by many threads at once.
///
/// What holds for each store, and is proven for each by the conformance suite:
/// - An object appears whole or not at all, and is durable when `put` returns.
/// - An object is never changed: `put` to a taken name is refused ([`StoreError::Exists`]) where the
///   store can tell. Names have one writer, so nothing *depends* on that; it is an alarm.
/// - After a failed `put` the object is absent or whole; the caller may try again.
/// - A folder is there as long as an object is below it. No object's name is also a folder of
///   another's; a store may refuse such a name.
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Stores `parts`, one after the other, as one object, durably.
    ///
    /// # Errors
    /// The name is taken → `Exists`; no room → `Full`; anything else → `Io`.
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError>;

    /// The whole object, refused when larger than `bytes_max`.
    ///
    /// # Errors
    /// No such object → `Absent`; larger than `bytes_max` → `TooLarge`.
    fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError>;

    /// The bytes of `range`; an object that ends before `range.end` → `Short`.
    ///
    /// # Errors
    /// As [`BlobStore::get`].
    fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError>;

    /// Like [`BlobStore::get`], from the medium: past our own and the kernel's cache, so that what
    /// is proven is what lies there.
    ///
    /// # Errors
    /// As [`BlobStore::get`].
    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError>;

    /// Size of the object in bytes, or `None` when there is none.
    ///
    /// # Errors
    /// The store cannot tell → `Io`.
    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError>;

    /// One page of the objects whose names begin with the folder `prefix` (without a final `/`; ""
    /// is all), in byte order of their names, later than `after`. Unfinished writes are never listed.
    ///
    /// # Errors
    /// The store cannot tell → `Io`. An absent folder is an empty page.
    fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError>;

    /// Names of the folders and objects directly under `prefix`, sorted; folders end in `/`.
    ///
    /// # Errors
    /// The store cannot tell → `Io`. An absent folder is empty.
    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Removes the object; an absent one counts as removed.
    ///
    /// # Errors
    /// The store refuses → `Io`.
    fn delete(&self, key: &ObjectKey) -> Result<(), StoreError>;

    /// Room left, where the store has an end.
    ///
    /// # Errors
    /// The store cannot tell → `Io`.
    fn space(&self) -> Result<Option<Space>, StoreError>;

    /// The store's own time in seconds since 1970, by which graces and renewals are measured.
    ///
    /// # Errors
    /// The store cannot tell → `Io`.
    fn clock_seconds(&self) -> Result<u64, StoreError>;

    /// Where the store is, for messages; no secrets.
    fn location(&self) -> String;
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The objects, sorted by name.
    pub entries: Vec<ObjectEntry>,
    /// Whether there are more after the last entry.
    pub more: bool,
}

/// One object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEntry {
    /// Its name.
    pub key: ObjectKey,
    /// Its size.
    pub bytes: u64,
    /// When it was stored, by the store's clock, in seconds since 1970.
    pub stored_seconds: u64,
}

/// Room of a store, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Size of the whole.
    pub total_bytes: u64,
}

/// Implements the trait for a pointer to a store by asking the store.
macro_rules! ask_the_store_behind {
    ($pointer:ty) => {
        impl<S: BlobStore + ?Sized> BlobStore for $pointer {
            fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
                (**self).put(key, parts)
            }
            fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
                (**self).get(key, bytes_max)
            }
            fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
                (**self).get_range(key, range)
            }
            fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
                (**self).get_from_medium(key, bytes_max)
            }
            fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
                (**self).size(key)
            }
            fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
                (**self).list(prefix, after)
            }
            fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
                (**self).list_folder(prefix)
            }
            fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
                (**self).delete(key)
            }
            fn space(&self) -> Result<Option<Space>, StoreError> {
                (**self).space()
            }
            fn clock_seconds(&self) -> Result<u64, StoreError> {
                (**self).clock_seconds()
            }
            fn location(&self) -> String {
                (**self).location()
            }
        }
    };
}

ask_the_store_behind!(&S);
ask_the_store_behind!(Box<S>);
ask_the_store_behind!(Arc<S>);
