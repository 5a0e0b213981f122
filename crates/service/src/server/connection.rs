//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rpc::{ApiError, ErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::answer_body::AnswerBody;
use super::client_stream::ClientStream;
use super::guarded_stream::GuardedStream;
use super::{Server, answering, routes};
use crate::client_presence::ClientPresence;

/// How long a refused client may go on sending, so that it gets to read why. Closing while bytes arrive
/// would make its system throw the answer away.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes read and thrown away meanwhile.
const LINGER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Time for the last answer to be taken.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What the two sides of a connection tell each other: the stream below hyper, the routes above.
#[derive(Debug, Default)]
pub(super) struct ConnectionState {
    /// A head is being read or waited for: no call is with us.
    pub(super) between_calls: AtomicBool,
    /// The client may still be sending what nobody reads.
    pub(super) lingers: AtomicBool,
    /// The client, for a call that waits.
    pub(super) client: Arc<ClientPresence>,
    /// Ends the connection at once, whatever is on its way.
    pub(super) cut: CancellationToken,
}

/// Serves a connection until it ends.
pub(super) async fn serve(server: &Arc<Server>, stream: ClientStream, address: Option<IpAddr>) {
    let state = Arc::new(ConnectionState {
        between_calls: AtomicBool::new(true),
        client: Arc::new(ClientPresence::at(address)),
        ..Default::default()
    });
    let stream = GuardedStream::new(stream, Arc::clone(server), Arc::clone(&state));
    let service = Calls { server: Arc::clone(server), state: Arc::clone(&state) };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(server.limits.head_timeout)
        .max_headers(rpc::HEADER_COUNT_MAX)
        .max_buf_size(server.limits.head_bytes_max)
        .half_close(true)
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    let outcome = {
        let mut draining = pin!(server.context.draining.cancelled());
        let mut cut = pin!(state.cut.cancelled());
        let mut told = false;
        std::future::poll_fn(|context| {
            if cut.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if !told && draining.as_mut().poll(context).is_ready() {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            connection.poll_without_shutdown(context)
        })
        .await
    };
    let mut stream = connection.into_parts().io.into_inner();
    if let Err(error) = outcome
        && stream.owes_answer()
        && let Some(refusal) = refusal_of(&error)
    {
        let bytes = answering::raw_refusal(server, &refusal);
        state.lingers.store(true, Ordering::Relaxed);
        // A peer that is gone needs no answer.
        let _ = tokio::time::timeout(LAST_ANSWER_TIMEOUT, stream.inner().write_all(&bytes)).await;
    }
    // Over TLS this writes, to a client that may not read.
    let _ = tokio::time::timeout(LAST_ANSWER_TIMEOUT, stream.inner().shutdown()).await;
    if state.lingers.load(Ordering::Relaxed) {
        let _ = tokio::time::timeout(LINGER, throw_away(stream.inner())).await;
    }
}

/// Refuses a connection of which nothing was read.
pub(super) async fn refuse(server: &Server, mut stream: ClientStream, error: &ApiError) {
    let bytes = answering::raw_refusal(server, error);
    // A peer that is gone needs no answer.
    let _ = tokio::time::timeout(LAST_ANSWER_TIMEOUT, stream.write_all(&bytes)).await;
    let _ = tokio::time::timeout(LAST_ANSWER_TIMEOUT, stream.shutdown()).await;
    let _ = tokio::time::timeout(LINGER, throw_away(&mut stream)).await;
}

/// What to say where hyper ends a connection without a word; `None` where nobody listens any more.
fn refusal_of(error: &hyper::Error) -> Option<ApiError> {
    if error.is_timeout() {
        return Some(ApiError::new(ErrorCode::RequestTimeout));
    }
    let reason = if error.is_incomplete_message() {
        "it ends in the middle"
    } else if error.is_parse() {
        "HTTP/1.1 is expected"
    } else {
        return None;
    };
    Some(ApiError::because(ErrorCode::MalformedRequest, reason))
}

async fn throw_away(stream: &mut ClientStream) {
    let mut buffer = vec![0; 16 * 1024];
    let mut thrown = 0;
    while thrown < LINGER_BYTES_MAX {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => thrown += bytes,
        }
    }
}

/// Hands each call of a connection to the routes.
struct Calls {
    server: Arc<Server>,
    state: Arc<ConnectionState>,
}

impl Service<Request<Incoming>> for Calls {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (server, state) = (Arc::clone(&self.server), Arc::clone(&self.state));
        state.between_calls.store(false, Ordering::Relaxed);
        Box::pin(async move {
            let response = routes::answer(&server, &state, request).await;
            if response.body().is_whole() {
                state.between_calls.store(true, Ordering::Relaxed);
            }
            Ok(response)
        })
    }
}
