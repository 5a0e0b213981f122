//! The beginning of a connection over TLS.

use std::io;

use rpc::{ApiError, ErrorCode};
use tokio::net::TcpStream;

use super::client_stream::ClientStream;
use super::{Server, connection};
use crate::tls::Tls;

/// Shakes hands. `None`: the connection is over, for whatever reason; the client was told what could be told.
///
/// Who speaks plain HTTP gets an answer in plain HTTP that says so, instead of a broken connection.
pub(super) async fn shake_hands(server: &Server, tls: &Tls, stream: TcpStream) -> Option<ClientStream> {
    let beginning = tokio::time::timeout(server.limits.handshake_timeout, begin(tls, stream));
    let outcome = tokio::select! {
        outcome = beginning => outcome,
        () = server.context.draining.cancelled() => return None,
    };
    match outcome {
        Ok(Ok(Begun::Tls(stream))) => Some(stream),
        Ok(Ok(Begun::Plain(stream))) => {
            connection::refuse(server, stream, &ApiError::new(ErrorCode::InvalidProtocolNeedSsl)).await;
            None
        }
        Ok(Err(error)) => {
            tracing::debug!("no TLS with a client: {error}");
            None
        }
        Err(_) => {
            tracing::debug!("no TLS with a client: it took too long");
            None
        }
    }
}

enum Begun {
    Tls(ClientStream),
    Plain(ClientStream),
}

async fn begin(tls: &Tls, stream: TcpStream) -> io::Result<Begun> {
    let mut first = [0];
    let peeked = stream.peek(&mut first).await?;
    // A method's name begins with a letter, a handshake with byte 22.
    if peeked == 1 && first[0].is_ascii_alphabetic() {
        return Ok(Begun::Plain(ClientStream::Plain(stream)));
    }
    let stream = tls.acceptor().accept(stream).await?;
    Ok(Begun::Tls(ClientStream::Tls(Box::new(stream))))
}
