//! The thread of a download: from frames to chunks, at the pace at which the client takes them.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::{Archive, ArchiveError};
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use repository::Reading;
use rpc::RequestId;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::DownloadRequest;
use super::body::DownloadBody;
use super::refusal::DownloadRefusal;
use crate::context::Context;
use crate::error_chain::error_chain;

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks between the thread and the connection: 2 MiB, so that neither waits for the other's every step.
const CHUNKS_WAITING: usize = 8;
/// A download of this length ends far within the grace of the sweep.
const SHORT_DOWNLOAD: SignedDuration = SignedDuration::from_hours(1);

/// Starts the thread that writes `range` of the archive. It ends when all is sent, the client is gone or takes nothing
/// for too long, the set cannot be read, or the service stops.
pub(super) fn start(
    context: &Arc<Context>,
    request: &DownloadRequest<'_>,
    archive: Arc<Archive>,
    range: Range<u64>,
    slot: OwnedSemaphorePermit,
) -> Result<DownloadBody, DownloadRefusal> {
    let (chunks_tx, chunks) = mpsc::channel(CHUNKS_WAITING);
    let body = DownloadBody::new(chunks, range.end - range.start);
    let mut sink = ChunkSink {
        chunks: chunks_tx,
        filled: Vec::with_capacity(CHUNK_BYTES),
        context: Arc::clone(context),
        archive: Arc::clone(&archive),
        stall_timeout: request.limits.stall_timeout,
        begun: context.clock.now(),
        is_long: false,
        reading: None,
    };
    let cut = request.cut.clone();
    let request_id = request.request_id;
    let thread =
        std::thread::Builder::new().name(format!("download-{}", archive.set().manifest().origin.set));
    let work = move || {
        let written =
            archive.write(range, &mut sink).and_then(|()| sink.finish().map_err(ArchiveError::Sink));
        if written.is_err() {
            // The connection may be waiting for a client that takes nothing.
            cut.cancel();
        }
        if matches!(written, Err(ref error) if !matches!(error, ArchiveError::Sink(_))) {
            sink.context.downloads.figures.cut_off.fetch_add(1, Ordering::Relaxed);
        }
        report(request_id, &archive, written);
        drop(slot);
    };
    match thread.spawn(work) {
        Ok(_) => Ok(body),
        Err(error) => Err(DownloadRefusal::Internal(format!("start a thread for a download: {error}"))),
    }
}

fn report(request_id: RequestId, archive: &Archive, written: Result<(), ArchiveError>) {
    let set = archive.set().manifest().origin.set;
    match written {
        Ok(()) => tracing::info!(%request_id, %set, "a download is handed over"),
        Err(ArchiveError::Sink(error)) => tracing::info!(%request_id, %set, "a download ends early: {error}"),
        Err(error) => {
            tracing::error!(%request_id, %set, "a download is cut off: {}", error_chain(&error));
        }
    }
}

/// Gathers bytes into chunks and hands them to the connection.
struct ChunkSink {
    chunks: mpsc::Sender<Bytes>,
    filled: Vec<u8>,
    context: Arc<Context>,
    archive: Arc<Archive>,
    stall_timeout: Duration,
    begun: Timestamp,
    /// Whether it goes on for so long that the sweep was to be told.
    is_long: bool,
    /// Keeps the set from the sweep while it is held.
    reading: Option<Reading>,
}

impl ChunkSink {
    fn send(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.filled, Vec::with_capacity(CHUNK_BYTES));
        if chunk.is_empty() {
            return Ok(());
        }
        self.keep_set();
        let bytes = chunk.len() as u64;
        let sent = self.within_time(async { self.chunks.send(chunk.into()).await.is_ok() })?;
        self.context.downloads.figures.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
        if sent { Ok(()) } else { Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone")) }
    }

    /// Tells the sweep of a download that may outlast the grace of a set that is deleted meanwhile.
    fn keep_set(&mut self) {
        let now = self.context.clock.now();
        if self.is_long || now.duration_since(self.begun) < SHORT_DOWNLOAD {
            return;
        }
        self.is_long = true;
        match self.context.repository.begin_reading(self.archive.set().manifest(), now) {
            Ok(reading) => self.reading = Some(reading),
            Err(error) => {
                let set = self.archive.set().manifest().origin.set;
                tracing::warn!(%set, "the sweep is not told of a download: {}", error_chain(&error));
            }
        }
    }

    /// Sends what is left, and waits until the connection has taken all of it.
    fn finish(&mut self) -> io::Result<()> {
        self.send()?;
        for free in 1..=CHUNKS_WAITING {
            // A connection that has all it needs wants no more chunks.
            self.within_time(async { drop(self.chunks.reserve_many(free).await) })?;
        }
        Ok(())
    }

    /// Waits for the client, not for ever.
    fn within_time<T>(&self, work: impl Future<Output = T>) -> io::Result<T> {
        self.context.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.context.draining.cancelled() => Err(io::Error::other("the service stops")),
                done = tokio::time::timeout(self.stall_timeout, work) => {
                    done.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing"))
                }
            }
        })
    }
}

impl Write for ChunkSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.filled.len());
        self.filled.extend_from_slice(&bytes[..taken]);
        if self.filled.len() == CHUNK_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
