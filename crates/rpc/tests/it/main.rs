//! Tests of the wire contract through the crate's public face.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod captured;
mod checks;
mod fuzz_seeds;
mod properties;
mod registry;
mod tampering;
mod vectors;
