//! Where and as whom to connect.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::Password;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A host name or an IP address.
    Tcp(String),
    /// The directory of the socket `.s.PGSQL.<port>` (`unix_socket_directories`).
    Socket(PathBuf),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(name) => f.write_str(name),
            Self::Socket(directory) => write!(f, "{}", directory.display()),
        }
    }
}

/// How much TLS to ask for, in libpq's words. Ignored for sockets, as libpq does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never.
    Disable,
    /// If the server has it; nothing is verified unless CA certificates are given.
    #[default]
    Prefer,
    /// Always; the certificate's chain is verified only if CA certificates are given, as libpq does.
    Require,
    /// Always, and the chain must lead to a known CA.
    VerifyCa,
    /// Always, the chain must lead to a known CA, and the certificate must name the host. Only names and
    /// addresses in the certificate's subject alternative name count.
    VerifyFull,
}

/// Whether the connection speaks the replication protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replication {
    /// SQL only.
    #[default]
    No,
    /// Replication commands only; matches `replication` lines of `pg_hba.conf`, needs no database.
    Physical,
    /// Replication commands and SQL; for logical decoding too. The server checks it against the *database's*
    /// lines of `pg_hba.conf`.
    Database,
}

/// All that a connection needs to know.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Where the server listens.
    pub host: Host,
    /// Its port; for a socket, the number in the socket's name.
    pub port: u16,
    /// The role.
    pub user: String,
    /// The role's password, when the server asks for one.
    pub password: Option<Password>,
    /// The database; the server takes the role's name when there is none.
    pub database: Option<String>,
    /// Shown in `pg_stat_activity`.
    pub application_name: String,
    /// How much TLS to ask for.
    pub ssl_mode: SslMode,
    /// CA certificates in PEM. Without them, the web's public CAs are the known ones.
    pub ca_pem: Option<String>,
    /// Whether the connection speaks the replication protocol.
    pub replication: Replication,
    /// For resolving, connecting, TLS and authentication together.
    pub connect_timeout: Duration,
    /// For each answer of the server that has no limit of its own.
    pub response_timeout: Duration,
    /// Further startup parameters: settings of the session by name, such as `("work_mem", "64MB")`. The client's encoding
    /// is UTF8 unless given here; `SQL_ASCII` gets names out of a database of that encoding that are not UTF-8, as bytes.
    pub options: Vec<(String, String)>,
}

impl ConnectOptions {
    /// The usual: `prefer`, no password, no replication, 10 s to connect and 60 s for an answer.
    pub fn new(host: Host, port: u16, user: impl Into<String>) -> Self {
        Self {
            host,
            port,
            user: user.into(),
            password: None,
            database: None,
            application_name: "backstop".to_owned(),
            ssl_mode: SslMode::default(),
            ca_pem: None,
            replication: Replication::default(),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_mins(1),
            options: Vec::new(),
        }
    }
}
