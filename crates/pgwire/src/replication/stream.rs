//! Receiving WAL.
//!
//! ```text
//! START_REPLICATION → CopyBoth → (WAL | keepalive)* → CopyDone both ways → next timeline → ReadyForQuery
//!                   → next timeline, at once, when nothing is left on the timeline asked for
//! ```
//! The server ends the copy by itself where its timeline ends; we end it by [`ReplicationStream::finish`].

use std::time::Instant;

use pgwal::{Lsn, TimelineId};

use crate::backend::{ReplicationData, tag};
use crate::connection::{Answer, UNEXPECTED_COPY};
use crate::frontend::{self, StandbyStatus};
use crate::socket::deadline_after;
use crate::wire::Head;
use crate::{CloseHandle, Connection, Error, ResultSet};

/// What a receiver of WAL is told.
#[derive(Debug, PartialEq, Eq)]
pub enum WalMessage<'a> {
    /// WAL, always the bytes right after those before; servers send at most 128 KiB at once.
    Data {
        /// Position of the first byte.
        start: Lsn,
        /// How far the server's WAL is.
        server_end: Lsn,
        /// The WAL itself.
        bytes: &'a [u8],
    },
    /// A sign of life.
    Keepalive {
        /// How far the server's WAL is.
        server_end: Lsn,
        /// The server ends the connection unless a report comes soon.
        reply_requested: bool,
    },
    /// The timeline ends here; its WAL is complete.
    TimelineEnd {
        /// The timeline that follows.
        next: TimelineId,
        /// Where it branches off.
        switch: Lsn,
    },
    /// Nothing came until the deadline.
    Idle,
}

/// How far a receiver of WAL is. The server may remove what lies before `flushed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalProgress {
    /// Received up to here.
    pub written: Lsn,
    /// Durably stored up to here.
    pub flushed: Lsn,
    /// Replayed up to here; for a receiver that replays nothing, zero or the same as `flushed`.
    pub applied: Lsn,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Streaming,
    Ended { next: TimelineId, switch: Lsn },
}

/// A stream of WAL. Owns its connection; dropping it ends the session.
#[derive(Debug)]
pub struct ReplicationStream {
    connection: Connection,
    state: State,
    /// Where the next WAL must begin.
    position: Lsn,
    /// The server's clock as it last told, and when that was by ours.
    clock: Option<(i64, Instant)>,
}

impl ReplicationStream {
    pub(super) fn start(mut connection: Connection, command: &str, start: Lsn) -> Result<Self, Error> {
        let message = frontend::query(command)?;
        let deadline = deadline_after(connection.response_timeout());
        let state = connection.exchange(|this| {
            this.wire.send(&message, deadline)?;
            read_start(this, deadline)
        })?;
        Ok(Self { connection, state, position: start, clock: None })
    }

    /// The next message, or [`WalMessage::Idle`] at the deadline; a message that is then half received comes whole the
    /// next time. After the timeline's end, every call says so again. After an error the stream is unusable.
    ///
    /// # Errors
    /// The server shuts down, was killed, or the connection was closed → [`Error::Closed`]; it reports an error, such as
    /// WAL that is gone → [`Error::Server`]; WAL that does not follow on what came before → [`Error::Protocol`].
    pub fn receive(&mut self, deadline: Instant) -> Result<WalMessage<'_>, Error> {
        if let State::Ended { next, switch } = self.state {
            return Ok(WalMessage::TimelineEnd { next, switch });
        }
        let position = self.position;
        let step = self.connection.exchange(|this| next_step(this, position, deadline));
        match step.inspect_err(|_| self.connection.mark_broken())? {
            Step::Idle => Ok(WalMessage::Idle),
            Step::Wal { start, server_end, sent_at, end, head } => {
                self.position = end;
                self.clock = Some((sent_at, Instant::now()));
                let body = self.connection.wire.body(&head);
                let bytes = body.get(ReplicationData::WAL_HEADER_BYTES..).unwrap_or_default();
                Ok(WalMessage::Data { start, server_end, bytes })
            }
            Step::Keepalive { server_end, sent_at, reply_requested } => {
                self.clock = Some((sent_at, Instant::now()));
                Ok(WalMessage::Keepalive { server_end, reply_requested })
            }
            Step::End { next, switch } => {
                self.state = State::Ended { next, switch };
                Ok(WalMessage::TimelineEnd { next, switch })
            }
        }
    }

    /// Tells the server how far we are. Due at least twice in its `wal_sender_timeout` (60 s by default), and soon after
    /// a keepalive that asks for it. Does nothing after the timeline's end.
    ///
    /// # Errors
    /// The connection is gone, or takes nothing within `response_timeout` → [`Error::Io`], [`Error::Timeout`].
    pub fn report(&mut self, progress: WalProgress) -> Result<(), Error> {
        self.send_status(progress, false)
    }

    /// As [`ReplicationStream::report`], and asks the server for a keepalive at once: the way to learn whether a silent
    /// server is still there.
    ///
    /// # Errors
    /// As [`ReplicationStream::report`].
    pub fn report_and_ask(&mut self, progress: WalProgress) -> Result<(), Error> {
        self.send_status(progress, true)
    }

    /// Position after the last byte that was received: the next data begins here.
    pub fn position(&self) -> Lsn {
        self.position
    }

    /// Ends the stream and gives the connection back. WAL that is under way is dropped.
    ///
    /// # Errors
    /// As [`ReplicationStream::receive`]; no end within `response_timeout` → [`Error::Timeout`].
    pub fn finish(mut self) -> Result<Connection, Error> {
        if matches!(self.state, State::Streaming) {
            let deadline = deadline_after(self.connection.response_timeout());
            self.connection.exchange(|this| {
                this.wire.send(&frontend::copy_done(), deadline)?;
                skip_copy(this, deadline)?;
                this.collect_sets(deadline).map(drop)
            })?;
        }
        Ok(self.connection)
    }

    /// Lets another thread end the stream, whatever it waits for.
    ///
    /// # Errors
    /// The socket cannot be shared → [`Error::Io`].
    pub fn close_handle(&self) -> Result<CloseHandle, Error> {
        self.connection.close_handle()
    }

    /// The server process that sends the WAL.
    pub fn process_id(&self) -> Option<i32> {
        self.connection.process_id()
    }

    fn send_status(&mut self, progress: WalProgress, reply: bool) -> Result<(), Error> {
        if matches!(self.state, State::Ended { .. }) {
            return Ok(());
        }
        let WalProgress { written, flushed, applied } = progress;
        let sent_at = self.server_time();
        let message = frontend::standby_status(&StandbyStatus { written, flushed, applied, sent_at, reply });
        let deadline = deadline_after(self.connection.response_timeout());
        self.connection.exchange(|this| this.wire.send(&message, deadline))
    }

    /// The time by the server's clock, which it shows as `reply_time`; the epoch before it told any.
    fn server_time(&self) -> i64 {
        self.clock.map_or(0, |(sent_at, since)| {
            sent_at.saturating_add(i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX))
        })
    }
}

/// One message of a running copy, checked.
enum Step {
    Idle,
    Wal { start: Lsn, server_end: Lsn, sent_at: i64, end: Lsn, head: Head },
    Keepalive { server_end: Lsn, sent_at: i64, reply_requested: bool },
    End { next: TimelineId, switch: Lsn },
}

fn next_step(connection: &mut Connection, position: Lsn, deadline: Instant) -> Result<Step, Error> {
    const DURING: &str = "streaming WAL";
    loop {
        let Some(head) = connection.wire.poll(deadline, DURING)? else {
            return Ok(Step::Idle);
        };
        match head.tag {
            tag::COPY_DATA => return read_data(connection, head, position),
            tag::COPY_DONE => return end_timeline(connection),
            // A server that shuts down ends the command without ending the copy.
            tag::COMMAND_COMPLETE => return Err(Error::Closed { during: DURING }),
            _ => {
                if connection.interpret(&head)?.is_some() {
                    return Err(Error::Protocol { problem: "a message that does not belong into a copy" });
                }
                connection.take_statement_error()?;
            }
        }
    }
}

fn read_data(connection: &Connection, head: Head, position: Lsn) -> Result<Step, Error> {
    let body = connection.wire.body(&head);
    match ReplicationData::decode(body)? {
        ReplicationData::Wal { start, server_end, sent_at } => {
            if start != position {
                return Err(Error::Protocol { problem: "WAL that does not follow on what came before" });
            }
            let bytes = body.len().saturating_sub(ReplicationData::WAL_HEADER_BYTES);
            let end = u64::try_from(bytes).ok().and_then(|bytes| start.checked_add(bytes));
            let end = end.ok_or(Error::Protocol { problem: "WAL beyond the end of the log" })?;
            Ok(Step::Wal { start, server_end, sent_at, end, head })
        }
        ReplicationData::Keepalive { server_end, sent_at, reply_requested } => {
            Ok(Step::Keepalive { server_end, sent_at, reply_requested })
        }
    }
}

/// The server ended its side: we end ours, and it says what follows.
fn end_timeline(connection: &mut Connection) -> Result<Step, Error> {
    let deadline = deadline_after(connection.response_timeout());
    connection.wire.send(&frontend::copy_done(), deadline)?;
    let sets = connection.collect_sets(deadline)?;
    let (next, switch) = read_timeline_end(&sets)?;
    Ok(Step::End { next, switch })
}

fn read_start(connection: &mut Connection, deadline: Instant) -> Result<State, Error> {
    let (mut rows, mut sets) = (Vec::new(), Vec::new());
    loop {
        match connection.next_answer(deadline, "the start of replication")? {
            Answer::CopyBoth => return Ok(State::Streaming),
            Answer::Row(row) => rows.push(row),
            Answer::Complete { columns, tag } => {
                sets.push(ResultSet::new(columns, std::mem::take(&mut rows), tag));
            }
            Answer::Ready => {
                connection.take_statement_error()?;
                let (next, switch) = read_timeline_end(&sets)?;
                return Ok(State::Ended { next, switch });
            }
            Answer::CopyDone => return Err(UNEXPECTED_COPY),
        }
    }
}

fn read_timeline_end(sets: &[ResultSet]) -> Result<(TimelineId, Lsn), Error> {
    let row = sets.iter().find_map(|set| set.rows().first());
    let row = row.ok_or(Error::Protocol { problem: "a timeline ends and none follows" })?;
    Ok((row.get("next_tli")?, row.get("next_tli_startpos")?))
}

/// Drops what is under way until the server has ended its side of the copy.
fn skip_copy(connection: &mut Connection, deadline: Instant) -> Result<(), Error> {
    loop {
        let head = connection.wire.receive(deadline, "the end of a stream of WAL")?;
        match head.tag {
            tag::COPY_DATA => {}
            tag::COPY_DONE => return Ok(()),
            _ => {
                if connection.interpret(&head)?.is_some() {
                    return Err(Error::Protocol { problem: "a message that does not belong into a copy" });
                }
                connection.take_statement_error()?;
            }
        }
    }
}
