//! A request as the server received it, and the limits that the server applies while receiving.

use std::fmt;

use crate::SignedRequest;

/// Longest request target. A call's longest value in practice is a certificate, and that goes into the
/// form; 64 KiB holds the largest list that any operation takes in its query.
pub const TARGET_BYTES_MAX: usize = 64 * 1024;

/// Largest body. Four times the largest value, so that a form with a certificate, percent-encoded at three
/// bytes for one, fits.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Most headers. SDKs send at most 16; proxies add a few.
pub const HEADER_COUNT_MAX: usize = 100;

/// Longest header value. Security tokens reach about 2 KiB, cookies of a shared host 4 KiB.
pub const HEADER_VALUE_BYTES_MAX: usize = 16 * 1024;

/// One HTTP request, its body whole and without transfer coding.
#[derive(Clone)]
pub struct Request<'r> {
    /// The method as sent; only `GET` and `POST` are served.
    pub method: &'r str,
    /// The request target in origin form (`/?a=b`) or, from a client behind a proxy, absolute form.
    pub target: &'r [u8],
    /// Name and value of each header in the order received. Names in any case.
    pub headers: Vec<(&'r str, &'r [u8])>,
    /// The body.
    pub body: &'r [u8],
}

impl<'r> Request<'r> {
    /// The first value of a header, without the white space around it.
    pub fn header(&self, name: &str) -> Option<&'r [u8]> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_ascii())
    }

    /// The host that the client asked for, with its port as sent: that of an absolute target, else `Host`.
    ///
    /// `None` when there is none or it is not plain visible ASCII. It goes into answers (`HostId`,
    /// `Recommend`), never into a decision.
    pub fn host(&self) -> Option<&'r str> {
        let host = match authority(self.target) {
            Some(authority) => authority,
            None => self.header("host")?,
        };
        let host = std::str::from_utf8(host).ok()?;
        let plain = !host.is_empty() && host.len() <= 255;
        (plain && host.bytes().all(is_host_byte)).then_some(host)
    }

    /// Path and query of the target. An absolute target's empty path is `/`.
    pub(crate) fn path_and_query(&self) -> (&'r [u8], &'r [u8]) {
        let local = match authority(self.target) {
            // "http://" and the authority are both inside the target.
            Some(authority) => {
                let scheme = if self.target.get(..5).is_some_and(|s| s.eq_ignore_ascii_case(b"https")) {
                    8
                } else {
                    7
                };
                self.target.get(scheme + authority.len()..).unwrap_or_default()
            }
            None => self.target,
        };
        let (path, query) = match local.iter().position(|byte| *byte == b'?') {
            Some(mark) => (local.get(..mark).unwrap_or_default(), local.get(mark + 1..).unwrap_or_default()),
            None => (local, &b""[..]),
        };
        if path.is_empty() && local.len() < self.target.len() { (b"/", query) } else { (path, query) }
    }

    /// The form body: `None` unless `Content-Type` says that it is one.
    pub(crate) fn form(&self) -> Option<&'r [u8]> {
        let content_type = self.header("content-type")?;
        let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
        media_type
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
            .then_some(self.body)
    }
}

/// A request that owns its bytes, for callers that cannot keep the pieces borrowed.
#[derive(Clone)]
pub struct ReceivedRequest {
    /// See [`Request::method`].
    pub method: String,
    /// See [`Request::target`].
    pub target: Vec<u8>,
    /// See [`Request::headers`].
    pub headers: Vec<(String, Vec<u8>)>,
    /// See [`Request::body`].
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    /// The request, borrowed.
    pub fn as_request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            target: &self.target,
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect(),
            body: &self.body,
        }
    }
}

impl From<&SignedRequest> for ReceivedRequest {
    /// What a server receives when a client sends `signed`.
    fn from(signed: &SignedRequest) -> Self {
        let headers = signed.headers.iter();
        Self {
            method: signed.method.to_owned(),
            target: signed.target.clone().into_bytes(),
            headers: headers.map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes())).collect(),
            body: signed.body.clone(),
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Target, headers and body may hold secrets.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target_bytes", &self.target.len())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_request(), f)
    }
}

/// The authority of an absolute target, `None` for origin form.
fn authority(target: &[u8]) -> Option<&[u8]> {
    let scheme_end = [&b"http://"[..], b"https://"]
        .iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?
        .len();
    let rest = target.get(scheme_end..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    rest.get(..end)
}

/// Host names, IPv4, bracketed IPv6, port.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'r>(target: &'r [u8], headers: &[(&'r str, &'r [u8])]) -> Request<'r> {
        Request { method: "GET", target, headers: headers.to_vec(), body: b"a=b" }
    }

    #[track_caller]
    fn check_target(target: &[u8], path: &[u8], query: &[u8]) {
        assert_eq!(request(target, &[]).path_and_query(), (path, query));
    }

    #[test]
    fn origin_and_absolute_targets_are_read() {
        check_target(b"/?a=b", b"/", b"a=b");
        check_target(b"/", b"/", b"");
        check_target(b"http://h:1/?a=b?c", b"/", b"a=b?c");
        check_target(b"HTTPS://h?a=b", b"/", b"a=b");
        check_target(b"http://h", b"/", b"");
        check_target(b"/x?y", b"/x", b"y");
        check_target(b"*", b"*", b"");
        check_target(b"", b"", b"");
    }

    #[test]
    fn host_is_that_of_the_target_or_the_header_and_never_markup() {
        let header = [("Host", &b" 127.0.0.1:8086 "[..])];
        assert_eq!(request(b"/", &header).host(), Some("127.0.0.1:8086"));
        assert_eq!(request(b"http://rds.local/?a", &header).host(), Some("rds.local"));
        assert_eq!(request(b"/", &[("host", b"<script>")]).host(), None);
        assert_eq!(request(b"/", &[]).host(), None);
    }

    #[test]
    fn only_a_form_is_read_as_a_form() {
        let form = [("Content-Type", &b"Application/X-WWW-Form-Urlencoded; charset=utf-8"[..])];
        assert_eq!(request(b"/", &form).form(), Some(&b"a=b"[..]));
        assert_eq!(request(b"/", &[("content-type", b"application/json")]).form(), None);
        assert_eq!(request(b"/", &[]).form(), None);
    }
}
