//! Map frames of a repository.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| repository::fuzzing::block_map(bytes));
