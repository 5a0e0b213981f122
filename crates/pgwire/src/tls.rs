//! TLS, negotiated as PostgreSQL does it: a request and a one-byte answer, then the handshake on the same socket.
//!
//! The answer is read as one byte and no more, so nothing that was sent before the handshake can be taken for part of
//! the encrypted conversation (CVE-2021-23222).

mod certificate;
mod verifier;

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::socket::{Address, Socket};
use crate::{ConnectOptions, Error, Host, SslMode, frontend};

use verifier::Verifier;

/// A connection's bytes, encrypted or not.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Stream {
    /// Connects to one address and negotiates TLS as the mode asks.
    pub(crate) fn open(
        address: &Address,
        options: &ConnectOptions,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let text = match (&options.host, address) {
            (Host::Tcp(name), _) => format!("{name}:{}", options.port),
            (Host::Socket(_), address) => address.to_string(),
        };
        let failed = |source| Error::Connect { address: text.clone(), source };
        let mut socket = address.connect(deadline).map_err(failed)?;
        let Host::Tcp(name) = &options.host else {
            return Ok(Self::Plain(socket));
        };
        if options.ssl_mode == SslMode::Disable {
            return Ok(Self::Plain(socket));
        }
        match (request(&mut socket, deadline).map_err(failed)?, options.ssl_mode) {
            (b'S', _) => shake_hands(socket, name, options, deadline, &text),
            (b'N', SslMode::Prefer | SslMode::Disable) => Ok(Self::Plain(socket)),
            (b'N', SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => {
                Err(Error::TlsNotOffered { address: text })
            }
            _ => Err(Error::Protocol { problem: "neither yes nor no to the request for TLS" }),
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    pub(crate) fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &mut stream.sock,
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The hash that binds SCRAM to this TLS session (`tls-server-end-point`, RFC 5929). `None` without TLS, and
    /// for certificates whose signature names no hash.
    pub(crate) fn server_end_point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => certificate::end_point_hash(stream.conn.peer_certificates()?.first()?),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn request(socket: &mut Socket, deadline: Instant) -> io::Result<u8> {
    socket.set_write_deadline(deadline);
    socket.write_all(&frontend::ssl_request())?;
    socket.set_read_deadline(deadline);
    let mut answer = [0];
    socket.read_exact(&mut answer)?;
    Ok(answer[0])
}

fn shake_hands(
    socket: Socket,
    host: &str,
    options: &ConnectOptions,
    deadline: Instant,
    address: &str,
) -> Result<Stream, Error> {
    let failed = |source| Error::Tls { address: address.to_owned(), source };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Error::Setting { setting: "host", problem: "is not a name that TLS can ask for" })?;
    let connection =
        ClientConnection::new(config(options)?, name).map_err(|source| failed(io::Error::other(source)))?;
    let mut stream = Box::new(StreamOwned::new(connection, socket));
    stream.sock.set_read_deadline(deadline);
    stream.sock.set_write_deadline(deadline);
    while stream.conn.is_handshaking() {
        let StreamOwned { conn, sock } = &mut *stream;
        conn.complete_io(sock).map_err(failed)?;
    }
    Ok(Stream::Tls(stream))
}

fn config(options: &ConnectOptions) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new(options, provider.signature_verification_algorithms)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::Tls { address: options.host.to_string(), source: io::Error::other(source) })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}
