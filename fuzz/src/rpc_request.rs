//! Requests of the API.

use rpc::{
    ACTIONS, AnswerContext, ApiError, Arguments, Call, Format, ReceivedRequest, RequestId, render_error,
};

/// A request as text: `<method> <target>`, a line `<name>: <value>` for each header, an empty line, the body.
/// All is done with it that a service does before it knows who calls, and its parameters are read for every
/// action, which a service does only after the signature has matched. Says whether it would be served.
///
/// # Panics
/// A parser is wrong.
pub fn rpc_request(bytes: &[u8]) -> bool {
    let request = request(bytes);
    let request = request.as_request();
    let format = Format::of(&request);
    let host_id = request.host().unwrap_or("unknown").to_owned();
    let now = "2026-11-24T03:22:50Z".parse().expect("a time");
    let Err(error) = serve(Call::parse(&request, now)) else { return true };
    let request_id = RequestId::from_random([7; 16]);
    let context = AnswerContext { request_id, format, host_id: &host_id, public_url: "http://h" };
    assert!(!render_error(&error, &context).body.is_empty());
    false
}

fn serve(call: Result<Call<'_>, ApiError>) -> Result<(), ApiError> {
    let call = call?;
    let _ = (call.credential(), call.claimed_action(), call.format());
    for action in ACTIONS {
        let value =
            |name: &str| call.parameters().find(|parameter| parameter.name == name).map(|p| &*p.value);
        let _ = Arguments::read(action, value);
    }
    let verified = call.verify(b"testsecret").or_else(|_| call.accept_bearer())?;
    let _ = (verified.nonce(), verified.timestamp());
    verified.arguments(verified.action()?)?;
    Ok(())
}

fn request(bytes: &[u8]) -> ReceivedRequest {
    let (first, mut rest) = split(bytes, b'\n');
    let (method, target) = split(first, b' ');
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let (line, behind) = split(rest, b'\n');
        rest = behind;
        if line.is_empty() {
            break;
        }
        let (name, value) = split(line, b':');
        headers.push((String::from_utf8_lossy(name).into_owned(), value.to_vec()));
    }
    let method = String::from_utf8_lossy(method).into_owned();
    ReceivedRequest { method, target: target.to_vec(), headers, body: rest.to_vec() }
}

/// What lies before and behind the first `byte`.
fn split(bytes: &[u8], byte: u8) -> (&[u8], &[u8]) {
    let position = bytes.iter().position(|each| *each == byte).unwrap_or(bytes.len());
    (&bytes[..position], bytes.get(position + 1..).unwrap_or_default())
}
