//! What tests of several crates need: throwaway PostgreSQL servers, certificates, a TCP proxy that misbehaves, and
//! child processes that do not outlive their test.
//!
//! A dev-dependency only; nothing here is shipped. Whatever a value starts ends with it, also when the test panics.
//!
//! ```no_run
//! use testkit::postgres::{Cluster, Installation};
//!
//! let cluster = Cluster::builder(&Installation::debian15()?).setting("wal_level", "logical").start()?;
//! assert_eq!(cluster.psql("SHOW wal_level")?, "logical");
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod postgres;

pub mod proxy;
pub mod tls;

pub mod process;
