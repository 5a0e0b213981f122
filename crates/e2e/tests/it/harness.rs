//! The yardsticks themselves: what is equal is found equal, and what is not is found.

use std::path::Path;

use anyhow::{Result, ensure};
use e2e::{Access, IndependentCopy, Load, Restored, Source, Turn, difference};
use testkit::postgres::{Cluster, Installation};

#[test]
fn a_copy_that_was_rolled_forward_equals_its_source_until_a_row_changes() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    source.fill(1)?;
    let copy = IndependentCopy::make(&source, &[])?;
    let mut load = Load::start(&source.cluster, 200)?;
    load.wait_for_more(&source.cluster, 20)?;
    drop(load);
    let stop = source.cluster.psql("SELECT pg_current_wal_insert_lsn()")?;
    // Behind the position: must not be in the copy.
    let behind =
        source.cluster.psql("BEGIN; UPDATE quiet SET text = 'behind' WHERE n = 7; ROLLBACK; SELECT 1")?;
    ensure!(behind == "1");
    let rolled = copy.roll_forward(&source, &stop)?;
    ensure!(difference(&source.cluster, &rolled)?.is_empty(), "{:?}", difference(&source.cluster, &rolled)?);

    source.cluster.psql("UPDATE quiet SET text = 'other' WHERE n = 7")?;
    let differences = difference(&source.cluster, &rolled)?;
    let tables: Vec<&str> = differences.iter().map(|(table, ..)| table.as_str()).collect();
    ensure!(tables == ["postgres: public.quiet"], "{differences:?}");
    Ok(())
}

#[test]
fn a_directory_that_is_no_cluster_is_seen_to_be_refused() -> Result<()> {
    let _turn = Turn::wait()?;
    let refusal = Restored::refuse(&Installation::find(15)?, Path::new("/nonexistent"))?;
    ensure!(refusal.log.contains("/nonexistent"), "{}", refusal.log);
    Ok(())
}
