//! Deadlines, canceling, closing, and servers that vanish.

use std::time::{Duration, Instant};

use pgwire::{Connection, Error, Host, SqlState, SslMode};
use testkit::postgres::Cluster;
use testkit::process::wait_until;
use testkit::proxy::{Direction, Fault, Proxy};
use testkit::tls::CertificateAuthority;

use crate::servers::{by_socket, by_tcp, code, connect, installation, start};

fn wait_for_sleeper(cluster: &Cluster) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    wait_until("the query", Duration::from_secs(10), || cluster.psql(sql).is_ok_and(|count| count == "1"))
        .expect("runs");
}

#[test]
fn a_query_is_canceled_from_another_thread() {
    let authority = CertificateAuthority::new().expect("made");
    let cluster = Cluster::builder(&installation())
        .tls(&authority.issue(&["127.0.0.1"]).expect("issued"))
        .hba("hostssl all app 127.0.0.1/32 scram-sha-256")
        .start()
        .expect("starts");
    cluster.psql("CREATE ROLE app LOGIN PASSWORD 'secret'").expect("made");
    let mut by_tls = by_tcp(&cluster, "app", "secret");
    by_tls.ssl_mode = SslMode::VerifyFull;
    by_tls.ca_pem = Some(authority.pem().to_owned());
    for options in [by_socket(&cluster), by_tls] {
        let mut connection = connect(&options);
        let cancel = connection.cancel_handle().expect("has a key");
        let asking = std::thread::spawn(move || (connection.query("SELECT pg_sleep(1000)"), connection));
        wait_for_sleeper(&cluster);
        cancel.cancel().expect("taken");
        let (outcome, mut connection) = asking.join().expect("no panic");
        assert_eq!(code(outcome), SqlState::QUERY_CANCELED);
        connection.query("SELECT 1").expect("still usable");
        cancel.cancel().expect("in vain, but taken");
    }
}

#[test]
fn a_closed_connection_ends_its_wait_at_once() {
    let cluster = start();
    let mut connection = connect(&by_socket(&cluster));
    let close = connection.close_handle().expect("shared");
    let asking = std::thread::spawn(move || (connection.query("SELECT pg_sleep(1000)"), connection));
    wait_for_sleeper(&cluster);
    let start = Instant::now();
    close.close();
    let (outcome, mut connection) = asking.join().expect("no panic");
    assert!(matches!(outcome, Err(Error::Closed { .. })), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(connection.is_broken());
    assert!(matches!(connection.query("SELECT 1"), Err(Error::Broken)));
    close.close();
}

#[test]
fn a_query_that_takes_too_long_latches_the_connection() {
    let cluster = start();
    let mut connection = connect(&by_socket(&cluster));
    let outcome = connection.query_within("SELECT pg_sleep(1000)", Duration::from_millis(100));
    assert!(matches!(outcome, Err(Error::Timeout { .. })));
    assert!(matches!(connection.query("SELECT 1"), Err(Error::Broken)));
}

#[test]
fn a_killed_server_and_one_that_shuts_down_are_noticed_at_once() {
    let mut cluster = start();
    let mut connection = connect(&by_socket(&cluster));
    let mut other = connect(&by_socket(&cluster));
    let terminate = format!("SELECT pg_terminate_backend({})", other.process_id().expect("told"));
    connection.query(&terminate).expect("terminated");
    // The reason comes before the end of the connection; a write may fail first.
    let outcome = other.query("SELECT 1");
    assert!(
        matches!(&outcome, Err(Error::Server(m)) if m.sqlstate.as_str() == "57P01")
            || matches!(outcome, Err(Error::Closed { .. })),
        "{outcome:?}"
    );
    let asking = std::thread::spawn(move || connection.query("SELECT pg_sleep(1000)").map(drop));
    wait_for_sleeper(&cluster);
    let start = Instant::now();
    cluster.kill9().expect("killed");
    let outcome = asking.join().expect("no panic");
    assert!(matches!(outcome, Err(Error::Closed { .. })), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_network_that_stalls_or_cuts_ends_by_the_deadline() {
    let cluster =
        Cluster::builder(&installation()).hba("host all trusted 127.0.0.1/32 trust").start().expect("starts");
    cluster.psql("CREATE ROLE trusted LOGIN").expect("made");
    let proxy = Proxy::start(([127, 0, 0, 1], cluster.port()).into()).expect("starts");
    let mut options = by_tcp(&cluster, "trusted", "");
    options.host = Host::Tcp("127.0.0.1".to_owned());
    options.port = proxy.address().port();
    options.response_timeout = Duration::from_millis(200);
    let mut connection = connect(&options);
    proxy.set(Direction::ToClient, Fault::Stall);
    assert!(matches!(connection.query("SELECT 1"), Err(Error::Timeout { .. })));
    options.connect_timeout = Duration::from_millis(200);
    assert!(matches!(Connection::connect(&options), Err(Error::Timeout { .. })));
    options.ssl_mode = SslMode::Prefer;
    assert!(Connection::connect(&options).is_err());
    options.ssl_mode = SslMode::Disable;
    options.connect_timeout = Duration::from_secs(10);
    proxy.set(Direction::ToClient, Fault::CutAfter(20));
    assert!(matches!(Connection::connect(&options), Err(Error::Closed { .. })));
    proxy.set(Direction::ToClient, Fault::None);
    connect(&options).query("SELECT 1").expect("works again");
}

#[test]
fn a_flipped_byte_under_tls_is_noticed() {
    let authority = CertificateAuthority::new().expect("made");
    let cluster = Cluster::builder(&installation())
        .tls(&authority.issue(&["127.0.0.1"]).expect("issued"))
        .hba("hostssl all app 127.0.0.1/32 scram-sha-256")
        .start()
        .expect("starts");
    cluster.psql("CREATE ROLE app LOGIN PASSWORD 'secret'").expect("made");
    let proxy = Proxy::start(([127, 0, 0, 1], cluster.port()).into()).expect("starts");
    let mut options = by_tcp(&cluster, "app", "secret");
    options.port = proxy.address().port();
    options.ssl_mode = SslMode::VerifyFull;
    options.ca_pem = Some(authority.pem().to_owned());
    let mut connection = connect(&options);
    proxy.set(Direction::ToClient, Fault::FlipAfter(30));
    let outcome = connection.query("SELECT repeat('x', 1000)");
    assert!(matches!(outcome, Err(Error::Io { .. })), "{outcome:?}");
}
