//! Reading a body, whole, within its limits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use rpc::{ApiError, ErrorCode};
use tokio::sync::OwnedSemaphorePermit;

use super::Server;
use super::connection::ConnectionState;

/// A body in memory, with the right to be there.
pub(super) struct WholeBody {
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads a body.
///
/// # Errors
/// Larger than the limit → `RequestTooLarge`; slower than the deadline → `RequestTimeout`; broken →
/// `InvalidRequest.Malformed`.
pub(super) async fn read(
    server: &Server,
    state: &ConnectionState,
    body: Incoming,
) -> Result<WholeBody, ApiError> {
    if body.is_end_stream() {
        return Ok(WholeBody { bytes: Bytes::new(), _room: None });
    }
    let bytes_max = server.limits.body_bytes_max;
    let outcome = match announced(&body, bytes_max) {
        None => Err(too_large(bytes_max)),
        Some(bytes) => {
            let reading = read_within(server, body, bytes, bytes_max);
            let timeout = ApiError::new(ErrorCode::RequestTimeout);
            tokio::time::timeout(server.limits.body_timeout, reading).await.unwrap_or(Err(timeout))
        }
    };
    if outcome.is_err() {
        // The rest of it may still be on its way.
        state.lingers.store(true, Ordering::Relaxed);
    }
    outcome
}

/// The bytes that a body may have: as announced, else the limit. `None`: more than the limit.
fn announced(body: &Incoming, bytes_max: usize) -> Option<usize> {
    let hint = body.size_hint();
    match hint.exact() {
        Some(bytes) => usize::try_from(bytes).ok().filter(|bytes| *bytes <= bytes_max),
        None => Some(bytes_max),
    }
}

async fn read_within(
    server: &Server,
    mut body: Incoming,
    bytes: usize,
    bytes_max: usize,
) -> Result<WholeBody, ApiError> {
    let kibibytes = u32::try_from(bytes.div_ceil(1024)).expect("a body's limit is far below 4 TiB");
    let room = Arc::clone(&server.bodies).acquire_many_owned(kibibytes).await;
    let room = room.expect("the semaphore is never closed");
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| ApiError::because(ErrorCode::MalformedRequest, "the body is broken"))?;
        // Trailers are of no use to the API.
        let Ok(chunk) = frame.into_data() else { continue };
        if whole.len() + chunk.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(WholeBody { bytes: whole.into(), _room: Some(room) })
}

fn too_large(bytes_max: usize) -> ApiError {
    ApiError::because(ErrorCode::RequestTooLarge, format_args!("a body may have {bytes_max} bytes"))
}
