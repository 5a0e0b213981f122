//! A write load that goes on until it is dropped.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testkit::postgres::Cluster;
use testkit::process::{ChildGuard, wait_for};

/// pgbench, running.
#[derive(Debug)]
pub struct Load {
    process: ChildGuard,
}

impl Load {
    /// Starts two clients with at most `rate` transactions per second together, and waits for their first.
    ///
    /// # Errors
    /// pgbench does not start, or ends.
    pub fn start(cluster: &Cluster, rate: u32) -> Result<Self> {
        let mut command = cluster.client("pgbench");
        command.args(["-n", "-c", "2", "-T", "3600", "-R", &rate.to_string(), "postgres"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut load = Self { process: ChildGuard::spawn(&mut command)? };
        let before = history_rows(cluster)?;
        load.wait_for_rows(cluster, before + 1)?;
        Ok(load)
    }

    /// Waits until `pgbench_history` has so many rows.
    ///
    /// # Errors
    /// The load ended, or is too slow.
    pub fn wait_for_rows(&mut self, cluster: &Cluster, rows: u64) -> Result<()> {
        wait_for("the load", Duration::from_secs(30), || {
            if let Some(status) = self.process.try_wait()? {
                bail!("pgbench ended with {status}");
            }
            Ok((history_rows(cluster)? >= rows).then_some(()))
        })
    }

    /// Waits for `transactions` more, so that something happened between two points.
    ///
    /// # Errors
    /// The load ended, or is too slow.
    pub fn wait_for_more(&mut self, cluster: &Cluster, transactions: u64) -> Result<()> {
        let rows = history_rows(cluster)?;
        self.wait_for_rows(cluster, rows + transactions)
    }
}

fn history_rows(cluster: &Cluster) -> Result<u64> {
    cluster.psql("SELECT count(*) FROM pgbench_history")?.parse().context("count the history")
}
