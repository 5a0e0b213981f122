//! Fuzz targets that need only what their crates show. The tests of those crates include the same files and run
//! the seeds in `corpus/` through them.

mod rpc_request;
mod wal_name;

pub use rpc_request::rpc_request;
pub use wal_name::wal_name;
