//! Throwaway PostgreSQL servers.

mod builder;
mod cluster;
mod installation;

pub use builder::ClusterBuilder;
pub use cluster::{Cluster, StopMode};
pub use installation::Installation;
