//! The `Authorization` header of a V3 request.

use crate::{ApiError, Digest, ErrorCode};

/// Most names in `SignedHeaders`. SDKs sign at most 14; the limit bounds what one header can make us hash.
const SIGNED_HEADER_COUNT_MAX: usize = 100;

/// Begins the algorithm's name of every V3 request and of nothing else.
const V3_PREFIX: &str = "ACS3-";

/// `ALGORITHM Credential=ID,SignedHeaders=a;b,Signature=HEX`, in parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authorization<'r> {
    pub(crate) digest: Digest,
    pub(crate) access_key_id: &'r str,
    /// The list as sent, which is how it enters the canonical request.
    pub(crate) signed_headers: &'r str,
    pub(crate) signature: &'r str,
}

impl<'r> Authorization<'r> {
    /// `None` when the header is of another scheme, and so not ours to judge.
    ///
    /// # Errors
    /// An algorithm that is not served → `InvalidSignatureMethod`; no key id → `MissingAccessKeyId`; no
    /// signature → `MissingSignature`; otherwise malformed → `IncompleteSignature`.
    pub(crate) fn read(header: &'r str) -> Result<Option<Self>, ApiError> {
        if !header.starts_with(V3_PREFIX) {
            return Ok(None);
        }
        let (algorithm, parts) = header.split_once(' ').unwrap_or((header, ""));
        let Some(digest) = Digest::of_algorithm(algorithm) else {
            return Err(ApiError::new(ErrorCode::InvalidSignatureMethod));
        };
        let [mut credential, mut signed_headers, mut signature] = [None; 3];
        for part in parts.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or_else(|| incomplete(MALFORMED))?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(incomplete(MALFORMED)),
            };
            if slot.replace(value).is_some() {
                return Err(incomplete(MALFORMED));
            }
        }
        let filled = |part: Option<&'r str>, name| {
            part.filter(|value| !value.is_empty())
                .ok_or_else(|| ApiError::about(ErrorCode::MissingParam, name))
        };
        let signed_headers = signed_headers.ok_or_else(|| incomplete("SignedHeaders is missing."))?;
        if signed_headers.split(';').count() > SIGNED_HEADER_COUNT_MAX {
            return Err(incomplete("SignedHeaders is too long."));
        }
        Ok(Some(Self {
            digest,
            access_key_id: filled(credential, "AccessKeyId")?,
            signed_headers,
            signature: filled(signature, "Signature")?,
        }))
    }

    /// Whether a header is among the signed ones. `name` in lower case.
    pub(crate) fn signs(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }
}

const MALFORMED: &str = "Authorization must be ALGORITHM Credential=ID,SignedHeaders=NAMES,Signature=HEX.";

pub(crate) fn incomplete(reason: &str) -> ApiError {
    ApiError::because(ErrorCode::IncompleteSignature, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, expect: Result<Option<(&str, &str, &str)>, &str>) {
        let read = Authorization::read(header);
        let parts = read.as_ref().map(|read| read.map(|a| (a.access_key_id, a.signed_headers, a.signature)));
        assert_eq!(parts.map_err(ApiError::code), expect, "{header}");
    }

    #[test]
    fn parts_are_read_with_and_without_spaces() {
        let parts = Ok(Some(("id", "host;x-acs-date", "ab")));
        check("ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host;x-acs-date,Signature=ab", parts);
        check("ACS3-HMAC-SM3 Credential=id, SignedHeaders=host;x-acs-date,  Signature=ab ", parts);
    }

    #[test]
    fn another_scheme_is_not_judged() {
        check("Basic Zm9vOmJhcg==", Ok(None));
        check("", Ok(None));
    }

    #[test]
    fn what_is_missing_is_named() {
        check("ACS3-RSA-SHA256 Credential=id,SignedHeaders=host,Signature=ab", Err("InvalidSignatureMethod"));
        check("ACS3-HMAC-SHA256", Err("IncompleteSignature"));
        check("ACS3-HMAC-SHA256 Credential=id,Signature=ab", Err("IncompleteSignature"));
        check("ACS3-HMAC-SHA256 Credential=,SignedHeaders=host,Signature=ab", Err("MissingAccessKeyId"));
        check("ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host", Err("MissingSignature"));
        check(
            "ACS3-HMAC-SHA256 Credential=id,Credential=id,SignedHeaders=h,Signature=a",
            Err("IncompleteSignature"),
        );
        let long = format!("ACS3-HMAC-SHA256 Credential=id,SignedHeaders={},Signature=a", "h;".repeat(200));
        check(&long, Err("IncompleteSignature"));
    }
}
