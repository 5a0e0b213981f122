//! HTTP and V3 signatures, written out byte by byte, so that tests can also send what no client would.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// RegisterDBInstance waits for a database server; everything else answers at once.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// An access key.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

/// A call to sign. Query and body are bytes already encoded, so that they can be wrong.
#[derive(Debug, Clone)]
pub struct Signing<'a> {
    /// Host and port.
    pub host: &'a str,
    /// The operation.
    pub action: &'a str,
    /// The key.
    pub key: &'a AccessKey,
    /// Pairs of the query, already percent-encoded, in the order in which they are sent.
    pub query: Vec<(String, String)>,
    /// The form, already encoded.
    pub body: Vec<u8>,
    /// A text never used before.
    pub nonce: String,
}

impl<'a> Signing<'a> {
    /// A call without parameters.
    pub fn new(host: &'a str, action: &'a str, key: &'a AccessKey) -> Self {
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the system gives random bytes");
        let nonce = format!("{:032x}", u128::from_be_bytes(random));
        Self { host, action, key, query: Vec::new(), body: Vec::new(), nonce }
    }

    /// The same with parameters in the query.
    #[must_use]
    pub fn parameters(mut self, parameters: &[(&str, &str)]) -> Self {
        let encoded =
            parameters.iter().map(|(name, value)| (encode(name.as_bytes()), encode(value.as_bytes())));
        self.query.extend(encoded);
        self
    }

    /// The same with one parameter whose value is already encoded.
    #[must_use]
    pub fn raw(mut self, name: &str, encoded_value: &str) -> Self {
        self.query.push((name.to_owned(), encoded_value.to_owned()));
        self
    }
}

/// The bytes of a signed request, with `Connection: close`.
pub fn signed(call: &Signing<'_>) -> Vec<u8> {
    let Signing { host, action, key, query, body, nonce } = call;
    let hash = hex(&Sha256::digest(body));
    let date = crate::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut headers = BTreeMap::from([
        ("host", (*host).to_owned()),
        ("x-acs-action", (*action).to_owned()),
        ("x-acs-content-sha256", hash.clone()),
        ("x-acs-date", date),
        ("x-acs-signature-nonce", nonce.clone()),
        ("x-acs-version", "2014-08-15".to_owned()),
    ]);
    if !body.is_empty() {
        headers.insert("content-type", "application/x-www-form-urlencoded".to_owned());
    }
    let mut sorted = query.clone();
    sorted.sort();
    let join = |pairs: &[(String, String)]| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    let names = headers.keys().copied().collect::<Vec<_>>().join(";");
    let lines = headers.iter().fold(String::new(), |mut lines, (name, value)| {
        let _ = writeln!(lines, "{name}:{value}");
        lines
    });
    let canonical = format!("POST\n/\n{}\n{lines}\n{names}\n{hash}", join(&sorted));
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.secret.as_bytes()).expect("a key of HMAC has any length");
    mac.update(to_sign.as_bytes());
    let signature = hex(&mac.finalize().into_bytes());

    let target = if query.is_empty() { "/".to_owned() } else { format!("/?{}", join(query)) };
    let mut request = format!("POST {target} HTTP/1.1\r\n");
    for (name, value) in &headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    let _ = write!(
        request,
        "authorization: ACS3-HMAC-SHA256 Credential={},SignedHeaders={names},Signature={signature}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        key.id,
        body.len()
    );
    let mut bytes = request.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Percent-encodes bytes as the signature wants it.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// An HTTP response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Response {
    /// Reads a whole response.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { bail!("no HTTP response: {text:?}") };
        let status = head.strip_prefix("HTTP/1.1 ").or_else(|| head.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.with_context(|| format!("no HTTP status: {head:?}"))?;
        Ok(Self { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {self}"))
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.head, self.body)
    }
}

/// Sends bytes to a fresh connection and reads until the server closes it.
///
/// # Errors
/// The server cannot be reached, does not answer in time, or not in HTTP.
pub fn exchange(address: &str, request: &[u8]) -> Result<Response> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    // A server may refuse, answer and close before it has read all.
    let written = stream.write_all(request);
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    if bytes.is_empty() {
        written.context("send the request")?;
        read.context("read the response")?;
        bail!("the server closed the connection without an answer");
    }
    Response::parse(&bytes)
}
