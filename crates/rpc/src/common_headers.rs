//! The headers that carry a call's identity, found in one pass.

use crate::{ApiError, ErrorCode, Request};

/// The headers that this crate acts upon; each may occur once.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CommonHeaders<'r> {
    pub(crate) authorization: Option<&'r str>,
    pub(crate) host: Option<&'r str>,
    pub(crate) content_type: Option<&'r str>,
    pub(crate) action: Option<&'r str>,
    pub(crate) version: Option<&'r str>,
    pub(crate) date: Option<&'r str>,
    pub(crate) nonce: Option<&'r str>,
    pub(crate) content_sha256: Option<&'r str>,
    pub(crate) access_key_id: Option<&'r str>,
    pub(crate) security_token: Option<&'r str>,
    pub(crate) bearer_token: Option<&'r str>,
}

impl<'r> CommonHeaders<'r> {
    /// # Errors
    /// One of these headers occurs twice or is not UTF-8 → `InvalidParameter`.
    pub(crate) fn read(request: &Request<'r>) -> Result<Self, ApiError> {
        let mut found = Self::default();
        for (name, value) in &request.headers {
            let Some(slot) = found.slot(name) else { continue };
            let Ok(value) = std::str::from_utf8(value.trim_ascii()) else {
                return Err(ApiError::because(
                    ErrorCode::InvalidParameter,
                    format_args!("{name} is not UTF-8"),
                ));
            };
            if slot.replace(value).is_some() {
                return Err(ApiError::because(
                    ErrorCode::InvalidParameter,
                    format_args!("{name} occurs twice"),
                ));
            }
        }
        Ok(found)
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<&'r str>> {
        let slots = [
            ("authorization", &mut self.authorization),
            ("host", &mut self.host),
            ("content-type", &mut self.content_type),
            ("x-acs-action", &mut self.action),
            ("x-acs-version", &mut self.version),
            ("x-acs-date", &mut self.date),
            ("x-acs-signature-nonce", &mut self.nonce),
            ("x-acs-content-sha256", &mut self.content_sha256),
            ("x-acs-accesskey-id", &mut self.access_key_id),
            ("x-acs-security-token", &mut self.security_token),
            ("x-acs-bearer-token", &mut self.bearer_token),
        ];
        slots.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, slot)| slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &[u8])], expect: Result<Option<&str>, &str>) {
        let request = Request { method: "GET", target: b"/", headers: headers.to_vec(), body: b"" };
        let read = CommonHeaders::read(&request);
        assert_eq!(read.as_ref().map(|found| found.action).map_err(ApiError::message), expect);
    }

    #[test]
    fn names_are_read_in_any_case_and_values_trimmed() {
        check(&[("X-Acs-Action", b" DescribeRegions\t")], Ok(Some("DescribeRegions")));
        check(&[("accept", b"\xff"), ("accept", b"b")], Ok(None));
    }

    #[test]
    fn a_doubled_or_undecodable_header_is_refused() {
        let doubled = "The specified parameter is not valid: X-ACS-ACTION occurs twice.";
        check(&[("x-acs-action", b"a"), ("X-ACS-ACTION", b"a")], Err(doubled));
        check(
            &[("x-acs-action", b"\xff")],
            Err("The specified parameter is not valid: x-acs-action is not UTF-8."),
        );
    }
}
