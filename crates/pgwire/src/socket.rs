//! Blocking sockets whose every wait has a deadline.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::{ConnectOptions, Error, Host};

/// A dead peer is noticed after `KEEPALIVE_IDLE` + `KEEPALIVE_PROBES` × `KEEPALIVE_INTERVAL` = 60 s of silence, well
/// before the two hours of Linux's defaults and after any hiccup that TCP itself repairs.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;
/// Sent bytes that nobody acknowledges for as long end the connection too; keepalive does not cover them.
const UNACKNOWLEDGED_MILLISECONDS_MAX: u32 = 60_000;

/// The moment `timeout` from now; a timeout beyond the clock's range ends in a year.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_hours(365 * 24);
    let now = Instant::now();
    now.checked_add(timeout.min(YEAR)).unwrap_or(now)
}

/// The address that a connection was made to, so that a cancel request goes to the same server.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Address {
    /// Every address of the host, in the resolver's order.
    pub(crate) fn resolve(options: &ConnectOptions) -> Result<Vec<Self>, Error> {
        match &options.host {
            Host::Socket(directory) => {
                Ok(vec![Self::Unix(directory.join(format!(".s.PGSQL.{}", options.port)))])
            }
            Host::Tcp(name) => {
                let failed = |source| Error::Connect { address: format!("{name}:{}", options.port), source };
                let found = (name.as_str(), options.port).to_socket_addrs().map_err(failed)?;
                Ok(found.map(Self::Tcp).collect())
            }
        }
    }

    pub(crate) fn connect(&self, deadline: Instant) -> io::Result<Socket> {
        let timeout = remaining(deadline).ok_or(io::ErrorKind::TimedOut)?;
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, timeout)?;
                stream.set_nodelay(true)?;
                sockopt::set_socket_keepalive(&stream, true)?;
                sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE)?;
                sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_INTERVAL)?;
                sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_PROBES)?;
                sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MILLISECONDS_MAX)?;
                Ok(Socket::new(Kind::Tcp(stream), deadline))
            }
            Self::Unix(path) => Ok(Socket::new(Kind::Unix(connect_unix(path, timeout)?), deadline)),
        }
    }
}

/// `UnixStream::connect` waits without limit while the server's backlog is full; the send timeout bounds it.
fn connect_unix(path: &std::path::Path, timeout: Duration) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// Time left; `None` when the deadline has passed. Never zero, which sockets take for "no limit".
fn remaining(deadline: Instant) -> Option<Duration> {
    let left = deadline.checked_duration_since(Instant::now())?;
    (!left.is_zero()).then_some(left)
}

/// A connected socket of either kind. Whoever reads or writes, TLS included, is bound by the deadlines set here, however
/// many system calls it takes.
#[derive(Debug)]
pub(crate) struct Socket {
    kind: Kind,
    read_deadline: Instant,
    write_deadline: Instant,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn new(kind: Kind, deadline: Instant) -> Self {
        Self { kind, read_deadline: deadline, write_deadline: deadline }
    }

    /// Bounds the reads that follow. With a deadline in the past they still take what has arrived.
    pub(crate) fn set_read_deadline(&mut self, deadline: Instant) {
        const GRACE: Duration = Duration::from_millis(1);
        self.read_deadline = deadline.max(deadline_after(GRACE));
    }

    /// Bounds the writes that follow.
    pub(crate) fn set_write_deadline(&mut self, deadline: Instant) {
        self.write_deadline = deadline;
    }

    /// Ends both directions for every holder of the socket; a thread that waits on it wakes up.
    pub(crate) fn shut_down(&self) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Kind::Unix(stream) => stream.shutdown(Shutdown::Both),
        }
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let kind = match &self.kind {
            Kind::Tcp(stream) => Kind::Tcp(stream.try_clone()?),
            Kind::Unix(stream) => Kind::Unix(stream.try_clone()?),
        };
        Ok(Self { kind, ..*self })
    }
}

#[cfg(test)]
impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self::new(Kind::Unix(stream), Instant::now())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let timeout = Some(remaining(self.read_deadline).ok_or(io::ErrorKind::TimedOut)?);
        match &mut self.kind {
            Kind::Tcp(stream) => stream.set_read_timeout(timeout).and_then(|()| stream.read(buffer)),
            Kind::Unix(stream) => stream.set_read_timeout(timeout).and_then(|()| stream.read(buffer)),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let timeout = Some(remaining(self.write_deadline).ok_or(io::ErrorKind::TimedOut)?);
        match &mut self.kind {
            Kind::Tcp(stream) => stream.set_write_timeout(timeout).and_then(|()| stream.write(bytes)),
            Kind::Unix(stream) => stream.set_write_timeout(timeout).and_then(|()| stream.write(bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a read or write ended because its time was over.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
