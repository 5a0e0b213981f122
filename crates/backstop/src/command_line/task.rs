use clap::Subcommand;
use repository::{BackupJobId, InstanceId};

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List the backup jobs of an instance in every state, newest first
    #[command(after_help = "Example:\n  backstop task list orders")]
    List {
        /// The instance
        id: InstanceId,
    },
    /// Show what one backup job did, in figures
    #[command(after_help = "Example:\n  backstop task show 5")]
    Show {
        /// The job
        job: BackupJobId,
    },
    /// Watch a backup job until it is over; exit status 1 when it failed
    #[command(after_help = "Example:\n  backstop task watch 5")]
    Watch {
        /// The job
        job: BackupJobId,
    },
    /// Cancel a backup job in any stage; it becomes Failed, cause Cancelled
    #[command(after_help = "Example:\n  backstop task cancel 5")]
    Cancel {
        /// The job
        job: BackupJobId,
    },
}
