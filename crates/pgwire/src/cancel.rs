//! Interrupting a connection from another thread.

use std::fmt;
use std::time::Instant;

use crate::frontend::{self, CancelKey};
use crate::socket::{Address, Socket, deadline_after};
use crate::tls::Stream;
use crate::wire::Wire;
use crate::{ConnectOptions, Error};

/// Asks the server to cancel what it does for a session. May be shared and used at any time, also in vain.
#[derive(Debug, Clone)]
pub struct CancelHandle {
    address: Address,
    options: ConnectOptions,
    key: CancelKey,
}

impl CancelHandle {
    pub(crate) fn new(address: Address, options: ConnectOptions, key: CancelKey) -> Self {
        Self { address, options, key }
    }

    /// Sends the request on a connection of its own, as encrypted as the session's, and waits until the server has
    /// taken it. The session's own thread then gets an error with
    /// [`SqlState::QUERY_CANCELED`](crate::SqlState::QUERY_CANCELED), unless its command had just ended.
    ///
    /// # Errors
    /// As for connecting; no end within `connect_timeout` → [`Error::Timeout`].
    pub fn cancel(&self) -> Result<(), Error> {
        let deadline = deadline_after(self.options.connect_timeout);
        let mut wire = Wire::new(Stream::open(&self.address, &self.options, deadline)?);
        wire.send(&frontend::cancel_request(&self.key), deadline)?;
        wait_for_end(&mut wire, deadline)
    }
}

/// The server answers a cancel request by closing the connection.
fn wait_for_end(wire: &mut Wire, deadline: Instant) -> Result<(), Error> {
    match wire.receive(deadline, "the server to take a cancel request") {
        Err(Error::Closed { .. }) => Ok(()),
        Ok(_) => Err(Error::Protocol { problem: "an answer to a cancel request" }),
        Err(error) => Err(error),
    }
}

/// Ends a connection from another thread: whatever it waits for ends at once with an error. The server ends the session
/// when it notices.
pub struct CloseHandle(Socket);

impl CloseHandle {
    pub(crate) fn new(socket: Socket) -> Self {
        Self(socket)
    }

    /// Shuts the socket down. A connection that is already gone is not an error.
    pub fn close(&self) {
        let _ = self.0.shut_down();
    }
}

impl fmt::Debug for CloseHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CloseHandle")
    }
}
