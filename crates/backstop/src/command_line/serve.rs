use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use service::Roles;

/// Run the service: the API, and the jobs that make backups
///
/// It prints the address it listens on, and logs to standard error. SIGTERM or SIGINT drains it: no new job
/// begins, and running ones are taken up again by the next start. BACKSTOP_LOG sets what is logged, such as
/// `info` or `warn,service=debug`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  backstop serve --home /var/lib/backstop --listen 127.0.0.1:8086")]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes a free one. Default: the configuration's, else 127.0.0.1:8086
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Certificate chain in PEM: the API speaks HTTPS. It is read again when it changes, and on SIGHUP
    #[arg(long, value_name = "F", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "F", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// What this node does: any of api, scheduler, worker. Default: all
    #[arg(long, value_name = "ROLES")]
    pub(crate) roles: Option<Roles>,
    /// How log lines are written
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
