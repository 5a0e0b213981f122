//! Backups of every supported version and of awkward clusters, restored, and judged by PostgreSQL itself.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    Access, Backstop, IndependentCopy, Load, Restored, Source, Tree, Turn, Watched, difference, fingerprints,
    flip_byte, tree,
};
use serde_json::Value;
use testkit::postgres::{Cluster, Installation};
use testkit::process::{ServerUser, run};

const JOB_TIMEOUT: Duration = Duration::from_mins(2);

/// Slow enough that much happens to the source while it is copied.
const SLOW_BYTES_PER_SECOND: &str = "25000000";

#[test]
fn version_14_under_load_equals_an_independent_copy() -> Result<()> {
    under_load(14, Access::Peer)
}

#[test]
fn version_15_under_load_equals_an_independent_copy() -> Result<()> {
    under_load(15, Access::Peer)
}

#[test]
fn version_16_under_load_equals_an_independent_copy() -> Result<()> {
    under_load(16, Access::ScramVerifyFull)
}

#[test]
fn version_17_under_load_equals_an_independent_copy() -> Result<()> {
    under_load(17, Access::Peer)
}

#[test]
fn version_18_under_load_equals_an_independent_copy() -> Result<()> {
    under_load(18, Access::ScramVerifyFull)
}

/// While a source is written to and copied, one of its databases is dropped, another created, a table truncated and
/// one rewritten. The restored set must equal a copy that PostgreSQL rolled forward to the set's stop position.
fn under_load(major: u32, access: Access) -> Result<()> {
    let _turn = Turn::wait()?;
    let builder = Cluster::builder(&Installation::find(major)?);
    // With checksums every other version; 18 has them by default.
    let source =
        Source::start(if major.is_multiple_of(2) { builder.with_checksums() } else { builder }, access)?;
    source.fill(3)?;
    let sql = |sql: &str| source.cluster.psql(sql);
    let old = source.cluster.directory("tablespace")?;
    sql(&format!("CREATE TABLESPACE fast LOCATION '{}'", old.display()))?;
    sql("CREATE TABLE placed TABLESPACE fast AS SELECT n, md5(n::text) FROM generate_series(1, 5000) AS n")?;
    sql("CREATE TABLE truncated AS SELECT n, md5(n::text) FROM generate_series(1, 50000) AS n")?;
    sql("CREATE DATABASE doomed")?;
    source.cluster.psql_in("doomed", "CREATE TABLE gone AS SELECT generate_series(1, 100000) AS n")?;
    let copied = source.cluster.directory("tablespace-copy")?;
    let copy = IndependentCopy::make(&source, &[(old.clone(), copied)])?;

    let mut backstop = Backstop::init(&format!("matrix-{major}"))?;
    backstop.set("BACKSTOP_BYTES_PER_SECOND_MAX", SLOW_BYTES_PER_SECOND);
    backstop.serve()?;
    backstop.register("orders", &source)?;
    let mut load = Load::start(&source.cluster, 150)?;
    let rows_before = history_rows(&sql("SELECT count(*) FROM pgbench_history")?)?;
    let job = backstop.create_backup("orders", &[])?;
    let mut watched = Watched::default();
    let copying = ("Uploading", "Uploading");
    backstop.watch_until("orders", &job, JOB_TIMEOUT, &mut watched, |job| {
        job.state() == copying && job.process > 15
    })?;
    sql("DROP DATABASE doomed")?;
    let strategy = if major < 15 { "" } else { " STRATEGY = FILE_COPY" };
    sql(&format!("CREATE DATABASE newborn{strategy}"))?;
    source.cluster.psql_in("newborn", "CREATE TABLE fresh AS SELECT generate_series(1, 20000) AS n")?;
    sql("TRUNCATE truncated; INSERT INTO truncated SELECT n, 'again' FROM generate_series(1, 1000) AS n")?;
    sql("VACUUM FULL documents")?;
    load.wait_for_more(&source.cluster, 20)?;
    ensure!(backstop.job("orders", &job)?.state() == copying, "the copy was over before the changes were");
    backstop.watch_until("orders", &job, JOB_TIMEOUT, &mut watched, |job| job.status == "Finished")?;
    let rows_after = history_rows(&sql("SELECT count(*) FROM pgbench_history")?)?;
    drop(load);
    let set = watched.last()?.backup.clone().context("a BackupId")?;
    let report = backstop.report(&job)?;
    ensure!(report["BadPageCount"] == 0, "{report}");

    let new = backstop.place("tablespace");
    let restored = restore_and_start(&backstop, &source, &set, &[(&old, &new)])?;
    let stop = report["StopPosition"].as_str().context("no StopPosition")?;
    let judge = copy.roll_forward(&source, stop)?;
    let differences = difference(&judge, &restored)?;
    ensure!(differences.is_empty(), "the restored set differs from the copy at {stop}: {differences:?}");
    check_pgbench(&restored, rows_before, rows_after)?;
    ensure!(restored.psql("SHOW archive_mode")? == "off", "a restored server must not archive");
    ensure!(restored.psql("SELECT count(*) FROM truncated WHERE md5 = 'again'")? == "1000");
    check_indexes(&restored)
}

fn history_rows(text: &str) -> Result<u64> {
    text.parse().context("count the history")
}

/// Restores a set beside the home and starts it.
fn restore_and_start(
    backstop: &Backstop,
    source: &Source,
    set: &str,
    tablespaces: &[(&Path, &Path)],
) -> Result<Restored> {
    let target = backstop.place("restored");
    restore(backstop, set, &target, tablespaces)?;
    Restored::start(source.cluster.installation(), &target, &["-c", "ssl=off"])
}

fn restore(backstop: &Backstop, set: &str, target: &Path, tablespaces: &[(&Path, &Path)]) -> Result<Value> {
    let mut arguments = vec!["restore".to_owned(), "orders".to_owned()];
    arguments.extend([
        "--backup".to_owned(),
        set.to_owned(),
        "--target".to_owned(),
        target.display().to_string(),
    ]);
    for (old, new) in tablespaces {
        arguments.extend(["--tablespace".to_owned(), format!("{}={}", old.display(), new.display())]);
    }
    backstop.cli(&arguments)?.done()
}

/// Each balance is what its history says, and the history ends during the backup.
fn check_pgbench(restored: &Restored, rows_before: u64, rows_after: u64) -> Result<()> {
    let rows = history_rows(&restored.psql("SELECT count(*) FROM pgbench_history")?)?;
    ensure!(
        (rows_before..=rows_after).contains(&rows),
        "{rows} rows, {rows_before} before, {rows_after} after"
    );
    for (table, column) in [("accounts", "a"), ("tellers", "t"), ("branches", "b")] {
        let wrong = restored.psql(&format!(
            "SELECT count(*) FROM pgbench_{table} AS held LEFT JOIN
                 (SELECT {column}id, sum(delta) AS delta FROM pgbench_history GROUP BY 1) AS history USING ({column}id)
             WHERE held.{column}balance <> coalesce(history.delta, 0)"
        ))?;
        ensure!(wrong == "0", "{wrong} balances of pgbench_{table} are not the sum of their history");
    }
    Ok(())
}

/// Each index leads to each row, by PostgreSQL's own judgement.
fn check_indexes(restored: &Restored) -> Result<()> {
    run(restored.client("pg_amcheck").args(["--install-missing", "--heapallindexed", "--all"]))?;
    Ok(())
}

/// A service with one backup of a source.
fn backed_up(name: &str, source: &Source) -> Result<(Backstop, String, Value)> {
    let mut backstop = Backstop::init(name)?;
    backstop.serve()?;
    backstop.register("orders", source)?;
    let job = backstop.create_backup("orders", &[])?;
    let (set, _) = backstop.finish("orders", &job, Duration::from_mins(5))?;
    let report = backstop.report(&job)?;
    Ok((backstop, set, report))
}

#[test]
fn a_restore_beside_the_running_source_leaves_it_untouched() -> Result<()> {
    let _turn = Turn::wait()?;
    let source =
        Source::start(Cluster::builder(&Installation::find(15)?).setting("autovacuum", "off"), Access::Peer)?;
    source.fill(1)?;
    let old = source.cluster.directory("tablespace")?;
    source.cluster.psql(&format!("CREATE TABLESPACE fast LOCATION '{}'", old.display()))?;
    source
        .cluster
        .psql("CREATE TABLE placed TABLESPACE fast AS SELECT n FROM generate_series(1, 5000) AS n")?;
    let (mut backstop, set, _) = backed_up("matrix-beside", &source)?;
    backstop.stop()?;
    // Reading everything once leaves nothing for later readers to note in the pages.
    fingerprints(&source.cluster)?;
    source.cluster.psql("CHECKPOINT")?;
    let before = (tree(&old)?, tree(source.cluster.data_dir())?);
    let place = backstop.place("restores");
    fs::create_dir(&place)?;
    fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let target = place.join("restored");

    refuse_wrong_targets(&backstop, &set, &target, &old, source.cluster.data_dir())?;
    ensure!(tree(&place)?.is_empty(), "a refused restore wrote {:?}", tree(&place)?);

    let new = place.join("tablespace");
    restore(&backstop, &set, &target, &[(&old, &new)])?;
    // The server makes the links anew when it starts; until then, too, they must not lead to the source's.
    for link in fs::read_dir(target.join("pg_tblspc"))? {
        let link = link?.path();
        ensure!(fs::read_link(&link)? == new, "{} leads to {:?}", link.display(), fs::read_link(&link)?);
    }
    let restored = Restored::start(source.cluster.installation(), &target, &[])?;
    ensure!(
        difference(&source.cluster, &restored)?.is_empty(),
        "{:?}",
        difference(&source.cluster, &restored)?
    );
    restored.psql("UPDATE placed SET n = -n; CREATE TABLE more TABLESPACE fast AS SELECT 1; DROP TABLE quiet CASCADE; CHECKPOINT")?;
    source.cluster.psql("CHECKPOINT")?;
    let after = (tree(&old)?, tree(source.cluster.data_dir())?);
    ensure!(before.0 == after.0, "the source's tablespace changed: {:?}", changed(&before.0, &after.0));
    // What a running server writes by itself, whoever restores beside it.
    let own =
        ["global/pg_control", "pg_wal", "postmaster.pid", "pg_xact", "pg_subtrans", "pg_logical", "base"];
    let changed: Vec<_> = changed(&before.1, &after.1);
    let foreign: Vec<_> =
        changed.iter().filter(|path| !own.iter().any(|own| path.starts_with(own))).collect();
    ensure!(foreign.is_empty(), "the source's data directory changed: {foreign:?}");
    ensure!(source.cluster.psql("SELECT count(*), min(n), max(n) FROM placed")? == "5000|1|5000");
    ensure!(source.cluster.psql("SELECT count(*) FROM quiet")? == "20000");
    Ok(())
}

fn refuse_wrong_targets(
    backstop: &Backstop,
    set: &str,
    target: &Path,
    old: &Path,
    data: &Path,
) -> Result<()> {
    let target = target.display().to_string();
    let restore = ["restore", "orders", "--backup", set, "--target"];
    let refused = backstop.cli(&[&restore[..], &[&target]].concat())?;
    ensure!(refused.failed()?.contains(&old.display().to_string()), "the tablespace is not named: {refused}");
    // Onto the source's own tablespace, and onto the source itself.
    let onto = format!("{}={}", old.display(), old.display());
    backstop.cli(&[&restore[..], &[&target, "--tablespace", &onto]].concat())?.failed()?;
    let elsewhere = format!("{}={target}-tablespace", old.display());
    let data = data.display().to_string();
    backstop.cli(&[&restore[..], &[&data, "--tablespace", &elsewhere]].concat())?.failed()?;
    // One inside the other.
    let inside = format!("{}={target}/inside", old.display());
    backstop.cli(&[&restore[..], &[&target, "--tablespace", &inside]].concat())?.failed()?;
    // A mapping of a tablespace that the set does not have is a mistake, not a wish.
    let unknown = [target.as_str(), "--tablespace", &elsewhere, "--tablespace", "/no/such=/tmp/nowhere"];
    backstop.cli(&[&restore[..], &unknown].concat())?.failed()?;
    // A plan writes nothing.
    let plan = backstop.cli(&[&restore[..], &[&target, "--tablespace", &elsewhere, "--dry-run"]].concat())?;
    plan.done()?;
    Ok(())
}

/// Paths that differ between two trees.
fn changed(before: &Tree, after: &Tree) -> Vec<std::path::PathBuf> {
    let paths = before.keys().chain(after.keys());
    let mut changed: Vec<_> = paths.filter(|path| before.get(*path) != after.get(*path)).cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}

#[test]
fn a_hundred_thousand_small_files_come_back_byte_by_byte() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    let small = source.cluster.data_dir().join("small");
    let user = source.cluster.server_user();
    for folder in 0..100 {
        let folder = small.join(format!("{folder:02}"));
        fs::create_dir_all(&folder)?;
        for file in 0..1000_usize {
            let path = folder.join(format!("{file:03}"));
            // Every length from none to a few pages, no two files alike.
            let line = format!("{}\n", path.display());
            fs::write(&path, line.repeat(file % 7 * (file % 11)))?;
        }
    }
    if let Some(ServerUser { uid, gid }) = user {
        run(Command::new("chown").arg("-R").arg(format!("{uid}:{gid}")).arg(&small))?;
    }
    let expected = tree(&small)?;
    ensure!(expected.len() == 100_100);
    let (backstop, set, report) = backed_up("matrix-small", &source)?;
    ensure!(report["Files"].as_u64().is_some_and(|files| files > 100_000), "{report}");
    let restored = restore_and_start(&backstop, &source, &set, &[])?;
    let found = tree(&backstop.place("restored").join("small"))?;
    ensure!(found == expected, "restored differently: {:?}", changed(&expected, &found));
    ensure!(restored.psql("SELECT 1")? == "1");
    Ok(())
}

#[test]
fn a_corrupted_page_is_reported_by_relation_and_block() -> Result<()> {
    let _turn = Turn::wait()?;
    let builder = Cluster::builder(&Installation::find(15)?).with_checksums().setting("autovacuum", "off");
    let source = Source::start(builder, Access::Peer)?;
    source.fill(1)?;
    source.cluster.psql("CREATE SCHEMA shop; CREATE TABLE shop.orders AS TABLE quiet; CHECKPOINT")?;
    let path = source.cluster.psql("SELECT pg_relation_filepath('shop.orders')")?;
    let file = source.cluster.data_dir().join(&path);
    for block in [3, 77] {
        flip_byte(&file, block * 8192 + 5000)?;
    }
    let (backstop, set, report) = backed_up("matrix-corrupted", &source)?;
    ensure!(report["BackupStatus"] == "Finished" && report["PageChecksums"] == true, "{report}");
    ensure!(report["BadPageCount"] == 2, "{report}");
    let pages = report["BadPages"]["BadPage"].as_array().context("no bad pages")?;
    let mut blocks = Vec::new();
    for page in pages {
        ensure!(page["Path"] == path.as_str() && page["Database"] == "postgres", "{page}");
        ensure!(page["Relation"] == "shop.orders", "{page}");
        blocks.push(page["BlockNumber"].as_u64().context("no BlockNumber")?);
    }
    blocks.sort_unstable();
    ensure!(blocks == [3, 77], "{report}");
    // The page is kept as it was: somebody may know how to mend it.
    let target = backstop.place("restored");
    restore(&backstop, &set, &target, &[])?;
    ensure!(fs::read(target.join(&path))? == fs::read(&file)?, "the damaged file was not restored as it was");
    Ok(())
}
