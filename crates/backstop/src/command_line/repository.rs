use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use repository::InstanceId;

use super::RestoreArguments;

/// Work on a repository directly: no catalog, no service, and with --repository no home
#[derive(Debug, Args)]
pub(crate) struct RepositoryArguments {
    #[command(flatten)]
    pub(crate) access: RepositoryAccess,
    #[command(subcommand)]
    pub(crate) command: RepositoryCommand,
}

/// Which repository, and what opens it.
#[derive(Debug, Clone, Args)]
pub(crate) struct RepositoryAccess {
    /// The repository, as a URL. Default: the home's
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) repository: Option<String>,
    /// Key file that opens it. Default: the home's
    #[arg(long, global = true, value_name = "F", conflicts_with = "passphrase_file")]
    pub(crate) key_file: Option<PathBuf>,
    /// File whose first line is the passphrase that opens it
    #[arg(long, global = true, value_name = "F")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RepositoryCommand {
    /// List the backup sets
    #[command(after_help = "\
Example:
  backstop repository --repository file:///srv/backups --key-file /media/usb/backstop.key list")]
    List {
        /// Only of this instance
        id: Option<InstanceId>,
    },
    /// Read everything back and check it
    ///
    /// A broken frame is reported with the sets and files that it touches. The exit status is 1 when anything
    /// is broken or missing.
    #[command(after_help = "Example:\n  backstop repository verify --sample 5")]
    Verify {
        /// Read only this share of the packs, in percent, chosen anew by every run
        #[arg(long, value_name = "P")]
        sample: Option<Percent>,
    },
    Sweep(SweepArguments),
    /// Restore an instance, as `backstop restore`
    #[command(after_help = "\
Example:
  backstop repository --repository file:///srv/backups --passphrase-file /root/passphrase \\
      restore orders --latest --target /srv/restored")]
    Restore(RestoreArguments),
}

/// Delete what deleted and expired sets leave behind, 3 days after their tombstones
///
/// Nothing goes that another set, a running job or a reader needs. The service does this every day by itself. With
/// the home's catalog it is known which jobs are over; without it, those that were not renewed for 7 days are. The
/// exit status is 1 when something that cannot be read kept an instance from being swept.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  backstop repository sweep --dry-run")]
pub(crate) struct SweepArguments {
    /// Only print what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only this instance
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<InstanceId>,
}

/// A share in whole percent, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Percent(u32);

impl Percent {
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix('%').unwrap_or(text).parse() {
            Ok(number @ 1..=100) => Ok(Self(number)),
            Ok(_) | Err(_) => Err("it must be a whole number from 1 to 100"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_more_than_nothing_and_at_most_all() {
        for (text, share) in [("5", 5), ("1%", 1), ("100%", 100)] {
            assert_eq!(text.parse(), Ok(Percent(share)));
        }
        for bad in ["", "%", "0", "101", "-1", "0.5", "5 %"] {
            bad.parse::<Percent>().expect_err(bad);
        }
    }
}
