//! Whole objects by name: put, get, list, delete. The only code that touches a repository's files.
//!
//! [`BlobStore`] is what a store must do; [`LocalStore`] does it in a folder of a local disk.
//! [`RetryStore`] and [`ThrottleStore`] wrap any store. [`durable`] is the only place where files are
//! created, renamed, synced and removed; other crates that write files go through it.
//!
//! Not a file system: no appending, no renaming, no changing, no locks. Not a cache either.
//!
//! With the feature `testing`: stores that live in memory, fail, lie and crash, and the conformance
//! suite that every store passes.
//!
//! ```
//! use blobstore::{BlobStore, LocalStore, ObjectKey, StoreError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let root = folder.path().join("repository");
//! let store = LocalStore::create(&root)?;
//! let key: ObjectKey = "pg-1/sets/7.ab/pack-000001".parse()?;
//! store.put(&key, &[b"header", b"frames"])?; // on disk when this returns
//! assert_eq!(store.get_from_medium(&key, 1024)?, b"headerframes");
//! assert!(matches!(store.put(&key, &[b"other"]), Err(StoreError::Exists { .. })));
//! assert_eq!(store.list("pg-1", None)?.entries[0].bytes, 12);
//! # Ok(())
//! # }
//! ```

mod error;
mod key;
mod store;

mod aligned;
pub mod durable;
mod local;

mod decorators;
mod timer;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
#[cfg(any(test, feature = "testing"))]
mod memory;

#[cfg(any(test, feature = "testing"))]
pub use decorators::{CrashStore, Fault, FaultyStore, Operation, Stall, Trigger};
pub use decorators::{RetryPolicy, RetryStore, ThrottleStore};
pub use error::{Retry, StoreError};
pub use key::{KeyError, ObjectKey};
pub use local::LocalStore;
#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryStore;
pub use store::{BlobStore, Listing, ObjectEntry, Space};
#[cfg(any(test, feature = "testing"))]
pub use timer::ManualTimer;
pub use timer::{SystemTimer, Timer};
