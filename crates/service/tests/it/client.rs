//! A client over a plain socket, so that a test can send what no library would.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rpc::{SignedRequest, SigningRequest, sign_v1, sign_v3};
use serde_json::Value;
use service::{Clock, HomeAccessKey, SystemClock};

/// Longest wait for an answer; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A call's parameters.
pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

/// Calls one service with one key.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) key: HomeAccessKey,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn expect_success(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// An error of the API, complete in all its parts.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.json()["Code"].as_str()), (status, Some(code)), "{self:?}");
        let body = self.json();
        let id = body["RequestId"].as_str().expect("RequestId");
        assert_eq!(id.len(), 36, "{self:?}");
        assert_eq!(self.header("x-acs-request-id"), Some(id), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json;charset=utf-8"), "{self:?}");
        for field in ["HostId", "Message", "Recommend"] {
            assert!(body[field].is_string(), "{field}: {self:?}");
        }
        let recommend = body["Recommend"].as_str().expect("Recommend");
        assert!(recommend.contains("/console/errors?q=") && recommend.contains(id), "{self:?}");
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (candidate, value) = line.split_once(':')?;
            candidate.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A text that no other call of this process has.
pub(crate) fn fresh_nonce() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

impl Client {
    pub(crate) fn call(&self, action: &str, query: Pairs<'_>) -> Reply {
        self.send(&self.sign(action, query, &[], &fresh_nonce(), now()))
    }

    pub(crate) fn call_form(&self, action: &str, form: Pairs<'_>) -> Reply {
        self.send(&self.sign(action, &[], form, &fresh_nonce(), now()))
    }

    /// As V1, JSON asked for.
    pub(crate) fn call_v1(&self, action: &str, query: Pairs<'_>) -> Reply {
        let query = [query, &[("Format", "JSON")]].concat();
        let host = self.address.to_string();
        self.send(&sign_v1(&self.request(&host, action, &query, &[], &fresh_nonce(), now())))
    }

    pub(crate) fn sign(
        &self,
        action: &str,
        query: Pairs<'_>,
        form: Pairs<'_>,
        nonce: &str,
        at: Timestamp,
    ) -> SignedRequest {
        let host = self.address.to_string();
        sign_v3(&self.request(&host, action, query, form, nonce, at))
    }

    fn request<'a>(
        &'a self,
        host: &'a str,
        action: &'a str,
        query: Pairs<'a>,
        form: Pairs<'a>,
        nonce: &'a str,
        now: Timestamp,
    ) -> SigningRequest<'a> {
        SigningRequest {
            host,
            action,
            query,
            form,
            access_key_id: &self.key.access_key_id,
            secret: &self.key.access_key_secret,
            security_token: None,
            nonce,
            now,
        }
    }

    pub(crate) fn send(&self, signed: &SignedRequest) -> Reply {
        exchange(self.address, &bytes_of(signed))
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        exchange(self.address, format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address).as_bytes())
    }
}

/// A signed request as it goes over the wire.
pub(crate) fn bytes_of(signed: &SignedRequest) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", signed.method, signed.target).into_bytes();
    for (name, value) in &signed.headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", signed.body.len()).as_bytes());
    bytes.extend_from_slice(&signed.body);
    bytes
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the service listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends `bytes` over a new connection, and reads the one answer.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = connect(address);
    // A service that refuses may close before all is sent.
    let _ = stream.write_all(bytes);
    read_reply(&mut stream)
}

/// As [`exchange`], and says that nothing more will be sent.
pub(crate) fn exchange_and_end(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    read_reply(&mut stream)
}

/// Reads one answer.
pub(crate) fn read_reply(stream: &mut impl Read) -> Reply {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(reply) = parse(&bytes) {
            return reply;
        }
        let read = stream.read(&mut buffer).expect("an answer");
        assert!(read > 0, "the connection ended after {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is ASCII");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let reply = Reply { status, head, body: String::new() };
    let length: usize = reply.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let body = bytes.get(end + 4..end + 4 + length)?;
    Some(Reply { body: String::from_utf8(body.to_vec()).expect("a body is UTF-8"), ..reply })
}
