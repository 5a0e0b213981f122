//! Every way of authentication, right and wrong.

use std::time::{Duration, Instant};

use pgwire::{AuthenticationMethod, Connection, Error, Host, Password, Replication, Retry, SqlState};
use testkit::postgres::{Cluster, Installation};

use crate::servers::{by_socket, by_tcp, code, connect};

fn cluster(installation: &Installation) -> Cluster {
    let cluster = Cluster::builder(installation)
        .hba("host all trusted 127.0.0.1/32 trust")
        .hba("host all scrammed 127.0.0.1/32 scram-sha-256")
        .hba("host all hashed 127.0.0.1/32 md5")
        .hba("host all clear 127.0.0.1/32 password")
        .hba("local all clear password")
        .hba("host replication scrammed 127.0.0.1/32 scram-sha-256")
        .hba("local all all peer")
        .start()
        .expect("starts");
    cluster
        .psql(
            "CREATE ROLE trusted LOGIN; CREATE ROLE scrammed LOGIN REPLICATION PASSWORD 'pässword'; \
             CREATE ROLE clear LOGIN PASSWORD 'clear'; SET password_encryption = md5; \
             CREATE ROLE hashed LOGIN PASSWORD 'hashed'",
        )
        .expect("made");
    cluster
}

#[test]
fn each_method_admits_the_right_password_and_refuses_the_wrong_one() {
    for installation in Installation::available() {
        let cluster = cluster(&installation);
        let methods = [
            ("scrammed", "pässword", AuthenticationMethod::Scram),
            ("hashed", "hashed", AuthenticationMethod::Md5),
        ];
        for (user, password, method) in methods {
            let mut connection = connect(&by_tcp(&cluster, user, password));
            assert_eq!(connection.authentication(), method);
            let set = connection.query_one_set("SELECT current_user AS u").expect("answers");
            assert_eq!(set.one().expect("one").get::<String>("u").expect("text"), user);
            let error = Connection::connect(&by_tcp(&cluster, user, "wrong")).expect_err("refused");
            assert_eq!(error.retry(), Retry::AfterOperator);
            assert_eq!(code::<()>(Err(error)), SqlState::INVALID_PASSWORD);
            let mut without = by_tcp(&cluster, user, "");
            without.password = None;
            assert!(matches!(Connection::connect(&without), Err(Error::PasswordMissing)));
        }
        let connection = connect(&by_tcp(&cluster, "trusted", "unneeded"));
        assert_eq!(connection.authentication(), AuthenticationMethod::None);
    }
}

#[test]
fn a_clear_password_goes_through_a_socket_but_not_over_tcp() {
    let cluster = cluster(&crate::servers::installation());
    let outcome = Connection::connect(&by_tcp(&cluster, "clear", "clear"));
    assert!(matches!(outcome, Err(Error::CleartextRefused)));
    let mut options = by_socket(&cluster);
    options.user = "clear".to_owned();
    options.password = Some(Password::new("clear"));
    assert_eq!(connect(&options).authentication(), AuthenticationMethod::CleartextPassword);
    options.password = Some(Password::new("wrong"));
    assert_eq!(code(Connection::connect(&options)), SqlState::INVALID_PASSWORD);
}

#[test]
fn peer_admits_the_user_of_the_system_and_nobody_else() {
    let cluster = cluster(&crate::servers::installation());
    let name = testkit::process::current_user_name().expect("named");
    cluster.psql(&format!("CREATE ROLE \"{name}\" LOGIN")).expect("made");
    let mut options = by_socket(&cluster);
    options.user = name;
    assert_eq!(connect(&options).authentication(), AuthenticationMethod::None);
    options.user = "trusted".to_owned();
    let error = Connection::connect(&options).expect_err("refused");
    assert_eq!(error.retry(), Retry::AfterOperator);
    assert_eq!(code::<()>(Err(error)), SqlState::INVALID_AUTHORIZATION);
}

#[test]
fn replication_needs_its_line_and_its_right() {
    let cluster = cluster(&crate::servers::installation());
    let mut options = by_tcp(&cluster, "scrammed", "pässword");
    options.replication = Replication::Physical;
    options.database = None;
    let mut connection = connect(&options);
    assert!(connection.identify_system().expect("answers").flush_position.is_valid());
    assert!(matches!(connection.query("SELECT 1"), Err(Error::Server(_))));
    let mut options = by_tcp(&cluster, "trusted", "");
    options.replication = Replication::Physical;
    assert_eq!(code(Connection::connect(&options)), SqlState::INVALID_AUTHORIZATION);
    options.replication = Replication::Database;
    assert_eq!(code(Connection::connect(&options)), SqlState::INSUFFICIENT_PRIVILEGE);
}

#[test]
fn a_server_that_is_not_there_is_told_from_one_that_refuses() {
    let mut cluster = cluster(&crate::servers::installation());
    let mut options = by_tcp(&cluster, "trusted", "");
    options.database = Some("no_such_database".to_owned());
    assert_eq!(code(Connection::connect(&options)).as_str(), "3D000");
    cluster.kill9().expect("killed");
    options.connect_timeout = Duration::from_secs(5);
    let start = Instant::now();
    let error = Connection::connect(&options).expect_err("nobody there");
    assert_eq!(error.retry(), Retry::Later);
    assert!(
        matches!(error, Error::Connect { address, .. } if address == format!("127.0.0.1:{}", cluster.port()))
    );
    assert!(matches!(Connection::connect(&by_socket(&cluster)), Err(Error::Connect { .. })));
    options.host = Host::Socket("/nonexistent".into());
    assert!(matches!(Connection::connect(&options), Err(Error::Connect { .. })));
    options.host = Host::Tcp("no-such-host.invalid".to_owned());
    assert!(matches!(Connection::connect(&options), Err(Error::Connect { .. })));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn passwords_are_in_no_debug_output() {
    let cluster = cluster(&crate::servers::installation());
    let options = by_tcp(&cluster, "scrammed", "pässword");
    let connection = connect(&options);
    for shown in
        [format!("{options:?}"), format!("{connection:?}"), format!("{:?}", connection.cancel_handle())]
    {
        assert!(!shown.contains("pässword"), "{shown}");
    }
}
