//! Backup under write load, restored, started and compared, on every version.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::Stage;
use engine_postgres::RestoreError;
use testkit::postgres::{Cluster, Installation};
use testkit::process::run;

use crate::harness::{
    Control, RestoredServer, Store, builder, fingerprint, mapped, pgbench_init, pgbench_load, restore,
    restore_options, start, version_15, versions,
};

const QUIET_TABLES: [&str; 3] = ["quiet", "spaced", "truncated_before"];

/// Tables without load, a tablespace, an unlogged table, databases that come and go.
fn fill(cluster: &Cluster) -> String {
    let space = cluster.directory("space").expect("a folder").display().to_string();
    let fast = if cluster.installation().major() >= 15 { " STRATEGY wal_log" } else { "" };
    for sql in [
        format!("CREATE TABLESPACE fast LOCATION '{space}'"),
        "CREATE TABLE quiet AS SELECT i, repeat(md5(i::text), 20) AS t FROM generate_series(1, 20000) i"
            .to_owned(),
        "CREATE TABLE spaced (i int PRIMARY KEY, t text) TABLESPACE fast".to_owned(),
        "INSERT INTO spaced SELECT i, md5(i::text) FROM generate_series(1, 20000) i".to_owned(),
        "CREATE TABLE truncated_before AS SELECT i FROM generate_series(1, 1000) i".to_owned(),
        "CREATE TABLE truncated AS SELECT i FROM generate_series(1, 100000) i".to_owned(),
        "CREATE UNLOGGED TABLE volatile AS SELECT i FROM generate_series(1, 50000) i".to_owned(),
        format!("CREATE DATABASE dropped{fast}"),
    ] {
        cluster.psql(&sql).expect("the superuser may do that");
    }
    cluster.psql_in("dropped", "CREATE TABLE d AS SELECT generate_series(1, 100000)").expect("a table");
    space
}

/// The balances add up to the history, as the benchmark's transactions keep them.
fn assert_balanced(server: &RestoredServer) {
    let sums = server
        .psql(
            "SELECT (SELECT sum(abalance) FROM pgbench_accounts) - (SELECT coalesce(sum(delta), 0) FROM pgbench_history), \
                (SELECT sum(bbalance) FROM pgbench_branches) - (SELECT coalesce(sum(delta), 0) FROM pgbench_history), \
                (SELECT sum(tbalance) FROM pgbench_tellers) - (SELECT coalesce(sum(delta), 0) FROM pgbench_history)",
        )
        .expect("sums");
    assert_eq!(sums, "0|0|0", "balances and history belong together");
}

#[test]
fn a_busy_cluster_is_backed_up_restored_and_started_on_every_version() {
    for installation in versions() {
        let major = installation.major();
        let cluster = start(&builder(&installation));
        pgbench_init(&cluster, 3);
        let space = fill(&cluster);
        let load = pgbench_load(&cluster);
        let committed_before: u64 =
            cluster.psql("SELECT count(*) FROM pgbench_history").expect("a count").parse().expect("a number");
        let store = Store::new();
        let cluster = Arc::new(cluster);
        let (at_copy, at_read) = (cluster.clone(), cluster.clone());
        let control = Control::at_stage(Stage::Copying, move |_| {
            at_copy.psql("TRUNCATE truncated").expect("truncated");
            at_copy.psql("CREATE DATABASE created").expect("created");
            at_copy
                .psql_in("created", "CREATE TABLE c AS SELECT generate_series(1, 1000) i")
                .expect("filled");
            Ok(())
        })
        .and_at_first_read(move |_| {
            at_read.psql("DROP DATABASE dropped").expect("dropped");
            at_read.psql("VACUUM pgbench_accounts").expect("vacuumed");
            at_read.psql("CREATE TABLE late AS SELECT generate_series(1, 1000) i").expect("made");
            Ok(())
        });
        let (finished, set) = store.back_up_with(&cluster, 1, &control).expect("the backup finishes");
        drop(load);
        assert_eq!(finished.report["bad_pages"], serde_json::json!([]), "on {major}");
        assert!(finished.report["pages_checked"].as_u64().expect("a number") > 5_000, "on {major}");
        assert!(control.planned.load(Ordering::Relaxed) > 40_000_000, "on {major}");
        let stages = control.stages.lock().expect("no panic").clone();
        assert_eq!(
            stages,
            [Stage::Checking, Stage::Preparing, Stage::Waiting, Stage::Copying, Stage::Proving],
            "on {major}"
        );

        let target = cluster.root_dir().join("restored");
        let mut options = restore_options(&target);
        let Err(RestoreError::Unmapped(unmapped)) = restore(&set, &options) else {
            panic!("mapped on {major}")
        };
        assert_eq!(unmapped.len(), 1);
        assert!(!target.exists(), "nothing is written by a refusal");
        let new_space = cluster.root_dir().join("new-space");
        options.tablespaces.push(mapped(&space, &new_space));
        restore(&set, &options).expect("restored");

        let server = RestoredServer::start(&installation, &target, &[]);
        assert_balanced(&server);
        for table in QUIET_TABLES {
            let (restored, source) = (server.psql(&fingerprint(table)), cluster.psql(&fingerprint(table)));
            assert_eq!(restored.expect("readable"), source.expect("readable"), "{table} on {major}");
        }
        let count = |sql: &str| server.psql(sql).expect("readable").parse::<u64>().expect("a number");
        assert!(count("SELECT count(*) FROM pgbench_history") >= committed_before, "on {major}");
        assert_eq!(count("SELECT count(*) FROM truncated"), 0, "on {major}");
        assert_eq!(count("SELECT count(*) FROM volatile"), 0, "unlogged tables are emptied, on {major}");
        assert_eq!(count("SELECT count(*) FROM late"), 1000, "on {major}");
        assert_eq!(
            server.psql_in("created", "SELECT count(*) FROM c").expect("readable"),
            "1000",
            "on {major}"
        );
        server.psql_in("dropped", "SELECT 1").expect_err("the database was dropped before the stop");
        let location =
            server.psql("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'fast'");
        assert_eq!(location.expect("readable"), new_space.display().to_string(), "on {major}");
        assert_amcheck(&server, &installation);
        server.psql("CREATE TABLE after_restore (i int)").expect("it takes writes");
    }
}

fn assert_amcheck(server: &RestoredServer, installation: &Installation) {
    let mut command = installation.command("pg_amcheck");
    command.env("PGHOST", server.sockets()).env("PGPORT", "5432").env("PGUSER", "postgres");
    run(command.args(["--install-missing", "--heapallindexed", "--all"])).expect("pg_amcheck finds nothing");
}

#[test]
fn a_second_backup_refers_to_the_first_and_restores_alone() {
    let cluster = start(&builder(&version_15()));
    pgbench_init(&cluster, 5);
    let store = Store::new();
    let (first, _) = store.back_up(&cluster, 1);
    cluster.psql("UPDATE pgbench_branches SET filler = 'x'").expect("updated");
    let (second, set) = store.back_up(&cluster, 2);
    assert!(second.new_bytes * 4 < first.new_bytes, "{} then {}", first.new_bytes, second.new_bytes);
    let target = cluster.root_dir().join("restored");
    restore(&set, &restore_options(&target)).expect("restored");
    let server = RestoredServer::start(&version_15(), &target, &[]);
    assert_eq!(
        server.psql("SELECT count(*) FROM pgbench_branches WHERE filler LIKE 'x%'").expect("readable"),
        "5"
    );
    let accounts = fingerprint("pgbench_accounts");
    assert_eq!(server.psql(&accounts).expect("readable"), cluster.psql(&accounts).expect("readable"));
}

#[test]
fn a_corrupted_page_is_reported_by_relation_and_block() {
    let cluster = start(&builder(&version_15()));
    cluster.psql("CREATE TABLE damaged AS SELECT generate_series(1, 100000) i").expect("a table");
    cluster.psql("CREATE TABLE overwritten AS SELECT generate_series(1, 100000) i").expect("a table");
    cluster.psql("CHECKPOINT").expect("written");
    let damage = |table: &str, block: u64, bytes: &[u8]| {
        let path = cluster.psql(&format!("SELECT pg_relation_filepath('{table}')")).expect("a path");
        let file = fs::OpenOptions::new().write(true).open(cluster.data_dir().join(&path)).expect("writable");
        file.write_all_at(bytes, block * 8192 + 8192 - bytes.len() as u64).expect("written");
        path.rsplit('/').next().expect("a name").parse::<u64>().expect("a number")
    };
    let damaged = damage("damaged", 7, b"?");
    // A position far in the future, which a page that was changed after the start could not have either.
    let overwritten = damage("overwritten", 9, &[0xEE; 8192]);
    let store = Store::new();
    let (finished, _) = store.back_up(&cluster, 1);
    let pages = finished.report["bad_pages"].as_array().expect("a list").clone();
    let of = |relation: u64| {
        let page = pages.iter().find(|page| page["relation"] == relation);
        page.unwrap_or_else(|| panic!("{relation} is not among {pages:?}")).clone()
    };
    assert_eq!(
        (of(damaged)["blocks"].clone(), of(damaged)["fork"].clone()),
        (serde_json::json!([7]), "main".into())
    );
    assert_eq!(of(damaged)["table"], "public.damaged");
    assert_eq!(of(overwritten)["blocks"], serde_json::json!([9]));
    assert_eq!(finished.record["bad_pages"], finished.report["bad_pages"]);
    assert_eq!(pages.len(), 2);
}

#[test]
fn small_wal_segments_and_a_later_timeline_are_backed_up_and_restored() {
    let installation = version_15();
    let cluster = start(&builder(&installation).wal_segment_mib(1));
    pgbench_init(&cluster, 1);
    let store = Store::new();
    let (_, set) = store.back_up(&cluster, 1);
    let target = cluster.root_dir().join("restored");
    restore(&set, &restore_options(&target)).expect("restored");
    let server = RestoredServer::start(&installation, &target, &[]);
    assert_eq!(server.psql("SELECT timeline_id FROM pg_control_checkpoint()").expect("readable"), "2");

    let engine = server.engine();
    let store = Store::new();
    server.psql("CREATE TABLE wide (t text)").expect("made");
    let is_done = AtomicBool::new(false);
    let write_until_done = || {
        while !is_done.load(Ordering::Relaxed) {
            let rows = "INSERT INTO wide SELECT repeat(md5(i::text), 50) FROM generate_series(1, 500) i";
            server.psql(rows).expect("written");
        }
    };
    let (finished, set) = std::thread::scope(|scope| {
        let writer = scope.spawn(write_until_done);
        let finished = store.back_up_by(&engine, 2, &Control::default());
        is_done.store(true, Ordering::Relaxed);
        writer.join().expect("the writer writes");
        finished.expect("the backup finishes")
    });
    assert_eq!(finished.record["timeline"], 2);
    assert!(finished.record["timeline_history"].as_str().expect("a text").starts_with("1\t"));
    let again = cluster.root_dir().join("again");
    restore(&set, &restore_options(&again)).expect("restored");
    assert!(again.join("pg_wal/00000002.history").exists());
    let last = RestoredServer::start(&installation, &again, &[]);
    assert_eq!(last.psql("SELECT timeline_id FROM pg_control_checkpoint()").expect("readable"), "3");
    let rows: u64 = last.psql("SELECT count(*) FROM wide").expect("readable").parse().expect("a number");
    assert_eq!(rows % 500, 0, "statements are whole");
}

#[test]
fn a_standby_is_backed_up_while_its_primary_writes() {
    for installation in versions() {
        let major = installation.major();
        let primary = start(&builder(&installation));
        pgbench_init(&primary, 2);
        let data = primary.directory("standby").expect("a folder");
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("closed");
        let mut copy = primary.server_command("pg_basebackup").expect("the server's user exists");
        copy.current_dir("/").arg("-h").arg(primary.socket_dir()).args(["-p", &primary.port().to_string()]);
        run(copy.args(["-U", "postgres", "-R", "-c", "fast", "--no-sync", "-D"]).arg(&data)).expect("copied");
        let standby = RestoredServer::start_standby(&installation, &data);
        let load = pgbench_load(&primary);
        let store = Store::new();
        let (finished, set) = store.back_up_by(&standby.engine(), 1, &Control::default()).expect("finishes");
        drop(load);
        assert_eq!(finished.record["from_standby"], true, "on {major}");
        assert_eq!(finished.report["bad_pages"], serde_json::json!([]), "on {major}");
        let target = primary.root_dir().join("restored");
        restore(&set, &restore_options(&target)).expect("restored");
        let server = RestoredServer::start(&installation, &target, &[]);
        assert_balanced(&server);
        assert_amcheck(&server, &installation);
    }
}
