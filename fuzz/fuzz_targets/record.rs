//! Headers, records, wraps, key files and names of a repository.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| repository::fuzzing::record(bytes));
