//! HTTP: connections, limits, and an answer in the API's form for whatever arrives.
//!
//! - `/download/…`: a set as a file ([`crate::download`]).
//! - `/` and every path that is none of these: the API. `/healthz`: the process lives. `/readyz`: it takes
//!   calls. `/metrics`: figures for Prometheus.
//! - Memory is bounded: so many connections, so many bytes of heads, so many bytes of bodies. Every wait for
//!   a client has a deadline.
//! - What hyper refuses by itself, with an empty answer or none, is answered in our form all the same
//!   ([`guarded_stream`]).
//! - A panic in an action is that call's `InternalError`, and nobody else's.

mod answer_body;
mod answering;
mod body;
mod client_stream;
mod connection;
mod guarded_stream;
mod handshake;
mod limits;
mod routes;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rpc::{ApiError, ErrorCode};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use limits::ServerLimits;

use crate::context::Context;
use crate::tls::Tls;
use client_stream::ClientStream;

/// How long accepting pauses when the system has no file left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a server share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) context: Arc<Context>,
    pub(crate) limits: ServerLimits,
    /// Over which connections go, where the service speaks HTTPS.
    tls: Option<Arc<Tls>>,
    /// One permit for each open connection.
    connections: Arc<Semaphore>,
    /// One permit for each KiB of bodies in memory.
    bodies: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Server {
    pub(crate) fn new(context: Arc<Context>, limits: ServerLimits, tls: Option<Arc<Tls>>) -> Self {
        Self {
            context,
            limits,
            tls,
            connections: Arc::new(Semaphore::new(limits.connections_max)),
            bodies: Arc::new(Semaphore::new(limits.body_memory_bytes_max.div_ceil(1024))),
            tasks: TaskTracker::new(),
        }
    }

    /// What its URLs begin with.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Accepts connections until [`Server::drain`] is called.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.context.draining.cancelled() => return,
            };
            match accepted {
                Ok((stream, address)) => self.take(stream, address.ip()),
                Err(error) => {
                    tracing::warn!("accept a connection: {error}");
                    if !is_of_one_connection(&error) {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    fn take(self: &Arc<Self>, stream: TcpStream, address: IpAddr) {
        // Answers are small: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let metrics = &self.context.metrics;
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            metrics.connections_refused.fetch_add(1, Ordering::Relaxed);
            refuse_at_once(self, stream);
            return;
        };
        metrics.connections.fetch_add(1, Ordering::Relaxed);
        let server = Arc::clone(self);
        self.tasks.spawn(async move {
            let stream = match &server.tls {
                None => Some(ClientStream::Plain(stream)),
                Some(tls) => handshake::shake_hands(&server, tls, stream).await,
            };
            if let Some(stream) = stream {
                connection::serve(&server, stream, Some(address)).await;
            }
            server.context.metrics.connections.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        });
    }

    /// Lets open requests end, for as long as the limits say.
    pub(crate) async fn drain(&self) {
        self.context.draining.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.limits.drain_timeout, self.tasks.wait()).await.is_err() {
            tracing::warn!("some requests did not end in time and are cut off");
        }
    }
}

/// Answers without reading and without waiting: there is room for neither.
fn refuse_at_once(server: &Server, stream: TcpStream) {
    if server.tls.is_some() {
        // Nothing can be said before the hands are shaken.
        return;
    }
    let bytes = answering::raw_refusal(server, &ApiError::new(ErrorCode::ServiceUnavailable));
    let mut stream = stream;
    // The socket's buffer is empty, so the whole answer fits; a peer that is gone needs none.
    let _ = stream.try_write(&bytes);
    drop(tokio::spawn(async move { stream.shutdown().await }));
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
