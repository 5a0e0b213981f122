//! A set back into a data directory that starts.
//!
//! [`plan_restore`] decides and touches nothing; [`execute_restore`] does what the plan says and chooses nothing.
//!
//! ```text
//! folders and files of data/, tablespace/, config/      in parallel, `pg_control` not among them
//! wal/ into pg_wal                                      the set's own stretch, start to stop
//! links in pg_tblspc, settings, recovery.signal, backup_label, tablespace_map
//! everything synced
//! global/pg_control                                     last, by rename, with a checkpoint that cannot be
//! ```
//!
//! - Until the last step there is no `pg_control`, without which no server starts.
//! - After it, a server starts only through `backup_label`: who deletes that gets an error, not a broken database.
//! - Nothing is written but below the target and the folders that tablespaces are mapped to.
//! - What the set needs is in the repository: no catalog and no server are asked.

mod archive;
mod execute;
mod includes;
mod place;
mod plan;
mod settings;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use engine::{ExtractError, Owner, Retry};
use repository::{BackupSetId, InstanceId, RepositoryError};

use crate::backup_label::LabelError;
use crate::control_file::ControlFileError;
use crate::record::{EngineRecord, TablespaceRecord};

pub use archive::archive_of;
pub use execute::{RestoreReport, execute_restore};
pub use plan::plan_restore;

/// What a restore is asked to do.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// The data directory to be made: absent, or an empty folder.
    pub target: PathBuf,
    /// Where each tablespace goes.
    pub tablespaces: Vec<TablespaceMapping>,
    /// Whether the restored server goes on archiving its WAL.
    pub archiving: Archiving,
    /// Threads that fetch and write.
    pub threads: NonZeroUsize,
    /// Directories of ours (home, local repository), in or around which nothing is restored.
    pub own_directories: Vec<PathBuf>,
}

/// Where a tablespace goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablespaceMapping {
    /// Its old location, its name or its number.
    pub old: String,
    /// The folder for its files: absent, or empty.
    pub new: PathBuf,
}

/// What becomes of `archive_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archiving {
    /// Off, so that a copy never writes into the archive of the original.
    Off,
    /// As the settings of the set say.
    Keep,
}

/// All that a restore will do. Printing it is the dry run.
#[derive(Debug, Clone)]
pub struct RestorePlan {
    pub(crate) instance: InstanceId,
    pub(crate) set: BackupSetId,
    pub(crate) record: EngineRecord,
    pub(crate) target: PathBuf,
    pub(crate) tablespaces: Vec<PlannedTablespace>,
    pub(crate) archiving: Archiving,
    pub(crate) threads: NonZeroUsize,
    pub(crate) owner: Owner,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// A tablespace and its new place.
#[derive(Debug, Clone)]
pub(crate) struct PlannedTablespace {
    pub(crate) record: TablespaceRecord,
    pub(crate) new: PathBuf,
}

impl RestorePlan {
    /// Files that will be written.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The data directory that will be made.
    pub fn target(&self) -> &std::path::Path {
        &self.target
    }

    /// What the set says of the cluster.
    pub fn record(&self) -> &EngineRecord {
        &self.record
    }

    /// The command that starts the restored server, for a shell.
    pub fn start_command(&self) -> String {
        let target = shell_quoted(&self.target.display().to_string());
        match settings::unusual_config_file(self) {
            None => format!("pg_ctl -D {target} start"),
            Some(config) => {
                let option = format!("-c config_file={}", shell_quoted(&config.display().to_string()));
                format!("pg_ctl -D {target} -o {} start", shell_quoted(&option))
            }
        }
    }
}

impl fmt::Display for RestorePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, set, record, target, tablespaces, archiving, threads: _, owner, files, bytes } =
            self;
        writeln!(
            f,
            "restore backup set {set} of instance {instance} (PostgreSQL {})",
            record.server_version
        )?;
        writeln!(f, "  into {}: {files} files, {bytes} bytes", target.display())?;
        for PlannedTablespace { record, new } in tablespaces {
            let old = record.location.as_deref().unwrap_or_default();
            writeln!(f, "  tablespace {} ({}): {old} -> {}", record.name, record.oid, new.display())?;
        }
        writeln!(
            f,
            "  WAL from {} to {} on timeline {} into pg_wal",
            record.start, record.stop, record.timeline
        )?;
        for line in settings::auto_conf_lines(self) {
            writeln!(f, "  set {line}")?;
        }
        if let Some(config) = settings::unusual_config_file(self) {
            writeln!(f, "  main settings file {}", config.display())?;
        }
        f.write_str(match archiving {
            Archiving::Off => "  archiving is switched off; `--keep-archiving` leaves it as it is\n",
            Archiving::Keep => "  archiving stays as the settings say\n",
        })?;
        f.write_str(match owner {
            Owner::OfSet => "  owner and mode of each file as in the set\n",
            Owner::Runner => "  owner is whoever runs this, for only root can give files away\n",
        })?;
        let bad: usize = record.bad_pages.iter().map(|pages| pages.blocks.len()).sum();
        if bad > 0 {
            writeln!(f, "  the set has {bad} bad pages, which are restored as they are")?;
        }
        write!(f, "start it with PostgreSQL {}: {}", record.major_version, self.start_command())
    }
}

/// Why a restore is refused, or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The set is another engine's.
    #[error("the set was made by engine {engine}, this is postgresql")]
    OtherEngine {
        /// Which.
        engine: String,
    },
    /// The record is of a newer program, or damaged.
    #[error("the set's record is not understood; a newer Backstop may have made it")]
    Record(#[source] serde_json::Error),
    /// The record is of a newer program.
    #[error(
        "the set's record has format {format}, this program reads up to {}: use a newer Backstop",
        crate::RECORD_FORMAT
    )]
    RecordFormat {
        /// Which.
        format: u32,
    },
    /// There is something at the target, or where a tablespace is mapped to.
    #[error("{} is not empty; choose an empty or new directory", path.display())]
    NotEmpty {
        /// Where.
        path: PathBuf,
    },
    /// A server runs there, or did when it was killed.
    #[error("{} has a postmaster.pid: a server runs or ran there; choose an empty or new directory", path.display())]
    Running {
        /// Where.
        path: PathBuf,
    },
    /// A data directory must not be a mount point: its owner and mode are the file system's.
    #[error("{} is a mount point; choose a directory below it", path.display())]
    MountPoint {
        /// Where.
        path: PathBuf,
    },
    /// A link may lead anywhere, by now or later.
    #[error("{} is a symbolic link; name the directory itself", path.display())]
    Link {
        /// Where.
        path: PathBuf,
    },
    /// A file or the like has the name.
    #[error("{} is not a directory", path.display())]
    NotDirectory {
        /// Where.
        path: PathBuf,
    },
    /// Tablespaces without a place.
    #[error("the set has tablespaces that are not mapped; say where each goes: {}", mapping_hints(.0))]
    Unmapped(Vec<TablespaceRecord>),
    /// A mapping for what the set does not have, or a second one.
    #[error("the set has no tablespace {old:?} that is not mapped already")]
    UnknownMapping {
        /// What was named.
        old: String,
    },
    /// Two places lie one in the other.
    #[error("{} and {} lie one in the other: {reason}", one.display(), other.display())]
    Overlap {
        /// A place to be written.
        one: PathBuf,
        /// Another one.
        other: PathBuf,
        /// What the other one is.
        reason: &'static str,
    },
    /// It does not fit.
    #[error("{} has {free_bytes} bytes free and {needed_bytes} are needed", path.display())]
    NoSpace {
        /// A place on the file system.
        path: PathBuf,
        /// What there is.
        free_bytes: u64,
        /// What is needed.
        needed_bytes: u64,
    },
    /// The repository failed, or the set is damaged.
    #[error("read the set")]
    Repository(#[source] RepositoryError),
    /// A file that every set has is not what it should be.
    #[error("read backup_label or tablespace_map of the set")]
    Label(#[source] LabelError),
    /// See `Label`.
    #[error("read pg_control of the set")]
    ControlFile(#[source] ControlFileError),
    /// Fetching or writing failed; what was written does not start.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The target's own file system failed.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl RestoreError {
    /// May the restore be tried again?
    pub fn retry(&self) -> Retry {
        match self {
            Self::OtherEngine { .. }
            | Self::Record(_)
            | Self::RecordFormat { .. }
            | Self::Label(_)
            | Self::ControlFile(_) => Retry::Never,
            Self::NotEmpty { .. }
            | Self::Running { .. }
            | Self::MountPoint { .. }
            | Self::Link { .. }
            | Self::NotDirectory { .. }
            | Self::Unmapped(_)
            | Self::UnknownMapping { .. }
            | Self::Overlap { .. }
            | Self::NoSpace { .. }
            | Self::Io { .. } => Retry::AfterOperator,
            Self::Repository(_) | Self::Extract(_) => Retry::Later,
        }
    }
}

fn mapping_hints(tablespaces: &[TablespaceRecord]) -> String {
    let hint = |tablespace: &TablespaceRecord| {
        let location = tablespace.location.as_deref().unwrap_or_default();
        format!("`--tablespace {location}=NEW` ({})", tablespace.name)
    };
    tablespaces.iter().map(hint).collect::<Vec<_>>().join(", ")
}

/// A text as one word of a shell.
fn shell_quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=+:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn io_error(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell_where_they_must_be() {
        assert_eq!(shell_quoted("/srv/pg-15/data"), "/srv/pg-15/data");
        assert_eq!(shell_quoted("/srv/my data"), "'/srv/my data'");
        assert_eq!(shell_quoted("it's"), "'it'\\''s'");
    }
}
