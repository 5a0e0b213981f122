use clap::{Args, Subcommand, ValueEnum};
use repository::{BackupSetId, InstanceId};

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    Create(CreateBackup),
    /// List the backup sets of an instance, newest first
    #[command(after_help = "Example:\n  backstop backup list orders")]
    List {
        /// The instance
        id: InstanceId,
    },
    /// Show one backup set
    #[command(after_help = "Example:\n  backstop backup show 17")]
    Show {
        /// The set
        backup: BackupSetId,
    },
    /// Delete one backup set
    ///
    /// It disappears from the lists at once. Its space is freed after the grace period, where no other set
    /// needs it.
    #[command(after_help = "Example:\n  backstop backup delete 17")]
    Delete {
        /// The set
        backup: BackupSetId,
    },
}

/// Start a backup of an instance
///
/// Prints the job; with --wait the finished job, with the id of the set. Unchanged content is referred to in
/// older sets; --full refers to none.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  backstop backup create orders --full --wait --output json")]
pub(crate) struct CreateBackup {
    /// The instance
    pub(crate) id: InstanceId,
    /// Refer to no older set
    #[arg(long)]
    pub(crate) full: bool,
    /// How data is read: the server's files, or a dump
    #[arg(long, value_enum, default_value_t = Method::Physical)]
    pub(crate) method: Method,
    /// Only these databases; for the logical method
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) databases: Vec<String>,
    /// Watch the job until it is over; exit status 1 when it failed
    #[arg(long)]
    pub(crate) wait: bool,
}

/// How data is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// The server's files.
    Physical,
    /// A dump.
    Logical,
}
