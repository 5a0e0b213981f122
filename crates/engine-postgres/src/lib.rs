//! The PostgreSQL engine: backs up running clusters of versions 14 to 18 and restores them.
//!
//! A backup reads the data directory on the server's own host, and receives WAL over the replication protocol. All that
//! the server needs is a role (`LOGIN REPLICATION`, `EXECUTE` on backup start and stop, `pg_read_all_settings`) and a
//! `replication` line in `pg_hba.conf`; the check stage tries each, and names the remedy for what is missing.
//!
//! Not for logical dumps, and not for a server on another host than the worker.
//!
//! ```no_run
//! use engine::{BackupEngine, JobControl};
//! use engine_postgres::{PostgresEngine, PostgresOptions};
//! use pgwire::{ConnectOptions, Host};
//!
//! # fn f(control: &dyn JobControl) -> Result<(), engine::BackupError> {
//! let connect = ConnectOptions::new(Host::Socket("/run/postgresql".into()), 5432, "backstop");
//! let engine = PostgresEngine::new(PostgresOptions { connect, data_directory: None });
//! for finding in engine.check(control)?.findings {
//!     println!("{}: {}", finding.problem, finding.remedy);
//! }
//! # Ok(())
//! # }
//! ```

mod postgres_engine;

mod backup;
mod bad_pages;
mod check;
mod content;
mod estimate;
mod lost;
mod record;
mod server;
mod session;
mod wal_receiver;

mod restore;

mod control_file;
mod page;
mod relation_file;

mod backup_label;

mod data_directory;
mod exclusion;
mod settings_files;

pub use backup_label::{BackupLabel, LabelError, MappedTablespace, TablespaceMap};
pub use control_file::{CONTROL_FILE_BYTES, ClusterState, ControlFile, ControlFileError};
pub use data_directory::{DataDirectory, DataDirectoryOptions, PageChecks, SuspectPage, Tablespace};
pub use exclusion::{Exclusion, FolderRule, REBUILT_FOLDERS, unlogged_relations};
pub use page::{PageState, page_checksum, page_lsn, page_state};
pub use postgres_engine::PostgresEngine;
pub use record::{
    BadPagesRecord, DatabaseRecord, ENGINE_NAME, EngineRecord, LocaleRecord, RECORD_FORMAT, SettingsRecord,
    TableRecord, TablespaceRecord,
};
pub use relation_file::{Fork, RelationFile, holds_relations};
pub use restore::{
    Archiving, RestoreError, RestoreOptions, RestorePlan, RestoreReport, TablespaceMapping, archive_of,
    execute_restore, plan_restore,
};
pub use server::PostgresOptions;
pub use settings_files::{SettingsFile, SettingsRoots, SettingsTree, find_settings_files};
