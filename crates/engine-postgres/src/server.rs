//! The server as this engine talks to it: connections, what it says of itself, and what differs by version.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::{BackupError, Retry};
use pgwire::{ConnectOptions, Connection, Replication, ServerVersion, SqlState};

/// Databases to connect to when none is given; the first is there unless someone dropped it.
const MAINTENANCE_DATABASES: [&str; 2] = ["postgres", "template1"];

/// Settings that a backup looks at or writes down.
const SETTINGS: [&str; 28] = [
    "archive_mode",
    "block_size",
    "config_file",
    "data_checksums",
    "data_directory",
    "external_pid_file",
    "full_page_writes",
    "hba_file",
    "hot_standby",
    "ident_file",
    "listen_addresses",
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_slot_wal_keep_size",
    "max_wal_senders",
    "max_worker_processes",
    "port",
    "segment_size",
    "server_version",
    "server_version_num",
    "stats_temp_directory",
    "track_commit_timestamp",
    "unix_socket_directories",
    "wal_level",
    "wal_log_hints",
    "wal_segment_size",
];

/// How to reach an instance.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Host, port, role and the like. The database is the one in which the role may execute backup start and stop;
    /// `postgres` when none is given.
    pub connect: ConnectOptions,
    /// Where the data directory lies on this host; where the server says, when none is given.
    pub data_directory: Option<PathBuf>,
}

/// A server that may be connected to.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) options: PostgresOptions,
}

/// What the server said of itself and of our role.
#[derive(Debug, Clone)]
pub(crate) struct ServerFacts {
    pub(crate) version: ServerVersion,
    /// As the server says it, without the packager's addition.
    pub(crate) version_text: String,
    pub(crate) system_identifier: u64,
    pub(crate) in_recovery: bool,
    pub(crate) role: String,
    pub(crate) database: String,
    rights: Vec<Right>,
    /// Our address as the server sees it; `None` by a socket.
    pub(crate) client_address: Option<String>,
    settings: BTreeMap<String, String>,
}

/// What our role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Use the replication protocol.
    Replication,
    /// Start a backup.
    Start,
    /// Stop it.
    Stop,
    /// See settings that tell of the host.
    ReadSettings,
}

impl Server {
    /// A session in `database`.
    pub(crate) fn connect_to(&self, database: &str) -> Result<Connection, pgwire::Error> {
        Connection::connect(&ConnectOptions {
            database: Some(database.to_owned()),
            replication: Replication::No,
            ..self.options.connect.clone()
        })
    }

    /// A session in the database where the role may start and stop backups.
    pub(crate) fn connect(&self) -> Result<Connection, pgwire::Error> {
        if let Some(database) = &self.options.connect.database {
            return self.connect_to(database);
        }
        let [first, second] = MAINTENANCE_DATABASES;
        match self.connect_to(first) {
            Err(error) if is_unknown_database(&error) => self.connect_to(second),
            connected_or_failed => connected_or_failed,
        }
    }

    /// A session that speaks the replication protocol.
    pub(crate) fn connect_walsender(&self) -> Result<Connection, pgwire::Error> {
        Connection::connect(&ConnectOptions {
            database: None,
            replication: Replication::Physical,
            ..self.options.connect.clone()
        })
    }
}

impl ServerFacts {
    /// Asks the server.
    pub(crate) fn ask(connection: &mut Connection) -> Result<Self, pgwire::Error> {
        let version = connection.server_version();
        let functions = BackupFunctions::of(version);
        let names = SETTINGS.map(|name| format!("'{name}'")).join(",");
        let settings = connection.query_one_set(&format!(
            "SELECT name, setting FROM pg_catalog.pg_settings WHERE setting IS NOT NULL AND name IN ({names})"
        ))?;
        let pairs = settings.rows().iter().map(|row| Ok((row.get("name")?, row.get("setting")?)));
        let settings = pairs.collect::<Result<BTreeMap<String, String>, pgwire::Error>>()?;
        let row = connection.query_one_set(&format!(
            "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()) AS system_identifier, \
                pg_catalog.pg_is_in_recovery() AS in_recovery, current_user::text AS role, \
                pg_catalog.current_database()::text AS database, \
                pg_catalog.host(pg_catalog.inet_client_addr()) AS client_address, \
                (SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) \
                    AS may_replicate, \
                pg_catalog.has_function_privilege('{start}', 'EXECUTE') AS may_start, \
                pg_catalog.has_function_privilege('{stop}', 'EXECUTE') AS may_stop, \
                pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') AS may_read_settings",
            start = functions.start,
            stop = functions.stop,
        ))?;
        let row = row.one()?;
        let mut rights = Vec::new();
        for (right, column) in [
            (Right::Replication, "may_replicate"),
            (Right::Start, "may_start"),
            (Right::Stop, "may_stop"),
            (Right::ReadSettings, "may_read_settings"),
        ] {
            if row.get(column)? {
                rights.push(right);
            }
        }
        let system_identifier: i64 = row.get("system_identifier")?;
        let version_text = connection.parameter("server_version").unwrap_or_default();
        Ok(Self {
            version,
            version_text: version_text.split(' ').next().unwrap_or_default().to_owned(),
            // SQL has no unsigned numbers; the bits are the same.
            system_identifier: system_identifier.cast_unsigned(),
            in_recovery: row.get("in_recovery")?,
            role: row.get("role")?,
            database: row.get("database")?,
            rights,
            client_address: row.get("client_address")?,
            settings,
        })
    }

    /// Whether our role may do this.
    pub(crate) fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// A setting's value; empty when the server does not have or show it.
    pub(crate) fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str)
    }
}

/// Names of the functions that start and stop a backup; they changed in 15.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackupFunctions {
    /// With the types of its arguments, as `GRANT` wants it.
    pub(crate) start: &'static str,
    /// See `start`.
    pub(crate) stop: &'static str,
    is_before_15: bool,
}

impl BackupFunctions {
    pub(crate) fn of(version: ServerVersion) -> Self {
        if version.major < 15 {
            Self {
                start: "pg_catalog.pg_start_backup(text, boolean, boolean)",
                stop: "pg_catalog.pg_stop_backup(boolean, boolean)",
                is_before_15: true,
            }
        } else {
            Self {
                start: "pg_catalog.pg_backup_start(text, boolean)",
                stop: "pg_catalog.pg_backup_stop(boolean)",
                is_before_15: false,
            }
        }
    }

    /// Starts a backup that belongs to its session (non-exclusive, the only kind that survives a crash of the server
    /// without harm). `label` must be quoted already.
    pub(crate) fn start_sql(self, label: &str, is_fast: bool) -> String {
        if self.is_before_15 {
            format!("SELECT pg_catalog.pg_start_backup({label}, {is_fast}, false) AS start")
        } else {
            format!("SELECT pg_catalog.pg_backup_start({label}, {is_fast}) AS start")
        }
    }

    /// Stops it. The archive is not waited for: this engine receives the WAL itself.
    pub(crate) fn stop_sql(self) -> &'static str {
        if self.is_before_15 {
            "SELECT lsn, labelfile, spcmapfile FROM pg_catalog.pg_stop_backup(false, false)"
        } else {
            "SELECT lsn, labelfile, spcmapfile FROM pg_catalog.pg_backup_stop(false)"
        }
    }
}

/// Wraps what the server said into the error of a backup that was doing `action`.
pub(crate) fn server_error(action: impl Into<String>) -> impl FnOnce(pgwire::Error) -> BackupError {
    let action = action.into();
    move |source| {
        let retry = match source.retry() {
            pgwire::Retry::Never => Retry::Never,
            pgwire::Retry::Later => Retry::Later,
            pgwire::Retry::AfterOperator => Retry::AfterOperator,
        };
        BackupError::Server { action, retry, source: Box::new(source) }
    }
}

fn is_unknown_database(error: &pgwire::Error) -> bool {
    error.server_message().is_some_and(|message| message.sqlstate.as_str() == "3D000")
}

/// Whether the server refused with this code.
pub(crate) fn is_refusal(error: &pgwire::Error, code: SqlState) -> bool {
    error.server_message().is_some_and(|message| message.sqlstate == code)
}
