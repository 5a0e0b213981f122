//! The stores from outside, as the rest of Backstop uses them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod conformance;
mod decorators;
mod leftovers;
mod local;
mod model;
mod testing;

use blobstore::ObjectKey;

fn key(name: &str) -> ObjectKey {
    name.parse().expect("the tests' names are names")
}
