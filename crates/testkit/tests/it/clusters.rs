//! Servers start, stop, crash, recover, and leave nothing behind.

use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::postgres::{Cluster, Installation, StopMode};
use testkit::process::{is_alive, wait_until};
use testkit::tls::CertificateAuthority;

fn installation() -> Installation {
    Installation::find(15).expect("PostgreSQL 15 is installed")
}

#[test]
fn a_cluster_is_as_it_was_described_and_leaves_nothing_behind() {
    let cluster = Cluster::builder(&installation())
        .with_checksums()
        .wal_segment_mib(1)
        .setting("wal_level", "logical")
        .start()
        .expect("starts");
    let settings = cluster.psql("SHOW data_checksums; SHOW wal_segment_size; SHOW wal_level").expect("shown");
    assert_eq!(settings, "on\n1MB\nlogical");
    let process = cluster.process_id().expect("runs");
    let root = cluster.root_dir().to_owned();
    drop(cluster);
    assert!(!is_alive(process) && !root.exists());
}

#[test]
fn a_test_that_panics_leaves_no_server() {
    let (process_tx, process_rx) = std::sync::mpsc::channel();
    let outcome = std::thread::spawn(move || {
        let cluster = Cluster::builder(&installation()).start().expect("starts");
        process_tx.send((cluster.process_id().expect("runs"), cluster.root_dir().to_owned())).expect("sent");
        panic!("on purpose");
    })
    .join();
    assert!(outcome.is_err());
    let (process, root) = process_rx.recv().expect("received");
    assert!(!is_alive(process) && !root.exists());
}

#[test]
fn committed_rows_survive_a_kill_and_the_port_stays() {
    let mut cluster = Cluster::builder(&installation()).start().expect("starts");
    let port = cluster.port();
    cluster.psql("CREATE TABLE t AS SELECT 42 AS x").expect("made");
    cluster.kill9().expect("killed");
    assert!(cluster.psql("SELECT 1").is_err());
    cluster.start().expect("recovers");
    assert_eq!(cluster.psql("SELECT x FROM t").expect("survived"), "42");
    cluster.stop(StopMode::Immediate).expect("stops");
    cluster.start().expect("recovers");
    cluster.restart().expect("restarts");
    assert_eq!(cluster.port(), port);
    assert!(cluster.log().expect("logs").contains("database system was shut down"));
}

#[test]
fn a_copy_of_a_cluster_is_opened_beside_it() {
    let mut cluster = Cluster::builder(&installation()).start().expect("starts");
    cluster.psql("CREATE TABLE t AS SELECT 42 AS x").expect("made");
    cluster.stop(StopMode::Fast).expect("stops");
    let copy = cluster.root_dir().join("copy");
    let mut cp = Command::new("cp");
    testkit::process::run(cp.arg("-a").arg(cluster.data_dir()).arg(&copy)).expect("copied");
    cluster.start().expect("starts");
    let mut opened = Cluster::open(&installation(), &copy, &["-c", "work_mem=7MB"]).expect("opened");
    opened.start().expect("starts");
    opened.wait_for_promotion().expect("is no standby");
    assert_eq!(opened.psql("SELECT x FROM t; SHOW work_mem").expect("answers"), "42\n7MB");
    assert_ne!(opened.port(), cluster.port());
    drop(opened);
    assert!(copy.join("PG_VERSION").exists());
}

#[test]
fn a_server_that_does_not_come_up_says_why() {
    let error =
        Cluster::builder(&installation()).setting("no_such_setting", "1").start().expect_err("refused");
    assert!(format!("{error:?}").contains("no_such_setting"), "{error:?}");
}

#[test]
fn tls_and_hba_lines_reach_the_server() {
    let authority = CertificateAuthority::new().expect("made");
    let certificate = authority.issue(&["localhost", "127.0.0.1"]).expect("issued");
    let cluster = Cluster::builder(&installation())
        .tls(&certificate)
        .hba("hostssl all app 127.0.0.1/32 scram-sha-256")
        .start()
        .expect("starts");
    cluster.psql("CREATE ROLE app LOGIN PASSWORD 'secret'").expect("made");
    let ca = cluster.root_dir().join("ca.pem");
    std::fs::write(&ca, authority.pem()).expect("written");
    let mut psql = cluster.client("psql");
    psql.env("PGHOST", "127.0.0.1").env("PGUSER", "app").env("PGPASSWORD", "secret");
    psql.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", &ca);
    psql.args([
        "-X",
        "-A",
        "-t",
        "-d",
        "postgres",
        "-c",
        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    ]);
    assert_eq!(testkit::process::run(&mut psql).expect("connects"), "t\n");
}

#[test]
fn sessions_of_a_killed_server_end() {
    let mut cluster = Cluster::builder(&installation()).start().expect("starts");
    let mut psql: Command = cluster.client("psql");
    psql.args(["-X", "-d", "postgres", "-c", "SELECT pg_sleep(1000)"]).stderr(Stdio::null());
    let mut session = testkit::process::ChildGuard::spawn(&mut psql).expect("starts");
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    wait_until("the session", Duration::from_secs(10), || cluster.psql(sleeping).is_ok_and(|n| n == "1"))
        .expect("sleeps");
    cluster.kill9().expect("killed");
    let status = session.wait(Duration::from_secs(10)).expect("ends");
    assert!(!status.success());
}
