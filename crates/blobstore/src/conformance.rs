//! What every store must do, as one suite.
//!
//! ```
//! # use blobstore::{MemoryStore, conformance};
//! conformance::check(&MemoryStore::new());
//! ```

mod listings;
mod objects;

use crate::{BlobStore, ObjectKey};

/// One requirement and its check. A check works in a folder of its own, so that one store takes them all.
pub type Check = (&'static str, fn(&dyn BlobStore, &Folder));

/// All requirements.
pub const CHECKS: &[Check] = &[
    ("an object in parts comes back whole", objects::whole),
    ("an empty object is an object", objects::empty),
    ("a large object comes back from the medium", objects::large),
    ("a taken name is refused and stays as it is", objects::create_only),
    ("an absent object is absent to every call", objects::absent),
    ("an object larger than the bound is refused", objects::bounds),
    ("a range ends within the object", objects::ranges),
    ("a deleted object is gone and its name is free", objects::deletion),
    ("of eight writers of one name one wins, whole", objects::race),
    ("the clock goes on and dates the objects", objects::clock),
    ("what is free is no more than all", objects::space),
    ("a listing is in byte order of whole names", listings::order),
    ("a listing holds the folder and nothing else", listings::folder),
    ("pages join without gap or repetition", listings::pages),
    ("a listing goes on after any name", listings::after),
    ("a folder shows what is directly in it", listings::names),
    ("a folder goes with its last object", listings::emptied),
    ("what is no folder's name is refused", listings::refused),
];

/// Runs all checks on an empty store, or on one that holds nothing below `conformance-…`.
///
/// # Panics
/// The store breaks a requirement; the message says which.
pub fn check(store: &dyn BlobStore) {
    for (index, (requirement, check)) in CHECKS.iter().enumerate() {
        let folder = Folder(format!("conformance-{index}"));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(store, &folder)));
        assert!(outcome.is_ok(), "{}: {requirement}: broken, see above", store.location());
    }
}

/// The folder in which one check works.
#[derive(Debug)]
pub struct Folder(String);

impl Folder {
    fn name(&self) -> &str {
        &self.0
    }

    fn key(&self, rest: &str) -> ObjectKey {
        format!("{}/{rest}", self.0).parse().expect("the suite's names are names")
    }

    fn put_all(&self, store: &dyn BlobStore, names: &[&str]) {
        for name in names {
            store.put(&self.key(name), &[name.as_bytes()]).expect("a free name is taken");
        }
    }
}
