use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use repository::InstanceId;

/// The kinds of database, as the command line spells them.
const SERVER_ENGINES: [&str; 3] = ["postgresql", "mariadb", "mysql"];

#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    Register(RegisterInstance),
    /// List the registered instances
    #[command(after_help = "Example:\n  backstop instance list --output json")]
    List,
    /// Show everything that is known of one instance
    #[command(after_help = "Example:\n  backstop instance show orders")]
    Show {
        /// The instance
        id: InstanceId,
    },
    /// Forget an instance; its backup sets stay in the repository
    #[command(after_help = "Example:\n  backstop instance deregister orders")]
    Deregister {
        /// The instance
        id: InstanceId,
    },
}

/// Register a database server under an id, so that it can be backed up
///
/// The service connects to it first and refuses what it cannot use. Registering the same settings again
/// succeeds.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  backstop instance register orders --engine postgresql --host 10.0.0.5 --port 5432 --user backstop \\
      --password-file /etc/backstop/orders.password --data-dir /var/lib/postgresql/15/main")]
pub(crate) struct RegisterInstance {
    /// The id to give it: 2 to 64 lower-case letters, digits and hyphens
    pub(crate) id: InstanceId,
    /// The kind of database
    #[arg(long, value_parser = PossibleValuesParser::new(SERVER_ENGINES))]
    pub(crate) engine: String,
    /// The host's name or address, or the directory of the server's socket
    #[arg(long, value_name = "HOST_OR_SOCKET_DIR")]
    pub(crate) host: String,
    /// The server's port; for a socket directory, the number in the socket's name
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The role that backs it up
    #[arg(long)]
    pub(crate) user: String,
    /// File whose first line is the role's password
    #[arg(long, value_name = "F")]
    pub(crate) password_file: Option<PathBuf>,
    /// How the connection is secured. Default: prefer
    #[arg(long, value_name = "M",
          value_parser = PossibleValuesParser::new(["disable", "prefer", "require", "verify-ca", "verify-full"]))]
    pub(crate) sslmode: Option<String>,
    /// Certificates in PEM that the server's certificate must come from
    #[arg(long, value_name = "F")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The server's data directory on the host of the service
    #[arg(long, value_name = "D")]
    pub(crate) data_dir: Option<PathBuf>,
}
