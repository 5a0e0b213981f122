//! `EncodedDiagnosticMessage`: what a refused caller passes on to an administrator, who finds the record by it.
//! By itself it tells nothing that the caller does not know.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rpc::RequestId;

/// Before the request's id; the number is raised with the form.
const PREFIX: &str = "backstop audit 1 ";

/// The message of a request.
pub(super) fn encoded(request_id: RequestId) -> String {
    STANDARD.encode(format!("{PREFIX}{request_id}"))
}

/// The request that a message is of; `None` for any other text.
pub(crate) fn request_of_diagnostic(message: &str) -> Option<RequestId> {
    let text = String::from_utf8(STANDARD.decode(message.trim()).ok()?).ok()?;
    RequestId::parse(text.strip_prefix(PREFIX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_leads_back_to_its_request() {
        let id = RequestId::from_random([7; 16]);
        assert_eq!(request_of_diagnostic(&encoded(id)), Some(id));
        for other in ["", "%", "YmFja3N0b3A=", &STANDARD.encode([0xFF; 40])] {
            assert_eq!(request_of_diagnostic(other), None, "{other}");
        }
    }
}
