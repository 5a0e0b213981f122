//! Every store passes the suite, also wrapped in every decorator.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use blobstore::{
    BlobStore, CrashStore, FaultyStore, LocalStore, ManualTimer, MemoryStore, RetryPolicy, RetryStore,
    ThrottleStore, conformance,
};

#[test]
fn a_local_store_conforms() {
    let root = tempfile::tempdir().unwrap();
    conformance::check(&LocalStore::open(root.path()).unwrap());
}

#[test]
fn a_local_store_with_small_pages_conforms() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    conformance::check(&store.with_page_entries(NonZeroUsize::new(7).unwrap()));
}

/// A file system in memory: many kernels know no direct I/O for it.
#[test]
fn a_local_store_in_shared_memory_conforms() {
    let Ok(root) = tempfile::tempdir_in("/dev/shm") else { return };
    conformance::check(&LocalStore::open(root.path()).unwrap());
}

#[test]
fn a_memory_store_conforms() {
    conformance::check(&MemoryStore::new());
    conformance::check(&MemoryStore::new().with_page_entries(NonZeroUsize::new(7).unwrap()));
    conformance::check(&MemoryStore::new().with_capacity_bytes(1 << 30));
}

#[test]
fn every_decorator_conforms() {
    let timer = Arc::new(ManualTimer::new());
    let rate = NonZeroU64::new(1000).unwrap();
    conformance::check(&RetryStore::new(MemoryStore::new(), RetryPolicy::default(), timer.clone()));
    conformance::check(&ThrottleStore::new(MemoryStore::new(), rate, timer.clone()));
    conformance::check(&FaultyStore::new(MemoryStore::new()));
    conformance::check(&CrashStore::holding(&MemoryStore::new()));
    let stacked: Box<dyn BlobStore> =
        Box::new(RetryStore::new(Arc::new(MemoryStore::new()), RetryPolicy::default(), timer));
    conformance::check(&stacked);
}
