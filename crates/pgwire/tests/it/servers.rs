//! Servers and connections that the tests share the making of.

use std::time::{Duration, Instant};

use pgwire::{ConnectOptions, Connection, Error, Host, Password, Replication, SqlState, SslMode};
use testkit::postgres::{Cluster, Installation};

pub(crate) fn installation() -> Installation {
    Installation::find(15).expect("PostgreSQL 15 is installed")
}

pub(crate) fn start() -> Cluster {
    Cluster::builder(&installation()).start().expect("starts")
}

/// As the superuser by the socket.
pub(crate) fn by_socket(cluster: &Cluster) -> ConnectOptions {
    let mut options =
        ConnectOptions::new(Host::Socket(cluster.socket_dir().to_owned()), cluster.port(), "postgres");
    options.database = Some("postgres".to_owned());
    options
}

/// As `user` over TCP, without TLS.
pub(crate) fn by_tcp(cluster: &Cluster, user: &str, password: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(Host::Tcp("127.0.0.1".to_owned()), cluster.port(), user);
    options.database = Some("postgres".to_owned());
    options.password = Some(Password::new(password));
    options.ssl_mode = SslMode::Disable;
    options
}

pub(crate) fn connect(options: &ConnectOptions) -> Connection {
    Connection::connect(options).unwrap_or_else(|error| panic!("connects: {error:?}"))
}

/// A connection as the superuser by the socket that takes SQL and replication commands.
pub(crate) fn replicate(cluster: &Cluster) -> Connection {
    let mut options = by_socket(cluster);
    options.replication = Replication::Database;
    connect(&options)
}

/// The code of the error that the server answers.
#[track_caller]
pub(crate) fn code<T>(outcome: Result<T, Error>) -> SqlState {
    match outcome.map(drop) {
        Err(Error::Server(message)) => message.sqlstate,
        other => panic!("not an error of the server: {other:?}"),
    }
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}
