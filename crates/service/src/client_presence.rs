//! Whether the client of a connection is still there, for a call that waits.
//!
//! Hyper does not read while a call is with us, so nobody would notice. A call that waits has the stream below
//! hyper look ([`ClientPresence::is_asked`]); who closes only its own side is answered at once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// The client's side of one connection.
#[derive(Debug, Default)]
pub(crate) struct ClientPresence {
    asked: AtomicBool,
    left: CancellationToken,
    address: Option<IpAddr>,
}

impl ClientPresence {
    /// A client that calls from there.
    pub(crate) fn at(address: Option<IpAddr>) -> Self {
        Self { address, ..Self::default() }
    }

    /// The address that it calls from: of a proxy, where there is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Ends when the client has closed its side. Cancel safe.
    pub(crate) async fn left(&self) {
        let _asking = Asking::new(&self.asked);
        self.left.cancelled().await;
    }

    /// Whether a call waits for that.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The client has closed its side, or the connection is broken.
    pub(crate) fn leave(&self) {
        self.left.cancel();
    }
}

/// That a call waits, until it is dropped.
struct Asking<'a>(&'a AtomicBool);

impl<'a> Asking<'a> {
    fn new(asked: &'a AtomicBool) -> Self {
        asked.store(true, Ordering::Relaxed);
        Self(asked)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
