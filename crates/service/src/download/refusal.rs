//! What a download is refused with: codes and XML as object stores of this kind have them.

use std::fmt::Write as _;

use hyper::StatusCode;
use hyper::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RETRY_AFTER};
use jiff::Timestamp;
use rpc::RequestId;

use crate::error_chain::error_chain;

/// Why there is no download.
#[derive(Debug)]
pub(super) enum DownloadRefusal {
    /// The link's time is over.
    Expired { end: Timestamp },
    /// A path of downloads without what makes it a link.
    NotSigned,
    /// Altered, or made elsewhere.
    SignatureDoesNotMatch,
    /// The key that the link was made for counts no more.
    InvalidAccessKeyId,
    /// There is no such set, or no more.
    NoSuchKey { key: String },
    /// The range is outside of the file.
    InvalidRange { bytes: u64, asked: String },
    /// As many downloads run as may.
    Busy,
    /// The catalog does not answer.
    Unavailable(String),
    /// For the log alone.
    Internal(String),
}

impl DownloadRefusal {
    pub(super) fn catalog(error: &catalog::Error) -> Self {
        Self::Unavailable(error_chain(error))
    }

    fn row(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Expired { .. } => (StatusCode::FORBIDDEN, "AccessDenied", "Request has expired."),
            Self::NotSigned => {
                (StatusCode::FORBIDDEN, "AccessDenied", "You have no right to access this object.")
            }
            Self::SignatureDoesNotMatch => (
                StatusCode::FORBIDDEN,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            ),
            Self::InvalidAccessKeyId => (
                StatusCode::FORBIDDEN,
                "InvalidAccessKeyId",
                "The access key that the link was made for is disabled.",
            ),
            Self::NoSuchKey { .. } => {
                (StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
            }
            Self::InvalidRange { .. } => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                "InvalidRange",
                "The requested range cannot be satisfied.",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "As many downloads are running as may; please try again.",
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "The service is temporarily unavailable; please try again.",
            ),
            Self::Internal(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "We encountered an internal error; the log of the service has the cause.",
            ),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.row().0
    }

    pub(super) fn code(&self) -> &'static str {
        self.row().1
    }

    /// Headers beside those of every answer.
    pub(super) fn put_headers(&self, headers: &mut HeaderMap) {
        if let Self::InvalidRange { bytes, .. } = self {
            let value = HeaderValue::from_str(&format!("bytes */{bytes}")).expect("plain ASCII");
            headers.insert(CONTENT_RANGE, value);
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
        }
    }

    pub(super) fn render(&self, request_id: RequestId, host: &str, now: Timestamp) -> String {
        let (_, code, message) = self.row();
        let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n".to_owned();
        let mut element = |name: &str, text: &str| {
            writeln!(xml, "  <{name}>{}</{name}>", escaped(text)).expect("a text takes any text");
        };
        element("Code", code);
        element("Message", message);
        element("RequestId", &request_id.to_string());
        element("HostId", host);
        match self {
            Self::Expired { end } => {
                element("Expires", &milliseconds(*end));
                element("ServerTime", &milliseconds(now));
            }
            Self::NoSuchKey { key } => element("Key", key),
            Self::InvalidRange { bytes, asked } => {
                element("ActualObjectSize", &bytes.to_string());
                element("RangeRequested", asked);
            }
            Self::NotSigned
            | Self::SignatureDoesNotMatch
            | Self::InvalidAccessKeyId
            | Self::Busy
            | Self::Unavailable(_)
            | Self::Internal(_) => {}
        }
        xml.push_str("</Error>\n");
        xml
    }

    /// Logged once, here. `path` has no signature.
    pub(super) fn log(&self, request_id: RequestId, path: &str) {
        let code = self.code();
        match self {
            Self::Internal(cause) => tracing::error!(%request_id, path, code, "a download failed: {cause}"),
            Self::Unavailable(cause) => tracing::warn!(%request_id, path, code, "a download failed: {cause}"),
            Self::Busy => {
                tracing::warn!(%request_id, path, code, "a download is refused: all slots are taken");
            }
            Self::Expired { .. }
            | Self::NotSigned
            | Self::SignatureDoesNotMatch
            | Self::InvalidAccessKeyId
            | Self::NoSuchKey { .. }
            | Self::InvalidRange { .. } => tracing::info!(%request_id, path, code, "a download is refused"),
        }
    }
}

fn milliseconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A text as XML takes it; what no XML may hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ if character.is_control() => {}
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_link_is_told_in_the_form_that_downloaders_know() {
        let end = "2026-11-24T10:00:00Z".parse().unwrap();
        let now = "2026-11-24T11:00:00Z".parse().unwrap();
        let xml = DownloadRefusal::Expired { end }.render(RequestId::from_random([0; 16]), "h:1", now);
        for line in [
            "<Code>AccessDenied</Code>",
            "<Message>Request has expired.</Message>",
            "<HostId>h:1</HostId>",
            "<Expires>2026-11-24T10:00:00.000Z</Expires>",
            "<ServerTime>2026-11-24T11:00:00.000Z</ServerTime>",
        ] {
            assert!(xml.contains(line), "{xml}");
        }
    }

    #[test]
    fn what_was_sent_cannot_break_out_of_its_element() {
        let refusal = DownloadRefusal::NoSuchKey { key: "<a>&\u{1}".to_owned() };
        let xml = refusal.render(RequestId::from_random([0; 16]), "h", Timestamp::UNIX_EPOCH);
        assert!(xml.contains("<Key>&lt;a&gt;&amp;</Key>"), "{xml}");
    }
}
