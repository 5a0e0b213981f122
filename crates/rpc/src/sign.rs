//! The client's side: signs a call in V1 or V3 as the SDKs do.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use crate::{
    Digest,
    actions::API_VERSION,
    percent,
    signature::{CanonicalRequest, signature_v1, signature_v3, string_to_sign_v1},
    time::render_seconds,
};

const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// A call to be signed. Each name may stand in `query` or in `form`, once.
#[derive(Clone, Copy)]
pub struct SigningRequest<'a> {
    /// Host and port as the `Host` header will have them.
    pub host: &'a str,
    /// The operation.
    pub action: &'a str,
    /// Parameters for the query.
    pub query: &'a [(&'a str, &'a str)],
    /// Parameters for the body: secrets, which a proxy would log if they stood in the query, and long values.
    pub form: &'a [(&'a str, &'a str)],
    /// The access key's id.
    pub access_key_id: &'a str,
    /// The access key's secret.
    pub secret: &'a str,
    /// The token of temporary credentials.
    pub security_token: Option<&'a str>,
    /// A text that this access key never uses again: 32 random hex digits, say.
    pub nonce: &'a str,
    /// The time to sign for: the client's clock.
    pub now: Timestamp,
}

/// A signed call, ready to be sent. Everything in it must be sent as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// Always `POST`.
    pub method: &'static str,
    /// `/` and the query.
    pub target: String,
    /// The headers, `host` first; `content-length` is the HTTP client's.
    pub headers: Vec<(&'static str, String)>,
    /// The form, or nothing.
    pub body: Vec<u8>,
}

/// Signs with `ACS3-HMAC-SHA256`. The answer will be JSON unless the query has `Format=XML`.
pub fn sign_v3(request: &SigningRequest<'_>) -> SignedRequest {
    let digest = Digest::Sha256;
    let body = render_pairs(request.form.iter().copied()).into_bytes();
    let content_hash = digest.hex_hash(&body);
    let mut headers: BTreeMap<&'static str, String> = BTreeMap::from([
        ("host", request.host.to_owned()),
        ("x-acs-action", request.action.to_owned()),
        ("x-acs-content-sha256", content_hash.clone()),
        ("x-acs-date", render_seconds(request.now)),
        ("x-acs-signature-nonce", request.nonce.to_owned()),
        ("x-acs-version", API_VERSION.to_owned()),
    ]);
    if !body.is_empty() {
        headers.insert("content-type", FORM_TYPE.to_owned());
    }
    if let Some(token) = request.security_token {
        headers.insert("x-acs-accesskey-id", request.access_key_id.to_owned());
        headers.insert("x-acs-security-token", token.to_owned());
    }
    let signed_headers = headers.keys().copied().collect::<Vec<_>>().join(";");
    let query: BTreeMap<&str, &str> = request.query.iter().copied().collect();
    let canonical = CanonicalRequest::new(
        "POST",
        query.iter().map(|(name, value)| (*name, *value)),
        headers.iter().map(|(name, value)| (*name, value.trim().as_bytes())),
        &signed_headers,
        &content_hash,
    );
    let signature = signature_v3(digest, request.secret.as_bytes(), &canonical.string_to_sign(digest));
    let authorization = format!(
        "{} Credential={},SignedHeaders={signed_headers},Signature={signature}",
        digest.algorithm(),
        request.access_key_id
    );
    let mut headers: Vec<_> = headers.into_iter().collect();
    headers.sort_by_key(|(name, _)| *name != "host");
    headers.push(("authorization", authorization));
    headers.push(("accept", "application/json".to_owned()));
    SignedRequest { method: "POST", target: target(query), headers, body }
}

/// Signs with `HMAC-SHA1` and signature version 1.0. The answer will be XML unless the parameters have
/// `Format=JSON`.
pub fn sign_v1(request: &SigningRequest<'_>) -> SignedRequest {
    let timestamp = render_seconds(request.now);
    let mut query: BTreeMap<&str, &str> = request.query.iter().copied().collect();
    query.extend([
        ("Action", request.action),
        ("Version", API_VERSION),
        ("AccessKeyId", request.access_key_id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", request.nonce),
        ("Timestamp", &timestamp),
    ]);
    query.extend(request.security_token.map(|token| ("SecurityToken", token)));
    let all: BTreeMap<&str, &str> =
        query.iter().map(|(name, value)| (*name, *value)).chain(request.form.iter().copied()).collect();
    let signature = signature_v1(request.secret.as_bytes(), &string_to_sign_v1("POST", all.into_iter()));
    query.insert("Signature", &signature);

    let body = render_pairs(request.form.iter().copied()).into_bytes();
    let mut headers = vec![("host", request.host.to_owned())];
    if !body.is_empty() {
        headers.push(("content-type", FORM_TYPE.to_owned()));
    }
    SignedRequest {
        method: "POST",
        target: target(query.iter().map(|(name, value)| (*name, *value))),
        headers,
        body,
    }
}

fn target<'a>(query: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let query = render_pairs(query);
    if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
}

fn render_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        percent::encode_into(&mut out, name);
        out.push('=');
        percent::encode_into(&mut out, value);
    }
    out
}

impl fmt::Debug for SigningRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Form and secret stay out: both hold what no log may have.
        f.debug_struct("SigningRequest")
            .field("host", &self.host)
            .field("action", &self.action)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}
