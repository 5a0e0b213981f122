//! Indexes and trailers of packs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| repository::fuzzing::pack_index(bytes));
