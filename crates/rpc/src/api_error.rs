//! A refusal as the client will read it: code, status and message, nothing that only the log may hold.

use std::{borrow::Cow, error, fmt};

use crate::{ErrorCode, Retry};

/// An error of the API.
///
/// Boxed inside, so that a `Result` with it stays small on the path that succeeds.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiError(Box<Content>);

#[derive(Clone, PartialEq, Eq)]
struct Content {
    row: ErrorCode,
    code: Cow<'static, str>,
    message: String,
    /// How many bytes of the message a log may have: the rest repeats the request, secrets included.
    loggable_bytes: usize,
    access_denied: Option<AccessDenied>,
}

/// What a permission error tells beside its message (`AccessDeniedDetail`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessDenied {
    /// The action that was refused, such as `rds:CreateBackup`.
    pub auth_action: String,
    /// Text that an administrator can look up in the audit log; tells the caller nothing by itself.
    pub encoded_diagnostic_message: String,
}

impl ApiError {
    /// The error of a row whose code and message have no placeholder.
    pub fn new(row: ErrorCode) -> Self {
        Self::filled(row, &[])
    }

    /// The error of a row about one parameter, `{Param}` in code and message.
    pub fn about(row: ErrorCode, parameter: &str) -> Self {
        Self::filled(row, &[("{Param}", parameter)])
    }

    /// The error of a row whose message ends in a reason, `{Reason}`: lower case, no full stop, nothing that
    /// the client may not know.
    pub fn because(row: ErrorCode, reason: impl fmt::Display) -> Self {
        Self::filled(row, &[("{Reason}", &reason.to_string())])
    }

    /// The error of a row about one parameter and with a reason.
    pub fn about_because(row: ErrorCode, parameter: &str, reason: impl fmt::Display) -> Self {
        Self::filled(row, &[("{Param}", parameter), ("{Reason}", &reason.to_string())])
    }

    /// The V1 mismatch. Its colon form is what old SDKs compare with their own string to sign.
    pub(crate) fn signature_v1(string_to_sign: &str) -> Self {
        Self::filled(ErrorCode::SignatureDoesNotMatchV1, &[("{StringToSign}", string_to_sign)])
            .hide_last(string_to_sign.len())
    }

    /// The V3 mismatch; `echo` follows the message and begins with a space, or is empty.
    pub(crate) fn signature_v3(echo: &str) -> Self {
        Self::filled(ErrorCode::SignatureDoesNotMatchV3, &[("{Reason}", echo)]).hide_last(echo.len())
    }

    fn hide_last(mut self, bytes: usize) -> Self {
        self.0.loggable_bytes = self.0.message.len().saturating_sub(bytes);
        self
    }

    /// The same error with another message, for the documented codes that serve several rules.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self.0.loggable_bytes = self.0.message.len();
        self
    }

    /// The same error with the detail of a permission error.
    #[must_use]
    pub fn with_access_denied(mut self, detail: AccessDenied) -> Self {
        self.0.access_denied = Some(detail);
        self
    }

    /// The row of the error table.
    pub fn row(&self) -> ErrorCode {
        self.0.row
    }

    /// The code on the wire.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.row.spec().status
    }

    /// The message on the wire.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The message as far as a log may have it: what repeats the request is left out.
    pub fn loggable_message(&self) -> &str {
        self.message().get(..self.0.loggable_bytes).unwrap_or_default()
    }

    /// The detail of a permission error.
    pub fn access_denied(&self) -> Option<&AccessDenied> {
        self.0.access_denied.as_ref()
    }

    /// Whether the same request can succeed.
    pub fn retry(&self) -> Retry {
        self.0.row.spec().retry
    }

    fn filled(row: ErrorCode, values: &[(&str, &str)]) -> Self {
        let spec = row.spec();
        let code = match values.iter().find(|(name, _)| *name == "{Param}" && spec.code.contains(name)) {
            Some((name, value)) => Cow::Owned(spec.code.replace(name, value)),
            None => Cow::Borrowed(spec.code),
        };
        let message = fill(spec.message, values);
        let loggable_bytes = message.len();
        Self(Box::new(Content { row, code, message, loggable_bytes, access_denied: None }))
    }
}

/// Puts each value in the place of its name. Values are not searched for names again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut message = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, placeholder) = rest.split_at(start);
        message.push_str(before);
        let end = placeholder.find('}').map_or(placeholder.len(), |end| end + 1);
        let (name, after) = placeholder.split_at(end);
        let value = values.iter().find(|(candidate, _)| *candidate == name);
        message.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    message.push_str(rest);
    message
}

/// For logs: what a mismatched signature repeats of the request is left out.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.loggable_message())
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({} {})", self.status(), self)
    }
}

impl error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_takes_the_parameters_name_in_code_and_message() {
        let error = ApiError::about(ErrorCode::MissingParam, "DBInstanceId");
        assert_eq!(error.code(), "MissingDBInstanceId");
        assert_eq!(error.message(), "DBInstanceId is mandatory for this action.");
        assert_eq!(error.status(), 400);
    }

    #[test]
    fn a_value_that_looks_like_a_placeholder_stays_as_it_is() {
        let error = ApiError::about_because(ErrorCode::ParamMalformed, "Host", "{Param}");
        assert_eq!(error.message(), "The specified parameter \"Host\" is not well formed: {Param}.");
    }

    #[test]
    fn a_log_never_has_what_a_mismatch_repeats() {
        let error = ApiError::signature_v1("POST&%2F&Password%3Dswordfish");
        assert!(error.message().ends_with("server string to sign is:POST&%2F&Password%3Dswordfish"));
        assert!(!format!("{error} {error:?}").contains("swordfish"));
        let error = ApiError::signature_v3(" server CanonicalRequest is [swordfish]");
        assert!(!format!("{error} {error:?}").contains("swordfish"));
    }

    #[test]
    fn no_placeholder_reaches_the_client() {
        for row in ErrorCode::ALL {
            let error = ApiError::about_because(*row, "X", "y");
            let error =
                if *row == ErrorCode::SignatureDoesNotMatchV1 { ApiError::signature_v1("s") } else { error };
            assert!(!error.code().contains('{') && !error.message().contains('{'), "{error}");
        }
    }
}
