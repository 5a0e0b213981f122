//! Requests that real clients sent, as bytes, and what they must become here.

use std::{fs, path::Path};

use jiff::Timestamp;
use rpc::{ApiError, Call, Credential, ErrorCode, Format, ReceivedRequest, VerifiedCall};

pub(crate) const SECRET: &[u8] = b"testsecret";

/// One file of `testdata/captures`.
pub(crate) struct Capture {
    pub(crate) name: String,
    pub(crate) request: ReceivedRequest,
    /// The time that the request carries.
    pub(crate) time: Timestamp,
}

pub(crate) fn captures() -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/captures");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let captures: Vec<_> = paths
        .iter()
        .map(|path| {
            let request = read_http(&fs::read(path).unwrap());
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            Capture { name, time: time_of(&request), request }
        })
        .collect();
    assert_eq!(captures.len(), 17);
    captures
}

pub(crate) fn capture(name: &str) -> Capture {
    captures().into_iter().find(|capture| capture.name == name).expect("a capture of that name")
}

/// Parses, looks the secret up and verifies, then hands the verified call over. There is one access key,
/// `testid`.
pub(crate) fn with_verified<T>(
    request: &ReceivedRequest,
    now: Timestamp,
    secret: &[u8],
    then: impl FnOnce(VerifiedCall<'_, '_>) -> T,
) -> Result<T, ApiError> {
    let request = request.as_request();
    let call = Call::parse(&request, now)?;
    if !matches!(call.credential(), Credential::AccessKey { id: "testid", .. } | Credential::Bearer { .. }) {
        return Err(ApiError::new(ErrorCode::InvalidAccessKeyIdNotFound));
    }
    Ok(then(call.verify(secret)?))
}

/// Splits a raw HTTP/1.1 request as a server does, chunks included.
fn read_http(raw: &[u8]) -> ReceivedRequest {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&raw[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let mut request_line = lines.next().unwrap().split(' ');
    let headers: Vec<(String, Vec<u8>)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect();
    let body = &raw[end + 4..];
    let chunked = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    ReceivedRequest {
        method: request_line.next().unwrap().to_owned(),
        target: request_line.next().unwrap().as_bytes().to_vec(),
        headers,
        body: if chunked { join_chunks(body) } else { body.to_vec() },
    }
}

fn join_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line_end = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line_end]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line_end + 2..line_end + 2 + length]);
        rest = &rest[line_end + 2 + length + 2..];
    }
}

/// The time of `x-acs-date` or `Timestamp`, found without the code under test.
fn time_of(request: &ReceivedRequest) -> Timestamp {
    let dated = request.headers.iter().find(|(name, _)| name == "x-acs-date");
    if let Some((_, date)) = dated {
        return std::str::from_utf8(date).unwrap().trim().parse().unwrap();
    }
    let all = [request.target.as_slice(), &request.body].join(&b'&');
    let all = String::from_utf8(all).unwrap();
    let start = all.find("Timestamp=").unwrap() + "Timestamp=".len();
    all[start..].split('&').next().unwrap().replace("%3A", ":").parse().unwrap()
}

#[test]
fn every_capture_verifies_at_its_own_time() {
    for Capture { name, request, time } in captures() {
        let borrowed = request.as_request();
        let call = Call::parse(&borrowed, time).unwrap_or_else(|error| panic!("{name}: {error}"));
        let token = name.contains("-sts-").then_some("sts-token-xyz");
        assert!(call.credential() == Credential::AccessKey { id: "testid", security_token: token }, "{name}");
        let format = if name.ends_with("XML") { Format::Xml } else { Format::Json };
        assert_eq!(call.format(), format, "{name}");
        assert_eq!(Format::of(&borrowed), format, "{name}");
        let verified = call.verify(SECRET).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(verified.timestamp(), time, "{name}");
        assert!(verified.nonce().len() >= 32, "{name}");
        assert_eq!(name.contains("-v3-") || name.contains("sm3"), verified.digest().is_some(), "{name}");
    }
}

#[test]
fn every_capture_is_refused_with_another_secret() {
    for Capture { name, request, time } in captures() {
        for secret in [&b""[..], b"testsecre", b"testsecrets", b"Testsecret"] {
            let error = with_verified(&request, time, secret, |_| ()).unwrap_err();
            assert_eq!((error.code(), error.status()), ("SignatureDoesNotMatch", 400), "{name}");
        }
    }
}

#[test]
fn every_capture_yields_its_action_or_the_refusal_that_it_deserves() {
    let mut refused_for_their_token = 0;
    for Capture { name, request, time } in captures() {
        let outcome = with_verified(&request, time, SECRET, |verified| {
            let action = verified.action()?;
            verified.arguments(action)
        });
        let outcome = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        let outcome = outcome.as_ref().map(|arguments| arguments.action().name).map_err(ApiError::code);
        let non_ascii = [request.target.as_slice(), &request.body].concat();
        if non_ascii.windows(6).any(|window| window == b"%C3%A9") {
            refused_for_their_token += 1;
            assert_eq!(outcome, Err("InvalidClientToken.Malformed"), "{name}");
            continue;
        }
        let operation = name.rsplit('-').next().unwrap();
        match operation {
            // An operation that the API has and this service has not.
            "QueryNotify" => assert_eq!(outcome, Err("InvalidAction.NotFound"), "{name}"),
            "arrays" => assert_eq!(outcome, Ok("ModifyBackupPolicy"), "{name}"),
            "GET" | "XML" => assert_eq!(outcome, Ok("DescribeBackupTasks"), "{name}"),
            operation => assert_eq!(outcome, Ok(operation), "{name}"),
        }
    }
    assert_eq!(refused_for_their_token, 6);
}

#[test]
fn values_arrive_as_they_were_meant() {
    let Capture { name: _, request, time } = capture("node-popcore-POST-CreateBackup");
    let databases = with_verified(&request, time, SECRET, |verified| {
        let arguments = verified.arguments(verified.action().unwrap()).unwrap();
        (arguments.text("DBName").map(str::to_owned), arguments.required_text("BackupMethod").to_owned())
    });
    assert_eq!(databases.unwrap(), (Some("a,b c".to_owned()), "Physical".to_owned()));
}
