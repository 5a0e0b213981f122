//! A client's connection, with TLS or without.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Bytes of a record's head in TLS: its type, the version, its length.
const RECORD_HEAD_BYTES: usize = 5;
/// Type of a record that tells of an end, in the clear.
const ALERT: u8 = 21;
/// Type of a record whose content is sealed.
const SEALED: u8 = 23;
/// Longest sealed record that holds an alert (2 bytes) and no more than a byte of padding or type, a nonce of 8 and a
/// tag of 16 bytes. A request is longer.
const ALERT_BYTES_MAX: u16 = 27;

pub(super) enum ClientStream {
    Plain(TcpStream),
    /// Boxed: most of it are buffers.
    Tls(Box<TlsStream<TcpStream>>),
}

impl ClientStream {
    /// Whether the client has closed its side; of what is there to read nothing is taken. A client that sent more is
    /// there, and what comes after that is not looked at.
    pub(super) fn poll_left(&self, context: &mut Context<'_>) -> bool {
        let mut head = [0; RECORD_HEAD_BYTES];
        let mut buffer = ReadBuf::new(&mut head);
        let (tcp, tls) = match self {
            Self::Plain(tcp) => (tcp, false),
            Self::Tls(stream) => (stream.get_ref().0, true),
        };
        match tcp.poll_peek(context, &mut buffer) {
            Poll::Ready(Ok(0) | Err(_)) => true,
            Poll::Ready(Ok(_)) => tls && is_farewell(buffer.filled()),
            Poll::Pending => false,
        }
    }
}

/// Whether a record of TLS is the one that closes a connection.
fn is_farewell(head: &[u8]) -> bool {
    match head {
        [ALERT, ..] => true,
        [SEALED, _, _, high, low] => u16::from_be_bytes([*high, *low]) <= ALERT_BYTES_MAX,
        _ => false,
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_record_as_short_as_an_alert_is_a_farewell() {
        assert!(is_farewell(&[21, 3, 3, 0, 2]));
        assert!(is_farewell(&[23, 3, 3, 0, 19]), "TLS 1.3: two bytes, their type, a tag");
        assert!(!is_farewell(&[23, 3, 3, 1, 0]));
        assert!(!is_farewell(&[23, 3]));
        assert!(!is_farewell(b"GET /"));
    }
}
