use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use repository::{BackupSetId, InstanceId};

use super::RepositoryAccess;

/// Restore an instance into a new directory
///
/// Runs here, with the home's repository or another one, and needs no service. The target must be empty or
/// absent. Nothing is written outside of it and of the directories given by --tablespace. In the end it prints
/// how to start the server.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  backstop restore orders --backup 17 --target /srv/restored --tablespace /mnt/fast=/srv/restored-fast --dry-run
  backstop restore orders --latest --target /srv/restored \\
      --repository file:///srv/backups --key-file /media/usb/backstop.key")]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) access: RepositoryAccess,
    #[command(flatten)]
    pub(crate) arguments: RestoreArguments,
}

/// What is restored, to which point, and where to.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The instance
    pub(crate) id: InstanceId,
    #[command(flatten)]
    pub(crate) point: PointArguments,
    /// Directory to restore into: empty, or not there yet
    #[arg(long, value_name = "DIR")]
    pub(crate) target: PathBuf,
    /// Where a tablespace goes: the directory it had, and the new one; repeatable
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) tablespace: Vec<TablespaceMapping>,
    /// Leave `archive_mode` as it was. Without this the restored server archives nothing
    #[arg(long)]
    pub(crate) keep_archiving: bool,
    /// Only print what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The point to restore to: one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PointArguments {
    /// This backup set, to its consistent point
    #[arg(long, value_name = "BACKUP")]
    pub(crate) backup: Option<BackupSetId>,
    /// The newest backup set, to its consistent point
    #[arg(long)]
    pub(crate) immediate: bool,
    /// The latest state that the repository holds
    #[arg(long)]
    pub(crate) latest: bool,
}

/// A tablespace's directory as it was, and the one to restore it into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TablespaceMapping {
    pub(crate) old: PathBuf,
    pub(crate) new: PathBuf,
}

impl FromStr for TablespaceMapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A path with an equals sign in it cannot be told apart; none is split at the wrong place unnoticed,
        // since both sides must be absolute.
        let mut splits =
            text.match_indices('=').map(|(position, _)| (&text[..position], &text[position + 1..]));
        let absolute = |path: &str| path.starts_with('/');
        let found: Vec<_> = splits.by_ref().filter(|(old, new)| absolute(old) && absolute(new)).collect();
        match found[..] {
            [(old, new)] => Ok(Self { old: old.into(), new: new.into() }),
            [] => Err("it must be OLD=NEW, both absolute paths".to_owned()),
            [..] => Err("more than one `=` could be the one between the two paths".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_two_absolute_paths() {
        let mapping: TablespaceMapping = "/mnt/a=b=/srv/c".parse().expect("only one place fits");
        assert_eq!((mapping.old, mapping.new), ("/mnt/a=b".into(), "/srv/c".into()));
        for bad in ["", "/a", "a=/b", "/a=b", "/a=/b=/c"] {
            bad.parse::<TablespaceMapping>().expect_err(bad);
        }
    }
}
