//! What is sent in answer to a request: nearly always all at hand, of a download as it comes.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::connection::ConnectionState;
use crate::download::{Answered, DownloadBody};

/// The body of an answer.
#[derive(Debug)]
pub(super) enum AnswerBody {
    Whole(Full<Bytes>),
    Download { body: DownloadBody, _call: OpenCall },
}

/// A call that goes on while its answer is sent: what is written meanwhile is content, whatever it looks like.
#[derive(Debug)]
pub(super) struct OpenCall(Arc<ConnectionState>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.between_calls.store(true, Ordering::Relaxed);
    }
}

impl AnswerBody {
    /// The answer to a request for a download.
    pub(super) fn of_download(response: Response<Answered>, state: &Arc<ConnectionState>) -> Response<Self> {
        response.map(|answered| match answered {
            Answered::Text(text) => Self::Whole(text),
            Answered::Stream(body) => Self::Download { body, _call: OpenCall(Arc::clone(state)) },
        })
    }

    /// Whether the call is over once the answer's head is there.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(body) => {
                let never = |error: Infallible| match error {};
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(never)))
            }
            Self::Download { body, .. } => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Download { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Download { body, .. } => body.size_hint(),
        }
    }
}
