//! What holds for every name and position in the WAL.

mod fuzz_seeds;
mod properties;
