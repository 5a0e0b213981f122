//! The engine record of a set: what a restore needs to know of the cluster, and what a reader of listings wants to.
//!
//! Stored as JSON in the set's manifest. Positions are written as the server prints them, times in RFC 3339, the system
//! identifier as a text because JSON's readers round large numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Format of the record that this program writes. A reader refuses a larger one.
pub const RECORD_FORMAT: u32 = 1;

/// Name of the engine in a manifest.
pub const ENGINE_NAME: &str = "postgresql";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineRecord {
    /// [`RECORD_FORMAT`] at the time of writing.
    pub format: u32,
    /// Number of the cluster, chosen by `initdb`.
    pub system_identifier: String,
    /// Like `15.18`.
    pub server_version: String,
    /// Like 15; a server of another one cannot run on the files.
    pub major_version: u32,
    /// Version of `pg_control`.
    pub control_version: u32,
    /// Version of the system catalogs.
    pub catalog_version: u32,
    /// Bytes of a page.
    pub block_bytes: u32,
    /// Pages in a relation's segment file.
    pub relation_segment_blocks: u32,
    /// Bytes of a WAL segment.
    pub wal_segment_bytes: u64,
    /// Whether pages carry checksums.
    pub data_checksums: bool,
    /// Setting `wal_level`.
    pub wal_level: String,
    /// Whether the files were copied from a standby.
    pub from_standby: bool,
    /// The timeline.
    pub timeline: u32,
    /// Text of the timeline's history file; none for the first.
    pub timeline_history: Option<String>,
    /// The start checkpoint's record.
    pub checkpoint: String,
    /// Where replay begins (redo).
    pub start: String,
    /// How far replay must come.
    pub stop: String,
    /// When the copy began, by the server's clock.
    pub started: String,
    /// When it ended, by the server's clock.
    pub stopped: String,
    /// The text that `pg_backup_stop` gave.
    pub backup_label: String,
    /// The text that `pg_backup_stop` gave; empty when there are no tablespaces.
    pub tablespace_map: String,
    /// Where the files came from.
    pub data_directory: String,
    /// Numeric owner and group of the data directory.
    pub owner: u32,
    /// See `owner`.
    pub group: u32,
    /// All but the two that every cluster has.
    pub tablespaces: Vec<TablespaceRecord>,
    /// The settings files.
    pub settings: SettingsRecord,
    /// Settings that a restored server must not have lower, or it refuses to replay.
    pub recovery_settings: BTreeMap<String, String>,
    /// Default of new databases.
    pub locale: LocaleRecord,
    /// All databases.
    pub databases: Vec<DatabaseRecord>,
    /// Pages that did not fit their checksum.
    pub bad_pages: Vec<BadPagesRecord>,
}

/// A tablespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablespaceRecord {
    /// Its number.
    pub oid: u32,
    /// Its name; empty when it was dropped while the copy began.
    pub name: String,
    /// Where it lay; none for one in place, whose files lie in the data directory.
    pub location: Option<String>,
}

/// Where the settings files were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRecord {
    /// `config_file`.
    pub config_file: String,
    /// `hba_file`.
    pub hba_file: String,
    /// `ident_file`.
    pub ident_file: String,
    /// All files and folders that they include, themselves too, wherever they lie.
    pub files: Vec<String>,
    /// Which of `data_directory`, `hba_file` and `ident_file` are set in one of them.
    pub locations_set: Vec<String>,
    /// `external_pid_file`, which a restored server must not share.
    pub external_pid_file: String,
    /// `stats_temp_directory` (14 only), which a restored server must not share.
    pub stats_temp_directory: String,
}

/// Encoding and collation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocaleRecord {
    /// Like `UTF8`.
    pub encoding: String,
    /// `LC_COLLATE`.
    pub collate: String,
    /// `LC_CTYPE`.
    pub ctype: String,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseRecord {
    /// Its number, the name of its folder.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// Bytes of its relations.
    pub bytes: u64,
    /// Its tables, as far as they could be listed, largest first.
    pub tables: Vec<TableRecord>,
    /// Why tables are missing from the list.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

/// A table or materialized view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRecord {
    /// Its number in the catalog.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `r` table, `p` partitioned table, `m` materialized view.
    pub kind: String,
    /// Number of its files; 0 when it has none.
    pub relation: u32,
    /// Bytes of its files with those of its TOAST table, without indexes.
    pub bytes: u64,
}

/// Bad pages of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadPagesRecord {
    /// The file's path in the set.
    pub path: String,
    /// Number of the database; 0 for what all share.
    pub database: u32,
    /// Name of the database, when it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub database_name: Option<String>,
    /// Number of the relation's files.
    pub relation: u32,
    /// Schema and name of the table, when it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub table: Option<String>,
    /// `main`, `fsm`, `vm` or `init`.
    pub fork: String,
    /// The pages, counted over all segments, as the server counts them.
    pub blocks: Vec<u64>,
}
