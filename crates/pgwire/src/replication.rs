//! Commands of the replication protocol ("Streaming Replication Protocol" in PostgreSQL's documentation).
//!
//! They need a connection with [`Replication::Physical`](crate::Replication::Physical) or
//! [`Replication::Database`](crate::Replication::Database).

mod slot_name;
mod stream;

use pgwal::{Lsn, TimelineId};

use crate::{Connection, Error, quote_literal};

pub use slot_name::SlotName;
pub use stream::{ReplicationStream, WalMessage, WalProgress};

/// What `IDENTIFY_SYSTEM` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemIdentity {
    /// Chosen by `initdb`; the same for all standbys.
    pub system_identifier: u64,
    /// The timeline that the server is on.
    pub timeline: TimelineId,
    /// How far WAL is on the server's disk; on a standby, how far it is received or replayed.
    pub flush_position: Lsn,
    /// The database of the connection, if it has one.
    pub database: Option<String>,
}

/// When a slot begins to hold WAL back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalReservation {
    /// At once, from the last checkpoint's redo position.
    Immediately,
    /// When a receiver first streams from it.
    AtFirstUse,
}

/// What `CREATE_REPLICATION_SLOT` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationSlot {
    /// The slot's name.
    pub name: String,
    /// Where a logical slot becomes consistent; zero for a physical one.
    pub consistent_point: Lsn,
    /// An exported snapshot; none for a physical slot.
    pub snapshot: Option<String>,
    /// The plug-in of a logical slot; none for a physical one.
    pub output_plugin: Option<String>,
}

/// A timeline's history file, as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineHistoryFile {
    /// Its name, such as `00000002.history`.
    pub file_name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl Connection {
    /// Which cluster this is and how far its WAL is.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub fn identify_system(&mut self) -> Result<SystemIdentity, Error> {
        let set = self.query_one_set("IDENTIFY_SYSTEM")?;
        let row = set.one()?;
        Ok(SystemIdentity {
            system_identifier: row.get("systemid")?,
            timeline: row.get("timeline")?,
            flush_position: row.get("xlogpos")?,
            database: row.get("dbname")?,
        })
    }

    /// Makes a physical slot that the server drops by itself when this connection ends, however it ends, and also when
    /// any command on this connection fails (`ReplicationSlotCleanup` in the server's `PostgresMain`): give the slot a
    /// connection that is used for nothing else that may fail.
    ///
    /// # Errors
    /// The name is taken, no slot is free, or the right is missing → [`Error::Server`].
    pub fn create_temporary_physical_slot(
        &mut self,
        name: &SlotName,
        reservation: WalReservation,
    ) -> Result<ReplicationSlot, Error> {
        // The grammar of 10 to 14; later servers take it too.
        let reserve = match reservation {
            WalReservation::Immediately => " RESERVE_WAL",
            WalReservation::AtFirstUse => "",
        };
        let command = format!("CREATE_REPLICATION_SLOT \"{name}\" TEMPORARY PHYSICAL{reserve}");
        let set = self.query_one_set(&command)?;
        let row = set.one()?;
        Ok(ReplicationSlot {
            name: row.get("slot_name")?,
            consistent_point: row.get("consistent_point")?,
            snapshot: row.get("snapshot_name")?,
            output_plugin: row.get("output_plugin")?,
        })
    }

    /// From where on a slot holds WAL back; `None` when it holds none yet. Needs a connection that takes SQL.
    ///
    /// # Errors
    /// No such slot → [`Error::ResultShape`].
    pub fn slot_restart_position(&mut self, name: &SlotName) -> Result<Option<Lsn>, Error> {
        let name = quote_literal(name.as_str())?;
        let sql = format!("SELECT restart_lsn FROM pg_catalog.pg_replication_slots WHERE slot_name = {name}");
        self.query_one_set(&sql)?.one()?.get("restart_lsn")
    }

    /// Drops a slot that no receiver uses.
    ///
    /// # Errors
    /// No such slot, or one in use → [`Error::Server`].
    pub fn drop_slot(&mut self, name: &SlotName) -> Result<(), Error> {
        self.query(&format!("DROP_REPLICATION_SLOT \"{name}\"")).map(drop)
    }

    /// The history file of a timeline. The first timeline has none.
    ///
    /// # Errors
    /// There is no such file → [`Error::Server`].
    pub fn timeline_history(&mut self, timeline: TimelineId) -> Result<TimelineHistoryFile, Error> {
        let set = self.query_one_set(&format!("TIMELINE_HISTORY {timeline}"))?;
        let row = set.one()?;
        let missing = || Error::ColumnNull { column: "content".to_owned() };
        Ok(TimelineHistoryFile {
            file_name: row.get("filename")?,
            content: row.bytes("content")?.ok_or_else(missing)?.to_vec(),
        })
    }

    /// Begins to stream WAL from `start` on. The connection belongs to the stream until [`ReplicationStream::finish`].
    ///
    /// # Errors
    /// No such slot, one in use, or a timeline that is not in the server's history → [`Error::Server`]; the connection
    /// ends with it. WAL that is gone, and a position that lies ahead, are told by the first
    /// [`ReplicationStream::receive`].
    pub fn start_replication(
        self,
        slot: Option<&SlotName>,
        start: Lsn,
        timeline: TimelineId,
    ) -> Result<ReplicationStream, Error> {
        let slot = slot.map_or_else(String::new, |name| format!("SLOT \"{name}\" "));
        let command = format!("START_REPLICATION {slot}PHYSICAL {start} TIMELINE {timeline}");
        ReplicationStream::start(self, &command, start)
    }
}
