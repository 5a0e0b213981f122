//! A call: a request of which everything was read that needs no secret.
//!
//! ```text
//! Request ─ Call::parse ─> Call ─ verify, accept_bearer ─> VerifiedCall ─> action, arguments
//! ```
//!
//! Checks run in this order: method and path, parameters, format, common parameters present, their form, the
//! clock; then, with the secret, the signature; then the nonce, which the caller remembers, and only of calls
//! whose signature was right; then action, version and parameters. The kind of request is told from the
//! `Authorization` header, else from the parameter `Signature`, else from a bearer token, never from
//! `x-acs-action`, which modern clients send with V1 as well.

mod scheme;
mod verified_call;

use jiff::{SignedDuration, Timestamp};

use crate::{
    ApiError, ErrorCode, Format, Parameter, Place, Request,
    authorization::{Authorization, incomplete},
    common_headers::CommonHeaders,
    parameters::Parameters,
    signature::{CanonicalRequest, same, signature_v1, signature_v3, string_to_sign_v1},
    time::parse_timestamp,
};
use scheme::{Kind, Scheme};

pub use verified_call::VerifiedCall;

/// How far a request's time may lie from the service's clock, each way. The API's own figure.
///
/// A nonce must be remembered for this long after its request's time has left the window: twice this in all.
pub const CLOCK_WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// Longest nonce. Clients send 32 to 64 bytes; whoever remembers nonces needs a bound.
const NONCE_BYTES_MAX: usize = 256;

/// Headers that a V3 signature must cover. Without them a third party could change what is asked for, or
/// send the same request twice.
const SIGNED_HEADERS_REQUIRED: [&str; 6] =
    ["host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-content-sha256", "x-acs-signature-nonce"];

/// Largest part of a request that an error's message repeats to its sender.
const ECHO_BYTES_MAX: usize = 16 * 1024;

/// Who says that they are calling. Nothing is proven yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'c> {
    /// An access key; the call is signed with its secret.
    AccessKey {
        /// The key's id.
        id: &'c str,
        /// The token of temporary credentials.
        security_token: Option<&'c str>,
    },
    /// A bearer token; there is no signature.
    Bearer {
        /// The token.
        token: &'c str,
    },
}

/// A request of which everything was read that needs no secret.
pub struct Call<'r> {
    request: &'r Request<'r>,
    headers: CommonHeaders<'r>,
    parameters: Parameters<'r>,
    scheme: Scheme<'r>,
    format: Format,
    timestamp: Timestamp,
}

impl<'r> Call<'r> {
    /// Reads a request and checks what can be checked without a secret. `now` is the service's clock.
    ///
    /// # Errors
    /// In the order of the module's description: `UnsupportedHTTPMethod`, `InvalidAction.NotFound` (path),
    /// `RequestTooLarge`, `InvalidParameter`, `InvalidParameter.Format`, `Missing…`, `InvalidSignature…`,
    /// `IncompleteSignature`, `InvalidTimeStamp.Format`, `InvalidTimeStamp.Expired`.
    pub fn parse(request: &'r Request<'r>, now: Timestamp) -> Result<Self, ApiError> {
        if !matches!(request.method, "GET" | "POST") {
            return Err(ApiError::new(ErrorCode::UnsupportedHttpMethod));
        }
        if request.path_and_query().0 != b"/" {
            return Err(ApiError::new(ErrorCode::InvalidActionNotFound));
        }
        let parameters = Parameters::read(request)?;
        let headers = CommonHeaders::read(request)?;
        let scheme = Scheme::of(&headers, &parameters)?;
        let format = match parameters.get_filled("Format") {
            Some(name) => {
                Format::parse(name).ok_or_else(|| ApiError::new(ErrorCode::InvalidParameterFormat))?
            }
            None => scheme.kind.default_format(),
        };
        let mut call = Self { request, headers, parameters, scheme, format, timestamp: now };
        call.check_common()?;
        call.timestamp = call.read_timestamp(now)?;
        Ok(call)
    }

    /// The format that the answer must have.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Who says that they are calling.
    pub fn credential(&self) -> Credential<'_> {
        match self.scheme.kind {
            Kind::V1 => Credential::AccessKey {
                id: self.parameters.get("AccessKeyId").unwrap_or_default(),
                security_token: self.parameters.get_filled("SecurityToken"),
            },
            Kind::V3 => Credential::AccessKey {
                id: self.scheme.authorization.map_or("", |authorization| authorization.access_key_id),
                security_token: self.headers.security_token.filter(|token| !token.is_empty()),
            },
            Kind::BearerV1 | Kind::BearerV3 => Credential::Bearer {
                token: self
                    .headers
                    .bearer_token
                    .or_else(|| self.parameters.get("BearerToken"))
                    .unwrap_or_default(),
            },
        }
    }

    /// The operation's name as claimed, for logs and limits before it is proven.
    pub fn claimed_action(&self) -> &str {
        self.common("Action", self.headers.action).unwrap_or_default()
    }

    /// Checks signature and body against the secret of [`Call::credential`]'s access key.
    ///
    /// # Errors
    /// Not signed with this secret, or changed since → `SignatureDoesNotMatch`; a bearer call, which has no
    /// signature → `MissingSignature`.
    pub fn verify(&self, secret: &[u8]) -> Result<VerifiedCall<'_, 'r>, ApiError> {
        match (self.scheme.kind, &self.scheme.authorization) {
            (Kind::V1, _) => self.verify_v1(secret)?,
            (Kind::V3, Some(authorization)) => self.verify_v3(authorization, secret)?,
            (Kind::V3, None) | (Kind::BearerV1 | Kind::BearerV3, _) => {
                return Err(ApiError::about(ErrorCode::MissingParam, "Signature"));
            }
        }
        Ok(VerifiedCall { call: self })
    }

    /// Accepts a call whose bearer token the caller has found to be good.
    ///
    /// # Errors
    /// The call carries a signature, which must be verified instead → `MissingBearerToken`.
    pub fn accept_bearer(&self) -> Result<VerifiedCall<'_, 'r>, ApiError> {
        match self.scheme.kind {
            Kind::BearerV1 | Kind::BearerV3 => Ok(VerifiedCall { call: self }),
            Kind::V1 | Kind::V3 => Err(ApiError::about(ErrorCode::MissingParam, "BearerToken")),
        }
    }

    /// All parameters, sorted by name. Some may be secrets: `crate::ParameterSpec::secret` tells.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter<'r>> {
        self.parameters.iter()
    }

    /// A common parameter: from the parameters in V1, from its header in V3. A bearer call proves neither, so
    /// there the other place will do.
    fn common(&self, name: &str, header: Option<&'r str>) -> Option<&str> {
        let parameter = self.parameters.get_filled(name);
        let header = header.filter(|value| !value.is_empty());
        match self.scheme.kind {
            Kind::V1 => parameter,
            Kind::V3 => header,
            Kind::BearerV1 => parameter.or(header),
            Kind::BearerV3 => header.or(parameter),
        }
    }

    fn check_common(&self) -> Result<(), ApiError> {
        let headers = &self.headers;
        self.require("Action", "x-acs-action", headers.action)?;
        self.require("Version", "x-acs-version", headers.version)?;
        match (self.scheme.kind, &self.scheme.authorization) {
            (Kind::V1, _) => self.check_common_v1()?,
            (_, Some(authorization)) => self.check_common_v3(authorization)?,
            (_, None) => {}
        }
        self.require("Timestamp", "x-acs-date", headers.date)?;
        let nonce = self.require("SignatureNonce", "x-acs-signature-nonce", headers.nonce)?;
        if nonce.len() > NONCE_BYTES_MAX || nonce.chars().any(char::is_control) {
            return Err(ApiError::new(ErrorCode::InvalidSignatureNonce));
        }
        if self.scheme.kind == Kind::V1 {
            self.require("Signature", "Signature", None)?;
        }
        match self.credential() {
            Credential::Bearer { token: "" } => Err(ApiError::about(ErrorCode::MissingParam, "BearerToken")),
            // No key has such an id, and a catalog in PostgreSQL could not even be asked for it.
            Credential::AccessKey { id, .. } if id.chars().any(char::is_control) => {
                Err(ApiError::new(ErrorCode::InvalidAccessKeyIdNotFound))
            }
            Credential::Bearer { .. } | Credential::AccessKey { .. } => Ok(()),
        }
    }

    fn check_common_v1(&self) -> Result<(), ApiError> {
        self.require("AccessKeyId", "AccessKeyId", None)?;
        if self.require("SignatureMethod", "SignatureMethod", None)? != "HMAC-SHA1"
            || self.parameters.get_filled("SignatureType").is_some()
        {
            return Err(ApiError::new(ErrorCode::InvalidSignatureMethod));
        }
        if self.require("SignatureVersion", "SignatureVersion", None)? != "1.0" {
            return Err(ApiError::new(ErrorCode::InvalidSignatureVersion));
        }
        Ok(())
    }

    fn check_common_v3(&self, authorization: &Authorization<'_>) -> Result<(), ApiError> {
        let unsigned = |name: &str| {
            let reason = format_args!("SignedHeaders must contain {name}.");
            Err(ApiError::because(ErrorCode::IncompleteSignature, reason))
        };
        let conditional = [
            ("x-acs-accesskey-id", self.headers.access_key_id.is_some()),
            ("x-acs-security-token", self.headers.security_token.is_some()),
            // Without it a third party could make a form of what is none, or the reverse.
            ("content-type", !self.request.body.is_empty()),
        ];
        // An absent date or nonce has a clearer error of its own.
        let absent = |name: &str| match name {
            "x-acs-date" => self.headers.date.is_none(),
            "x-acs-signature-nonce" => self.headers.nonce.is_none(),
            _ => false,
        };
        let required = SIGNED_HEADERS_REQUIRED.into_iter().filter(|name| !absent(name));
        let conditional = conditional.into_iter().filter(|(_, needed)| *needed).map(|(name, _)| name);
        for name in required.chain(conditional) {
            if !authorization.signs(name) {
                return unsigned(name);
            }
        }
        match self.headers.access_key_id {
            Some(id) if id != authorization.access_key_id => {
                Err(incomplete("x-acs-accesskey-id differs from Credential."))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The value of a common parameter that the call needs.
    fn require(&self, name: &str, header: &str, value: Option<&'r str>) -> Result<&str, ApiError> {
        self.common(name, value).ok_or_else(|| {
            let error = ApiError::about(ErrorCode::MissingParam, name);
            match self.scheme.kind {
                Kind::V1 | Kind::BearerV1 => error,
                Kind::V3 | Kind::BearerV3 => {
                    error.with_message(format!("{header} is mandatory for this action."))
                }
            }
        })
    }

    fn read_timestamp(&self, now: Timestamp) -> Result<Timestamp, ApiError> {
        let text = self.common("Timestamp", self.headers.date).unwrap_or_default();
        // Minute precision is for parameters; the common one has seconds.
        let timestamp = parse_timestamp(text)
            .filter(|_| text.len() >= "yyyy-MM-ddTHH:mm:ssZ".len())
            .ok_or_else(|| ApiError::new(ErrorCode::InvalidTimeStampFormat))?;
        if timestamp.duration_since(now).abs() > CLOCK_WINDOW {
            return Err(ApiError::new(ErrorCode::InvalidTimeStampExpired));
        }
        Ok(timestamp)
    }

    fn verify_v1(&self, secret: &[u8]) -> Result<(), ApiError> {
        let signed = self.parameters.iter().filter(|parameter| parameter.name != "Signature");
        let pairs = signed.map(|parameter| (parameter.name.as_ref(), parameter.value.as_ref()));
        let string_to_sign = string_to_sign_v1(self.request.method, pairs);
        let computed = signature_v1(secret, &string_to_sign);
        if same(self.parameters.get("Signature").unwrap_or_default(), &computed) {
            return Ok(());
        }
        // Plain ASCII, so any length is a boundary.
        Err(ApiError::signature_v1(string_to_sign.get(..ECHO_BYTES_MAX).unwrap_or(&string_to_sign)))
    }

    fn verify_v3(&self, authorization: &Authorization<'_>, secret: &[u8]) -> Result<(), ApiError> {
        let Authorization { digest, access_key_id: _, signed_headers, signature } = *authorization;
        let content_hash = self.headers.content_sha256.unwrap_or_default();
        if !same(content_hash, &digest.hex_hash(self.request.body)) {
            return Err(ApiError::signature_v3(" x-acs-content-sha256 is not the hash of the body."));
        }
        let canonical = self.canonical_request(signed_headers, content_hash)?;
        let string_to_sign = canonical.string_to_sign(digest);
        if same(signature, &signature_v3(digest, secret, &string_to_sign)) {
            return Ok(());
        }
        if canonical.len() > ECHO_BYTES_MAX {
            return Err(ApiError::signature_v3(""));
        }
        let text = canonical.to_text();
        Err(ApiError::signature_v3(&format!(
            " server StringToSign is [{string_to_sign}] server CanonicalRequest is [{text}]"
        )))
    }

    fn canonical_request(
        &self,
        signed_headers: &str,
        content_hash: &str,
    ) -> Result<CanonicalRequest, ApiError> {
        let mut headers = Vec::with_capacity(16);
        for name in signed_headers.split(';') {
            headers.push((name, self.signed_header(name)?));
        }
        let query = self.parameters.iter().filter(|parameter| parameter.place == Place::Query);
        Ok(CanonicalRequest::new(
            self.request.method,
            query.map(|parameter| (parameter.name.as_ref(), parameter.value.as_ref())),
            headers.into_iter(),
            signed_headers,
            content_hash,
        ))
    }

    /// The one value of a signed header.
    fn signed_header(&self, name: &str) -> Result<&'r [u8], ApiError> {
        let mut values = self
            .request
            .headers
            .iter()
            .filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_ascii());
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => {
                let reason = format_args!("SignedHeaders names {name}, which the request does not have.");
                Err(ApiError::because(ErrorCode::IncompleteSignature, reason))
            }
            (Some(_), Some(_)) => {
                Err(ApiError::because(ErrorCode::InvalidParameter, format_args!("{name} occurs twice")))
            }
        }
    }
}
