//! Opening the database behind a catalog.
//!
//! SQLite: write-ahead log, `synchronous=FULL` (with NORMAL a power loss may take the last commits,
//! and a lost "backup committed" row is the worst there is), one connection that writes and some
//! that only read. The one writer is why a change waits for the change before it instead of failing.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::error::{Doing, Error};

/// Connections that only read. SQLite reads in parallel, and a node has few cores to answer with.
const SQLITE_READERS: u32 = 4;
/// Connections of one node to a shared PostgreSQL, of whose hundred several nodes want some.
const POSTGRES_CONNECTIONS_MAX: u32 = 10;
/// How long SQLite waits for another process, such as a command beside the service, to commit.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before the next try to open a file that is locked.
const LOCKED_PAUSE: Duration = Duration::from_millis(20);
/// A connection to a PostgreSQL that was idle for this long is asked whether it still is one before it is used; to ask
/// each time would cost every statement a round trip more.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// How long a caller waits for a free connection before it is told that the catalog is overloaded.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Whose clock leases go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseClock {
    /// The catalog's: on PostgreSQL the database's own, whatever callers pass; on SQLite, which one
    /// process serves, the caller's.
    Catalog,
    /// The caller's, on every database: for tests that move the time.
    Caller,
}

/// How to open a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogOptions {
    /// Whose clock leases go by.
    pub lease_clock: LeaseClock,
    /// No other process, and no other open catalog of this one, changes jobs while it is open: then
    /// they are watched from memory. Only for SQLite, and for whoever has made sure of it.
    pub sole_process: bool,
}

impl Default for CatalogOptions {
    fn default() -> Self {
        Self { lease_clock: LeaseClock::Catalog, sole_process: false }
    }
}

/// The connections of an open catalog.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    /// Takes every write; on SQLite a pool of exactly one.
    pub(crate) writer: DatabaseConnection,
    /// Takes every read outside a change; on PostgreSQL the same pool.
    pub(crate) readers: DatabaseConnection,
}

impl Connections {
    pub(crate) async fn open(url: &str) -> Result<Self, Error> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            if !path.starts_with('/') {
                return Err(Error::Url);
            }
            return Self::open_sqlite(Path::new(path)).await;
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::Url);
        }
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(POSTGRES_CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire_if_idle_for(TRUSTED_IDLE)
            .sqlx_logging(false)
            .set_application_name("backstop")
            // A statement is planned once for all values: planning costs more than what these statements read.
            .map_sqlx_postgres_opts(|postgres| postgres.options([("plan_cache_mode", "force_generic_plan")]));
        let pool = Database::connect(options).await.doing("connect to the catalog's database")?;
        Ok(Self { writer: pool.clone(), readers: pool })
    }

    async fn open_sqlite(path: &Path) -> Result<Self, Error> {
        restrict_to_owner(path)?;
        let writer = connect_sqlite(path, false).await.doing("open the catalog's file")?;
        let readers = connect_sqlite(path, true).await.doing("open the catalog's file to read")?;
        Ok(Self { writer, readers })
    }

    /// Starts a transaction that may write. It holds the write lock from its first statement: a
    /// transaction that upgrades later fails at once, past the busy timeout, when another wrote.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, Error> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.writer.begin_with_options(options).await.doing("begin a change")
    }
}

/// Whoever closes the file last empties its log, and SQLite refuses meanwhile to open it, past the busy timeout.
async fn connect_sqlite(path: &Path, read_only: bool) -> Result<DatabaseConnection, DbErr> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match Database::connect(sqlite_options(path, read_only)).await {
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                tokio::time::sleep(LOCKED_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// SQLite's `SQLITE_BUSY`.
fn is_locked(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else { return false };
    let Some(error) = error.as_database_error() else { return false };
    error.code().is_some_and(|code| code == "5")
}

fn sqlite_options(path: &Path, read_only: bool) -> ConnectOptions {
    let path = PathBuf::from(path);
    let mut options = ConnectOptions::new("sqlite://catalog");
    options
        .max_connections(if read_only { SQLITE_READERS } else { 1 })
        .min_connections(if read_only { SQLITE_READERS } else { 1 })
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A file needs no ping, which would double the cost of a short query.
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .filename(&path)
                .read_only(read_only)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
        });
    options
}

/// Makes the file, if need be, readable by its owner only; SQLite gives its log the same mode.
fn restrict_to_owner(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)
}
