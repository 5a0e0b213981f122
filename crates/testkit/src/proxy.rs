//! A TCP proxy that misbehaves on command.

mod fault;
mod relay;

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result};

pub use fault::Fault;
use fault::Faults;
use relay::relay;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// Listens on a port of 127.0.0.1 and passes every connection on. Dropping it cuts them all.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    faults: Arc<Faults>,
    open: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl Proxy {
    /// Begins to pass connections on to `target`.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            faults: Arc::new(Faults::default()),
            open: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        let acceptor = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || accept_all(&listener, &of_thread))
            .context("start a thread")?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, bytes that go this way meet the fault, also those of connections that are open.
    pub fn set(&self, direction: Direction, fault: Fault) {
        self.shared.faults.set(direction, fault);
    }

    /// Cuts every open connection. New ones are taken.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // One that has ended by itself needs no cut.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.faults.end();
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.cut();
    }
}

fn accept_all(listener: &TcpListener, shared: &Shared) {
    while let Ok((client, _)) = listener.accept() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        // A server that is not there looks to the client like one that hangs up.
        let Ok(server) = TcpStream::connect(shared.target) else {
            continue;
        };
        let _ = pass_on(&client, &server, shared);
    }
}

fn pass_on(client: &TcpStream, server: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let kept = [client.try_clone()?, server.try_clone()?];
    shared.open.lock().unwrap_or_else(PoisonError::into_inner).extend(kept);
    for (from, to, direction) in
        [(client, server, Direction::ToServer), (server, client, Direction::ToClient)]
    {
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let faults = Arc::clone(&shared.faults);
        std::thread::Builder::new()
            .name("proxy relay".to_owned())
            .spawn(move || relay(from, to, direction, &faults))?;
    }
    Ok(())
}
