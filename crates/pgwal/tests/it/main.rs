//! Properties of the WAL's names and positions that hold for every value.

mod properties;
