//! The two signatures: what is signed, and with what.
//!
//! V1 hashes every parameter with HMAC-SHA1 and nothing of the headers; V3 hashes method, query, chosen
//! headers and the body's hash with HMAC-SHA256 or HMAC-SM3. Server and client side share these functions;
//! captures of other clients' requests keep both honest.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use sm3::Sm3;
use subtle::ConstantTimeEq;

use crate::percent;

/// The hash of a V3 signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// `ACS3-HMAC-SHA256`, the default of every SDK.
    Sha256,
    /// `ACS3-HMAC-SM3`.
    Sm3,
}

impl Digest {
    /// The algorithm's name in `Authorization` and in the string to sign.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::Sha256 => "ACS3-HMAC-SHA256",
            Self::Sm3 => "ACS3-HMAC-SM3",
        }
    }

    pub(crate) fn of_algorithm(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sm3].into_iter().find(|digest| digest.algorithm() == name)
    }

    /// The hash of `bytes` in lower-case hex: of a body, what `x-acs-content-sha256` must hold.
    pub fn hex_hash(self, bytes: &[u8]) -> String {
        use sha2::Digest as _;
        match self {
            Self::Sha256 => hex(&Sha256::digest(bytes)),
            Self::Sm3 => hex(&Sm3::digest(bytes)),
        }
    }

    fn hex_hmac(self, key: &[u8], message: &[u8]) -> String {
        match self {
            Self::Sha256 => hex(&hmac::<Sha256>(key, message)),
            Self::Sm3 => hex(&hmac::<Sm3>(key, message)),
        }
    }
}

/// V1: `METHOD&%2F&` and the encoded canonical parameters, which come sorted and without `Signature`.
pub(crate) fn string_to_sign_v1<'p>(
    method: &str,
    sorted: impl Iterator<Item = (&'p str, &'p str)>,
) -> String {
    let canonical = canonical_pairs(sorted);
    let mut out = String::with_capacity(method.len() + 5 + canonical.len() * 2);
    out.push_str(method);
    out.push_str("&%2F&");
    percent::encode_into(&mut out, &canonical);
    out
}

/// V1: the signature in base64. Its key is the secret and `&`.
pub(crate) fn signature_v1(secret: &[u8], string_to_sign: &str) -> String {
    let mut key = zeroize::Zeroizing::new(Vec::with_capacity(secret.len() + 1));
    key.extend_from_slice(secret);
    key.push(b'&');
    STANDARD.encode(hmac::<Sha1>(&key, string_to_sign.as_bytes()))
}

/// What a V3 signature covers.
#[derive(Debug)]
pub(crate) struct CanonicalRequest(Vec<u8>);

impl CanonicalRequest {
    /// `query` comes sorted; `headers` in the order of `signed_headers`, values trimmed. The path is `/`,
    /// since nothing else is served.
    pub(crate) fn new<'p>(
        method: &str,
        query: impl Iterator<Item = (&'p str, &'p str)>,
        headers: impl Iterator<Item = (&'p str, &'p [u8])>,
        signed_headers: &str,
        content_hash: &str,
    ) -> Self {
        let query = canonical_pairs(query);
        let mut out = Vec::with_capacity(768 + query.len());
        for part in [method, "\n/\n", &query, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        for (name, value) in headers {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        for part in ["\n", signed_headers, "\n", content_hash] {
            out.extend_from_slice(part.as_bytes());
        }
        Self(out)
    }

    /// The algorithm's name and the hash of this request.
    pub(crate) fn string_to_sign(&self, digest: Digest) -> String {
        let hash = digest.hex_hash(&self.0);
        let mut out = String::with_capacity(digest.algorithm().len() + 1 + hash.len());
        out.push_str(digest.algorithm());
        out.push('\n');
        out.push_str(&hash);
        out
    }

    /// For an error's message.
    pub(crate) fn to_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// V3: the signature in lower-case hex.
pub(crate) fn signature_v3(digest: Digest, secret: &[u8], string_to_sign: &str) -> String {
    digest.hex_hmac(secret, string_to_sign.as_bytes())
}

/// Compares in a time that tells nothing of where the two differ.
pub(crate) fn same(given: &str, computed: &str) -> bool {
    given.as_bytes().ct_eq(computed.as_bytes()).into()
}

fn canonical_pairs<'p>(sorted: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let mut out = String::with_capacity(256);
    for (name, value) in sorted {
        if !out.is_empty() {
            out.push('&');
        }
        percent::encode_into(&mut out, name);
        out.push('=');
        percent::encode_into(&mut out, value);
    }
    out
}

fn hmac<D: EagerHash>(key: &[u8], message: &[u8]) -> impl AsRef<[u8]>
where
    Hmac<D>: Mac + KeyInit,
{
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes()
}

fn hex(bytes: &impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = bytes.as_ref();
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 0x0F)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_nothing_are_those_that_clients_send() {
        assert_eq!(
            Digest::Sha256.hex_hash(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            Digest::Sm3.hex_hash(b""),
            "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"
        );
    }

    #[test]
    fn a_prefix_is_not_the_same() {
        assert!(same("abc", "abc"));
        assert!(!same("ab", "abc"));
        assert!(!same("", "abc"));
        assert!(!same("abd", "abc"));
    }
}
