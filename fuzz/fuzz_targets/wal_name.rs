//! Names and positions in PostgreSQL's write-ahead log.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backstop_fuzz::wal_name(bytes));
