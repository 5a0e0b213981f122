//! What a server takes, and how long it waits.

use std::time::Duration;

/// Limits of the HTTP server. The defaults bound its memory at about 130 MiB, whatever is sent;
/// over TLS each connection adds up to 64 KiB, 32 MiB in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Open connections. A poller for each of hundreds of instances fits; 512 heads of 96 KiB are 48 MiB.
    pub connections_max: usize,
    /// Bytes of one request's target and headers together: the longest target is 64 KiB, and SDKs send
    /// 3 KiB of headers.
    pub head_bytes_max: usize,
    /// Bytes of one request's body.
    pub body_bytes_max: usize,
    /// Bytes of all bodies in memory at a time; further requests wait within their deadline.
    pub body_memory_bytes_max: usize,
    /// Time for a client to shake hands, over TLS.
    pub handshake_timeout: Duration,
    /// Time for a whole head, and for an idle connection to stay.
    pub head_timeout: Duration,
    /// Time for a whole body.
    pub body_timeout: Duration,
    /// Time for a client to take 256 KiB of a download.
    pub stall_timeout: Duration,
    /// How long a download waits for others to end before it is told to come again: clients give up after 30 s.
    pub download_wait: Duration,
    /// Time for open requests to end when the service stops.
    pub drain_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: 512,
            head_bytes_max: 96 * 1024,
            body_bytes_max: rpc::BODY_BYTES_MAX,
            body_memory_bytes_max: 64 * 1024 * 1024,
            handshake_timeout: Duration::from_secs(10),
            // The API's own gateway announces `Keep-Alive: timeout=25`.
            head_timeout: Duration::from_secs(25),
            body_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_mins(1),
            download_wait: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
