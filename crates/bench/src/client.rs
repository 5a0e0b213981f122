//! A client that costs little: its requests are signed beforehand, and each connection sends its next one when the last
//! was answered. It shares the machine with the server all the same.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use rpc::{SignedRequest, SigningRequest, sign_v3};
use serde_json::Value;
use service::{Clock as _, HomeAccessKey, SystemClock};

/// Nonces that no other request of this run has.
#[derive(Debug, Default)]
pub(crate) struct Nonces(u64);

impl Nonces {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("bench-{:026}", self.0)
    }
}

/// A call signed in V3, as it goes over the wire.
pub(crate) fn signed(
    address: SocketAddr,
    key: &HomeAccessKey,
    action: &str,
    query: &[(&str, &str)],
    nonces: &mut Nonces,
) -> Vec<u8> {
    let signed = sign_v3(&SigningRequest {
        host: &address.to_string(),
        action,
        query,
        form: &[],
        access_key_id: &key.access_key_id,
        secret: &key.access_key_secret,
        security_token: None,
        nonce: &nonces.next(),
        now: SystemClock.now(),
    });
    let SignedRequest { method, target, headers, .. } = signed;
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in &headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"content-length: 0\r\n\r\n");
    bytes
}

/// Requests per second of all connections together; each answer must contain `expected`.
pub(crate) fn rate(address: SocketAddr, requests: Vec<Vec<Vec<u8>>>, expected: &str) -> anyhow::Result<f64> {
    let total = u32::try_from(requests.iter().map(Vec::len).sum::<usize>())?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let send = |requests: Vec<Vec<u8>>| {
            let mut connection = Connection::open(address)?;
            for request in requests {
                let answer = connection.ask(&request)?;
                ensure!(answer.contains(expected), "another answer: {answer}");
            }
            Ok(())
        };
        let threads: Vec<_> = requests.into_iter().map(|r| scope.spawn(move || send(r))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    Ok(f64::from(total) / start.elapsed().as_secs_f64())
}

/// The JSON answer to one request.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> anyhow::Result<Value> {
    let mut connection = Connection::open(address)?;
    let answer = connection.ask(request)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer has a body")?;
    Ok(serde_json::from_str(body)?)
}

struct Connection {
    stream: TcpStream,
    /// What was read of the present answer.
    answer: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::new() })
    }

    /// Sends a request and reads its whole answer, head and body.
    fn ask(&mut self, request: &[u8]) -> anyhow::Result<std::borrow::Cow<'_, str>> {
        self.stream.write_all(request)?;
        self.answer.clear();
        let mut chunk = [0; 16 * 1024];
        while !is_whole(&self.answer)? {
            let length = self.stream.read(&mut chunk)?;
            ensure!(length > 0, "the service closed the connection");
            self.answer.extend_from_slice(&chunk[..length]);
        }
        Ok(String::from_utf8_lossy(&self.answer))
    }
}

/// Whether an answer is all there, by its `content-length`.
fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
    let text = std::str::from_utf8(&answer[..head])?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("an answer says its length")?.trim().parse()?;
    Ok(answer.len() >= head + 4 + length)
}

/// The middle one.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
