//! Messages on a stream: the five-byte header, buffering, deadlines and the largest size.
//!
//! The buffer grows only with bytes that have arrived, never with what a header announces, and a message that is cut by
//! a deadline stays in the buffer: reading goes on where it was.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::time::Instant;

use crate::Error;
use crate::socket::is_timeout;
use crate::tls::Stream;

/// Largest message that is read. The server's own limit is 1 GiB; nothing we ask for needs more than a file's worth
/// of 8 MiB in hexadecimal, and WAL comes in 128 KiB.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

const HEADER_BYTES: usize = 5;
/// One message of WAL and its header, so that streaming needs one read for each.
const BUFFER_BYTES: usize = 256 * 1024;

/// Where a message's body lies in the buffer. Valid until the next message is read.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) tag: u8,
    body: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    /// Received and not yet handed out.
    pending: Range<usize>,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, buffer: vec![0; BUFFER_BYTES], pending: 0..0 }
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn body(&self, head: &Head) -> &[u8] {
        self.buffer.get(head.body.clone()).unwrap_or_default()
    }

    /// The next message; `None` when the deadline passes before it is whole.
    pub(crate) fn poll(&mut self, deadline: Instant, during: &'static str) -> Result<Option<Head>, Error> {
        loop {
            if let Some(head) = self.take_message()? {
                return Ok(Some(head));
            }
            if !self.fill(deadline, during)? {
                return Ok(None);
            }
        }
    }

    /// The next message.
    pub(crate) fn receive(&mut self, deadline: Instant, waiting_for: &'static str) -> Result<Head, Error> {
        self.poll(deadline, waiting_for)?.ok_or(Error::Timeout { waiting_for })
    }

    pub(crate) fn send(&mut self, message: &[u8], deadline: Instant) -> Result<(), Error> {
        let during = "send to the server";
        let failed = |source: io::Error| match source {
            source if is_timeout(&source) => Error::Timeout { waiting_for: during },
            source if is_end(&source) => Error::Closed { during },
            source => Error::Io { during, source },
        };
        self.stream.socket_mut().set_write_deadline(deadline);
        let mut rest = message;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(Error::Closed { during }),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(failed(source)),
            }
        }
        self.stream.flush().map_err(failed)
    }

    fn take_message(&mut self) -> Result<Option<Head>, Error> {
        let pending = self.buffer.get(self.pending.clone()).unwrap_or_default();
        let Some(needed) = message_bytes(pending)? else {
            return Ok(None);
        };
        if pending.len() < needed {
            return Ok(None);
        }
        let start = self.pending.start;
        self.pending.start += needed;
        Ok(Some(Head { tag: self.buffer[start], body: start + HEADER_BYTES..start + needed }))
    }

    /// Reads once; `false` when the deadline passed.
    fn fill(&mut self, deadline: Instant, during: &'static str) -> Result<bool, Error> {
        self.make_room();
        self.stream.socket_mut().set_read_deadline(deadline);
        loop {
            match self.stream.read(&mut self.buffer[self.pending.end..]) {
                Ok(0) => return Err(Error::Closed { during }),
                Ok(count) => {
                    self.pending.end += count;
                    return Ok(true);
                }
                Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                Err(source) if is_timeout(&source) => return Ok(false),
                Err(source) if is_end(&source) => return Err(Error::Closed { during }),
                Err(source) => return Err(Error::Io { during, source }),
            }
        }
    }

    /// Leaves at least one byte of room behind what is pending.
    fn make_room(&mut self) {
        if self.pending.is_empty() {
            self.pending = 0..0;
            if self.buffer.len() > BUFFER_BYTES {
                self.buffer = vec![0; BUFFER_BYTES];
            }
        }
        if self.pending.end == self.buffer.len() && self.pending.start > 0 {
            self.buffer.copy_within(self.pending.clone(), 0);
            self.pending = 0..self.pending.len();
        }
        if self.pending.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}

/// TLS says so when the peer vanished without a goodbye, TCP when it was killed.
fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

/// Bytes of the message that begins here, with its header; `None` when even that is not known yet.
fn message_bytes(pending: &[u8]) -> Result<Option<usize>, Error> {
    let Some((&[_tag, ref length @ ..], _)) = pending.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let announced = u32::from_be_bytes(*length);
    if announced < 4 {
        return Err(Error::Protocol { problem: "a message shorter than its own length" });
    }
    match usize::try_from(announced) {
        Ok(bytes) if bytes <= MESSAGE_BYTES_MAX => Ok(Some(bytes + 1)),
        _ => Err(Error::MessageTooLarge { bytes: announced.into() }),
    }
}

#[cfg(test)]
mod tests;
