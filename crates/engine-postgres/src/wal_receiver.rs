//! The WAL of a set, received over the replication protocol while the files are copied.
//!
//! ```text
//! walsender ──▶ thread ──▶ one stream into the repository, cut at segment boundaries
//!     ▲            │
//!     └── flushed ─┘   only what is durably stored; the slot keeps the rest
//! ```
//!
//! - A temporary slot reserves WAL before the backup starts, so that none can be missing.
//! - Kept is what begins before the stop position; the last segment is filled with zeros, as the server does.
//! - The end of a timeline, an error of the server or a dead server fails the backup at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine::{BackupError, FileStream, JobControl, Retry, StreamedFile};
use pgwal::{Lsn, SegmentName, SegmentSize, TimelineId};
use pgwire::{
    CloseHandle, Connection, ReplicationStream, SlotName, TimelineHistoryFile, WalMessage, WalProgress,
    WalReservation,
};
use repository::AttemptId;

use crate::lost::Lost;
use crate::server::{Server, server_error};

/// How long the thread waits for WAL before it looks whether it may end.
const IDLE: Duration = Duration::from_millis(100);
/// Reports come at least this often; `wal_sender_timeout` is 60 s unless someone made it shorter.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Whole segments that are not stored after this long are stored in a pack of their own, so that the server can let
/// them go.
const STORE_INTERVAL: Duration = Duration::from_mins(1);
/// WAL that exists is sent at once; none for this long means that it will not come.
const PATIENCE: Duration = Duration::from_mins(5);
/// Largest piece of zeros written at once.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// A connection with a slot that holds WAL back from now on.
#[derive(Debug)]
pub(crate) struct ReservedWal {
    connection: Connection,
    slot: SlotName,
    system_identifier: u64,
    timeline: TimelineId,
}

/// WAL that is being received.
#[derive(Debug)]
pub(crate) struct WalReceiver {
    thread: Option<JoinHandle<Result<Vec<ReceivedSegment>, BackupError>>>,
    shared: Arc<Shared>,
    close: CloseHandle,
}

/// One segment of the set.
#[derive(Debug)]
pub(crate) struct ReceivedSegment {
    pub(crate) name: SegmentName,
    pub(crate) file: StreamedFile,
}

#[derive(Debug)]
struct Shared {
    /// Where received WAL ends.
    received: AtomicU64,
    /// Where it may end; `u64::MAX` until the backup is stopped.
    stop: AtomicU64,
}

impl ReservedWal {
    /// Connects and makes the slot. It ends with the connection, whatever happens to us.
    pub(crate) fn reserve(server: &Server, attempt: AttemptId) -> Result<Self, BackupError> {
        let action = || server_error("reserve WAL for the backup");
        let mut connection = server.connect_walsender().map_err(action())?;
        let slot = SlotName::parse(&format!("backstop_{attempt}")).map_err(action())?;
        let identity = connection.identify_system().map_err(action())?;
        connection.create_temporary_physical_slot(&slot, WalReservation::Immediately).map_err(action())?;
        Ok(Self {
            connection,
            slot,
            system_identifier: identity.system_identifier,
            timeline: identity.timeline,
        })
    }

    pub(crate) fn system_identifier(&self) -> u64 {
        self.system_identifier
    }

    /// The timeline that the server is on.
    pub(crate) fn timeline(&self) -> TimelineId {
        self.timeline
    }

    /// The history of `timeline`; none for the first.
    pub(crate) fn history(
        &mut self,
        timeline: TimelineId,
    ) -> Result<Option<TimelineHistoryFile>, BackupError> {
        if timeline == TimelineId::FIRST {
            return Ok(None);
        }
        let history = self.connection.timeline_history(timeline);
        history.map(Some).map_err(server_error("fetch the timeline's history"))
    }

    /// Begins to receive, from the start of the segment that holds `start`, into `stream`.
    pub(crate) fn receive(
        self,
        timeline: TimelineId,
        start: Lsn,
        size: SegmentSize,
        stream: FileStream,
        lost: &Arc<Lost>,
    ) -> Result<WalReceiver, BackupError> {
        let action = || server_error("receive WAL");
        let first = SegmentName::containing(timeline, start, size);
        let close = self.connection.close_handle().map_err(action())?;
        let wal =
            self.connection.start_replication(Some(&self.slot), first.start(), timeline).map_err(action())?;
        let shared = Arc::new(Shared {
            received: AtomicU64::new(first.start().as_u64()),
            stop: AtomicU64::new(u64::MAX),
        });
        let now = Instant::now();
        let receiving = Receiving {
            wal,
            stream,
            shared: Arc::clone(&shared),
            segment: first,
            done: Vec::new(),
            stored_count: 0,
            reported: now,
            stored: now,
        };
        let lost = Arc::clone(lost);
        let thread = thread::Builder::new().name("wal-receiver".to_owned()).spawn(move || {
            let outcome = receiving.run();
            // The cause goes where the copy looks; the thread's own end says only that there is one.
            outcome.map_err(|error| {
                let told = BackupError::Interrupted(engine::Interrupted::Shutdown);
                lost.set(error);
                told
            })
        });
        let thread = thread.map_err(|source| BackupError::Server {
            action: "start a thread that receives WAL".to_owned(),
            retry: Retry::Later,
            source: Box::new(source),
        })?;
        Ok(WalReceiver { thread: Some(thread), shared, close })
    }
}

impl WalReceiver {
    /// Waits for WAL up to `stop`, and returns the segments that hold it.
    pub(crate) fn finish(
        mut self,
        stop: Lsn,
        control: &dyn JobControl,
        lost: &Lost,
    ) -> Result<Vec<ReceivedSegment>, BackupError> {
        self.shared.stop.store(stop.as_u64(), Ordering::Release);
        let thread = self.thread.take().expect("only this method and drop take the thread");
        let (mut seen, mut since) = (0, Instant::now());
        while !thread.is_finished() {
            let received = self.shared.received.load(Ordering::Acquire);
            if received != seen {
                (seen, since) = (received, Instant::now());
            }
            let outcome = control.check().map_err(BackupError::from);
            if outcome.is_err() || since.elapsed() > PATIENCE {
                self.close.close();
                let _ = thread.join();
                outcome.map_err(|error| lost.explain(error))?;
                return Err(missing(Lsn::new(received), stop));
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        let outcome = thread.join().map_err(|_| BackupError::Server {
            action: "receive WAL".to_owned(),
            retry: Retry::Never,
            source: "the receiving thread panicked".into(),
        })?;
        outcome.map_err(|error| lost.explain(error))
    }
}

impl Drop for WalReceiver {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.close.close();
            let _ = thread.join();
        }
    }
}

fn missing(received: Lsn, stop: Lsn) -> BackupError {
    BackupError::Server {
        action: "receive WAL up to the backup's stop".to_owned(),
        retry: Retry::Later,
        source: format!("the server sent it up to {received} only, and {stop} is needed").into(),
    }
}

/// The thread's side.
struct Receiving {
    wal: ReplicationStream,
    stream: FileStream,
    shared: Arc<Shared>,
    /// The segment that is being received.
    segment: SegmentName,
    done: Vec<ReceivedSegment>,
    /// Of those done, so many are known to be stored.
    stored_count: usize,
    reported: Instant,
    stored: Instant,
}

impl Receiving {
    fn run(mut self) -> Result<Vec<ReceivedSegment>, BackupError> {
        loop {
            let received = self.position();
            if received.as_u64() >= self.shared.stop.load(Ordering::Acquire) {
                return self.end();
            }
            let is_asked = self.take_message(received)?;
            if is_asked || self.reported.elapsed() >= REPORT_INTERVAL {
                self.report()?;
            }
        }
    }

    /// Where received WAL ends.
    fn position(&self) -> Lsn {
        Lsn::new(self.segment.start().as_u64() + self.stream.written())
    }

    /// Takes what comes next; `true` when the server wants a report.
    fn take_message(&mut self, received: Lsn) -> Result<bool, BackupError> {
        let message = self.wal.receive(Instant::now() + IDLE).map_err(server_error("receive WAL"))?;
        match message {
            WalMessage::Data { start, server_end: _, bytes } => {
                if start != received {
                    return Err(gap(received, start));
                }
                append(&mut self.stream, &mut self.segment, &mut self.done, bytes)?;
                self.shared.received.store(self.position().as_u64(), Ordering::Release);
                Ok(false)
            }
            WalMessage::Keepalive { server_end: _, reply_requested } => Ok(reply_requested),
            WalMessage::Idle => Ok(false),
            WalMessage::TimelineEnd { next, switch } => Err(BackupError::Server {
                action: "receive WAL".to_owned(),
                retry: Retry::Later,
                source: format!(
                    "the server was promoted: timeline {} ends at {switch}, timeline {next} follows",
                    self.segment.timeline()
                )
                .into(),
            }),
        }
    }

    fn report(&mut self) -> Result<(), BackupError> {
        while self.done.get(self.stored_count).is_some_and(|done| self.stream.is_stored(&done.file)) {
            self.stored_count += 1;
        }
        if self.stored_count == self.done.len() {
            self.stored = Instant::now();
        } else if self.stored.elapsed() >= STORE_INTERVAL {
            self.stream.seal_partial()?;
            self.stored = Instant::now();
        }
        let flushed = match self.done.get(self.stored_count) {
            Some(segment) => segment.name.start(),
            None => Lsn::new(self.segment.start().as_u64() + self.stream.stored()),
        };
        let received = self.position();
        let progress = WalProgress { written: received, flushed, applied: Lsn::ZERO };
        self.wal.report(progress).map_err(server_error("report received WAL"))?;
        self.reported = Instant::now();
        Ok(())
    }

    fn end(mut self) -> Result<Vec<ReceivedSegment>, BackupError> {
        let stop = Lsn::new(self.shared.stop.load(Ordering::Acquire));
        if self.segment.start() < stop {
            let mut rest = self.segment.size().bytes() - self.stream.written();
            while rest > 0 {
                let bytes =
                    usize::try_from(rest.min(ZEROS.len() as u64)).expect("at most the length of ZEROS");
                self.stream.write(&ZEROS[..bytes])?;
                rest -= bytes as u64;
            }
            self.done.push(ReceivedSegment { name: self.segment, file: self.stream.finish_file()? });
        }
        self.done.retain(|segment| segment.name.start() < stop);
        Ok(self.done)
    }
}

/// Writes `bytes`, beginning a new file at each segment's end.
fn append(
    stream: &mut FileStream,
    segment: &mut SegmentName,
    done: &mut Vec<ReceivedSegment>,
    mut bytes: &[u8],
) -> Result<(), BackupError> {
    while !bytes.is_empty() {
        let room = segment.size().bytes() - stream.written();
        let length = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
        let (piece, rest) = bytes.split_at(length);
        stream.write(piece)?;
        bytes = rest;
        if stream.written() == segment.size().bytes() {
            done.push(ReceivedSegment { name: *segment, file: stream.finish_file()? });
            *segment = segment.next().ok_or_else(|| gap(segment.end(), segment.end()))?;
        }
    }
    Ok(())
}

fn gap(expected: Lsn, found: Lsn) -> BackupError {
    BackupError::Server {
        action: "receive WAL".to_owned(),
        retry: Retry::Later,
        source: format!("WAL from {expected} on was expected, the server sent it from {found} on").into(),
    }
}
