//! The stream below hyper, which sees to it that no refusal is empty.
//!
//! Hyper answers what it cannot parse with a bare status and no body, which the API's clients take for a
//! fault of the transport. All our own answers have a body, so such a write is known by its form: an error
//! status, and nothing after the head. It is replaced by the same refusal in the API's form.
//!
//! It also looks whether the client is still there while a call waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use rpc::{ApiError, ErrorCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::client_stream::ClientStream;
use super::connection::ConnectionState;
use super::{Server, answering};

pub(super) struct GuardedStream {
    stream: ClientStream,
    server: Arc<Server>,
    state: Arc<ConnectionState>,
    /// Bytes came since the last answer.
    unanswered: bool,
    /// What is written in the place of hyper's bare refusal, and how much of it is out.
    replacement: Option<(Vec<u8>, usize)>,
}

impl GuardedStream {
    pub(super) fn new(stream: ClientStream, server: Arc<Server>, state: Arc<ConnectionState>) -> Self {
        Self { stream, server, state, unanswered: false, replacement: None }
    }

    pub(super) fn inner(&mut self) -> &mut ClientStream {
        &mut self.stream
    }

    /// Notices that the client has closed its side, where a call waits for that. A client that sent more is
    /// there; what comes after that is not looked at.
    fn look_for_client(&self, context: &mut Context<'_>) {
        if !self.state.client.is_asked() {
            return;
        }
        if self.stream.poll_left(context) {
            self.state.client.leave();
        }
    }

    /// Whether part of a request came that nothing was said to.
    pub(super) fn owes_answer(&self) -> bool {
        self.unanswered && self.state.between_calls.load(Ordering::Relaxed)
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.unanswered |= buffer.filled().len() > before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.replacement.is_none() {
            // While a call is with us, its answer is what is written.
            let by_itself = this.state.between_calls.load(Ordering::Relaxed);
            let Some(error) = bare_refusal(bytes).filter(|_| by_itself) else {
                this.unanswered = false;
                return Pin::new(&mut this.stream).poll_write(context, bytes);
            };
            this.state.lingers.store(true, Ordering::Relaxed);
            this.replacement = Some((answering::raw_refusal(&this.server, &error), 0));
        }
        if let Some((replacement, written)) = &mut this.replacement {
            while let Some(rest) = replacement.get(*written..).filter(|rest| !rest.is_empty()) {
                match ready!(Pin::new(&mut this.stream).poll_write(context, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    bytes => *written += bytes,
                }
            }
        }
        this.replacement = None;
        this.unanswered = false;
        // To hyper it is as if its own bytes had been written.
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Hyper flushes whenever it was woken, also while a call is with us and it does not read.
        self.look_for_client(context);
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Part of a header that every answer of ours has.
const ID_HEADER: &[u8] = b"-request-id: ";

/// The refusal that hyper wrote by itself, in our words; `None` for any answer of ours.
fn bare_refusal(bytes: &[u8]) -> Option<ApiError> {
    let status = bytes.strip_prefix(b"HTTP/1.1 4").or_else(|| bytes.strip_prefix(b"HTTP/1.0 4"))?;
    // An answer of ours to HEAD has no body either, but an id.
    let is_ours = bytes.windows(ID_HEADER.len()).any(|window| window == ID_HEADER);
    if !bytes.ends_with(b"\r\n\r\n") || is_ours {
        return None;
    }
    Some(match status.get(..2)? {
        b"14" => too_large("the target is too long"),
        b"31" => too_large("target and headers are too long, or too many"),
        _ => ApiError::because(
            ErrorCode::MalformedRequest,
            "an HTTP/1.1 request line and headers are expected",
        ),
    })
}

fn too_large(reason: &str) -> ApiError {
    ApiError::because(ErrorCode::RequestTooLarge, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_are_replaced() {
        let code = |bytes: &[u8]| bare_refusal(bytes).map(|error| error.code().to_owned());
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(code(bare).as_deref(), Some("InvalidRequest.Malformed"));
        assert_eq!(code(b"HTTP/1.1 431 Too Large\r\n\r\n").as_deref(), Some("RequestTooLarge"));
        assert_eq!(code(b"HTTP/1.1 414 URI Too Long\r\n\r\n").as_deref(), Some("RequestTooLarge"));
        assert_eq!(code(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"), None);
        assert_eq!(code(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), None);
        assert_eq!(code(b"HTTP/1.1 403 Forbidden\r\nx-oss-request-id: 1\r\ncontent-length: 9\r\n\r\n"), None);
        assert_eq!(code(b"HTTP/1.1 100 Continue\r\n\r\n"), None);
    }
}
