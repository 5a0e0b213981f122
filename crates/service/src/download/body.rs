//! The body of a download's answer: chunks as they come from the thread that reads the set.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// An answer: all at hand, or as it comes.
#[derive(Debug)]
pub(crate) enum Answered {
    Text(Full<Bytes>),
    Stream(DownloadBody),
}

/// Some bytes of a set's archive, as many as were announced, or an error that ends the connection.
#[derive(Debug)]
pub(crate) struct DownloadBody {
    chunks: mpsc::Receiver<Bytes>,
    left: u64,
}

impl DownloadBody {
    pub(super) fn new(chunks: mpsc::Receiver<Bytes>, bytes: u64) -> Self {
        Self { chunks, left: bytes }
    }
}

impl Body for DownloadBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = ready!(self.chunks.poll_recv(context));
        let taken = chunk.and_then(|chunk| Some((self.left.checked_sub(chunk.len() as u64)?, chunk)));
        Poll::Ready(Some(match taken {
            Some((left, chunk)) => {
                self.left = left;
                Ok(Frame::data(chunk))
            }
            // The thread has said why in the log.
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
