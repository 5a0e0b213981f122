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
    /// Where a tablespace goes: the directory it had, its name or its number, and the new directory; repeatable
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

/// A tablespace and the directory to restore it into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TablespaceMapping {
    /// The directory it had, its name, or its number.
    pub(crate) old: String,
    /// An absolute path.
    pub(crate) new: PathBuf,
}

impl FromStr for TablespaceMapping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Both sides may have an equals sign in them; where that leaves a choice, nothing is chosen.
        let splits = text.match_indices('=').map(|(position, _)| (&text[..position], &text[position + 1..]));
        let found: Vec<_> = splits.filter(|(old, new)| !old.is_empty() && new.starts_with('/')).collect();
        match found[..] {
            [(old, new)] => Ok(Self { old: old.to_owned(), new: new.into() }),
            [] => Err("it must be OLD=NEW, with an absolute path for NEW"),
            [..] => Err("more than one `=` could be the one between OLD and NEW"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_leads_to_an_absolute_path() {
        for (text, old, new) in [
            ("/mnt/a=b=/srv/c", "/mnt/a=b", "/srv/c"),
            ("fast=/srv/c=d", "fast", "/srv/c=d"),
            ("16385=/x", "16385", "/x"),
        ] {
            let mapping: TablespaceMapping = text.parse().expect("only one place fits");
            assert_eq!((mapping.old.as_str(), mapping.new), (old, new.into()));
        }
        for bad in ["", "/a", "=/b", "/a=b", "/a=/b=/c"] {
            bad.parse::<TablespaceMapping>().expect_err(bad);
        }
    }
}
