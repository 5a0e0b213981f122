//! The bytes of format 1, as `docs/format/` describes them. Pure: no I/O, no clock.

pub(crate) mod block_map;
pub(crate) mod bytes;
pub(crate) mod file_table;
pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod manifest;
pub(crate) mod pack_index;
