//! A PostgreSQL client for backups: SQL by the simple query protocol, and the replication protocol, over blocking
//! sockets.
//!
//! One connection type does everything that an engine needs: with [`Replication::Database`] it runs SQL
//! (`pg_backup_start`), makes slots, reads timeline histories and streams WAL. Threads own connections; a
//! [`CancelHandle`] and a [`CloseHandle`] let another thread interrupt them.
//!
//! - Every wait has a deadline. After a failed read or write the connection is latched: it answers
//!   [`Error::Broken`] and nothing else, because nobody knows where the conversation stood.
//! - Bytes from the server are foreign: parsers return errors, messages and results have a largest size.
//! - It is not a general driver: no extended protocol, no prepared statements, no pool, no COPY of tables.
//!
//! ```no_run
//! use pgwire::{ConnectOptions, Connection, Host};
//!
//! let options = ConnectOptions::new(Host::Socket("/run/postgresql".into()), 5432, "backstop");
//! let mut connection = Connection::connect(&options)?;
//! let sets = connection.query("SELECT count(*) AS tables FROM pg_class WHERE relkind = 'r'")?;
//! let tables: i64 = sets[0].one()?.get("tables")?;
//! println!("{tables} tables on PostgreSQL {}", connection.server_version());
//! # Ok::<(), pgwire::Error>(())
//! ```

mod connect_options;
mod password;

mod connection;
mod rows;
mod server_version;

mod cancel;
mod replication;

mod authentication;
mod socket;
mod tls;
mod wire;

mod backend;
mod frontend;
mod quote;
mod server_message;

mod error;

pub use authentication::AuthenticationMethod;
pub use cancel::{CancelHandle, CloseHandle};
pub use connect_options::{ConnectOptions, Host, Replication, SslMode};
pub use connection::{Connection, TransactionStatus};
pub use error::{Error, Retry};
pub use password::Password;
pub use quote::{quote_identifier, quote_literal};
pub use replication::{
    ReplicationSlot, ReplicationStream, SlotName, SystemIdentity, TimelineHistoryFile, WalMessage,
    WalProgress, WalReservation,
};
pub use rows::{FromText, ResultSet, Row};
pub use server_message::{ServerMessage, SqlState};
pub use server_version::ServerVersion;
pub use wire::MESSAGE_BYTES_MAX;
