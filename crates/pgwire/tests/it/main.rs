//! Conversations with real servers, and with a false one.

mod authenticating;
mod encrypting;
mod false_server;
mod interrupting;
mod querying;
mod receiving_wal;
mod servers;
