//! Each check of a request by itself, and their order.

use jiff::{SignedDuration, Timestamp};
use rpc::{
    ApiError, BODY_BYTES_MAX, CLOCK_WINDOW, Call, Credential, Format, HEADER_COUNT_MAX,
    HEADER_VALUE_BYTES_MAX, ReceivedRequest, SigningRequest, sign_v1, sign_v3,
};

use crate::captured::{Capture, SECRET, capture, with_verified};

fn now() -> Timestamp {
    "2026-11-24T03:22:50Z".parse().unwrap()
}

fn signing<'a>() -> SigningRequest<'a> {
    SigningRequest {
        host: "127.0.0.1:8086",
        action: "DescribeBackupTasks",
        query: &[("DBInstanceId", "rm-x")],
        form: &[],
        access_key_id: "testid",
        secret: "testsecret",
        security_token: None,
        nonce: "38340e20b93d1dcf3dcb10d60485e83b",
        now: now(),
    }
}

fn v1() -> ReceivedRequest {
    ReceivedRequest::from(&sign_v1(&signing()))
}

fn v3() -> ReceivedRequest {
    ReceivedRequest::from(&sign_v3(&signing()))
}

fn replace_in_target(mut request: ReceivedRequest, from: &str, to: &str) -> ReceivedRequest {
    let target = String::from_utf8(request.target).unwrap();
    assert!(target.contains(from), "{target}");
    request.target = target.replacen(from, to, 1).into_bytes();
    request
}

fn with_header(mut request: ReceivedRequest, name: &str, value: &str) -> ReceivedRequest {
    request.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    request
}

fn without_header(mut request: ReceivedRequest, name: &str) -> ReceivedRequest {
    request.headers.retain(|(candidate, _)| candidate != name);
    request
}

fn replace_in_authorization(mut request: ReceivedRequest, from: &str, to: &str) -> ReceivedRequest {
    let (_, value) = request.headers.iter_mut().find(|(name, _)| name == "authorization").unwrap();
    let text = String::from_utf8(value.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    *value = text.replacen(from, to, 1).into_bytes();
    request
}

#[track_caller]
fn check_parse(request: &ReceivedRequest, code: &str, message: &str) {
    let request = request.as_request();
    let error = Call::parse(&request, now()).err().expect("a refusal");
    assert_eq!((error.code(), error.message()), (code, message));
}

#[test]
fn each_missing_common_parameter_of_v1_is_named() {
    for name in [
        "Action",
        "Version",
        "AccessKeyId",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
        "SignatureNonce",
        "Signature",
    ] {
        let message = format!("{name} is mandatory for this action.");
        // A name stands after the mark or an ampersand; "Version=" alone is also in "SignatureVersion=".
        let start = if name == "AccessKeyId" { '?' } else { '&' };
        let parameter = format!("{start}{name}=");
        let renamed = replace_in_target(v1(), &parameter, &format!("{start}Not{name}="));
        check_parse(&renamed, &format!("Missing{name}"), &message);
        let empty = replace_in_target(v1(), &parameter, &format!("{parameter}&x="));
        check_parse(&empty, &format!("Missing{name}"), &message);
    }
}

#[test]
fn each_missing_common_header_of_v3_is_named() {
    for (header, code) in [
        ("x-acs-action", "MissingAction"),
        ("x-acs-version", "MissingVersion"),
        ("x-acs-date", "MissingTimestamp"),
        ("x-acs-signature-nonce", "MissingSignatureNonce"),
    ] {
        check_parse(&without_header(v3(), header), code, &format!("{header} is mandatory for this action."));
    }
}

#[test]
fn what_must_be_signed_must_be_in_signed_headers() {
    for header in [
        "host",
        "x-acs-action",
        "x-acs-content-sha256",
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-version",
    ] {
        let unsigned = replace_in_authorization(v3(), header, "accept");
        check_parse(
            &unsigned,
            "IncompleteSignature",
            &format!(
                "The request signature does not conform to Aliyun standards. SignedHeaders must contain {header}."
            ),
        );
    }
    for header in ["x-acs-security-token", "x-acs-accesskey-id"] {
        let added = with_header(v3(), header, "testid");
        check_parse(
            &added,
            "IncompleteSignature",
            &format!(
                "The request signature does not conform to Aliyun standards. SignedHeaders must contain {header}."
            ),
        );
    }
}

/// Otherwise a third party could turn a form into none, or the reverse.
#[test]
fn a_body_needs_a_signed_content_type() {
    let form = SigningRequest { form: &[("BackupMode", "Manual")], ..signing() };
    let unsigned = replace_in_authorization(ReceivedRequest::from(&sign_v3(&form)), "content-type;", "");
    let message = "The request signature does not conform to Aliyun standards. SignedHeaders must contain \
                   content-type.";
    check_parse(&unsigned, "IncompleteSignature", message);
}

#[test]
fn a_signed_header_that_is_not_there_or_there_twice_is_refused() {
    let absent = replace_in_authorization(v3(), "host;", "host;x-absent;");
    let error = with_verified(&absent, now(), SECRET, |_| ()).unwrap_err();
    assert_eq!(error.code(), "IncompleteSignature");
    for name in ["host", "x-acs-action", "authorization"] {
        let doubled = with_header(v3(), name, "other");
        let message = format!("The specified parameter is not valid: {name} occurs twice.");
        check_parse(&doubled, "InvalidParameter", &message);
    }
    // Python signs `accept` too, and nothing but the signature looks at it.
    let Capture { name: _, mut request, time } = capture("py-new-v3-CreateBackup");
    request.headers.push(("Accept".to_owned(), b"text/plain".to_vec()));
    let error = with_verified(&request, time, SECRET, |_| ()).unwrap_err();
    assert_eq!(error.message(), "The specified parameter is not valid: accept occurs twice.");
}

#[test]
fn a_body_that_is_not_the_one_hashed_is_refused() {
    let form = SigningRequest { form: &[("BackupMode", "Manual")], ..signing() };
    let signed = ReceivedRequest::from(&sign_v3(&form));
    assert!(with_verified(&signed, now(), SECRET, |_| ()).is_ok());
    for body in [&b"BackupMode=Automated"[..], b"", b"BackupMode=Manual&"] {
        let changed = ReceivedRequest { body: body.to_vec(), ..signed.clone() };
        let error = with_verified(&changed, now(), SECRET, |_| ()).unwrap_err();
        assert_eq!(error.code(), "SignatureDoesNotMatch");
        assert_eq!(
            error.message(),
            "Specified signature does not match our calculation. x-acs-content-sha256 is not the hash of the body."
        );
    }
}

#[test]
fn the_clock_window_is_fifteen_minutes_each_way() {
    for request in [v1(), v3()] {
        for edge in [CLOCK_WINDOW, -CLOCK_WINDOW] {
            assert!(with_verified(&request, now() + edge, SECRET, |_| ()).is_ok());
            let beyond = now() + edge + SignedDuration::from_secs(1) * i32::from(edge.signum());
            let error = with_verified(&request, beyond, SECRET, |_| ()).unwrap_err();
            assert_eq!(error.code(), "InvalidTimeStamp.Expired");
            assert_eq!(error.message(), "Specified time stamp or date value is expired.");
        }
    }
}

#[test]
fn a_time_without_its_form_is_refused_and_fractions_are_accepted() {
    let message = "Specified time stamp or date value is not well formatted.";
    for time in ["now", "2026-11-24", "2026-11-24T03%3A22Z", "2026-11-24T03%3A22%3A50", "1795490570"] {
        let changed = replace_in_target(v1(), "2026-11-24T03%3A22%3A50Z", time);
        check_parse(&changed, "InvalidTimeStamp.Format", message);
    }
    let fractional = replace_in_target(v1(), "50Z", "50.123456Z");
    let request = fractional.as_request();
    assert!(Call::parse(&request, now()).is_ok());
    let broken =
        with_header(without_header(v3(), "x-acs-date"), "x-acs-date", "Tue, 24 Nov 2026 03:22:50 GMT");
    check_parse(&broken, "InvalidTimeStamp.Format", message);
}

#[test]
fn algorithms_that_are_not_served_are_refused() {
    let message = "Specified signature method is not valid.";
    let code = "InvalidSignatureMethod";
    check_parse(&replace_in_target(v1(), "HMAC-SHA1", "SHA256withRSA"), code, message);
    check_parse(&replace_in_target(v1(), "&Signature", "&SignatureType=PRIVATEKEY&Signature"), code, message);
    check_parse(&replace_in_authorization(v3(), "ACS3-HMAC-SHA256", "ACS3-RSA-SHA256"), code, message);
    check_parse(
        &replace_in_target(v1(), "SignatureVersion=1.0", "SignatureVersion=2.0"),
        "InvalidSignatureVersion",
        "Specified signature version is not valid.",
    );
}

#[test]
fn only_get_and_post_of_the_root_are_served() {
    for method in ["PUT", "DELETE", "HEAD", "get", "", "OPTIONS"] {
        let request = ReceivedRequest { method: method.to_owned(), ..v1() };
        check_parse(&request, "UnsupportedHTTPMethod", "This http method is not supported.");
    }
    for path in ["/x", "//", "*", "/%2F"] {
        check_parse(
            &replace_in_target(v1(), "/?", &format!("{path}?")),
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
        );
    }
}

#[test]
fn an_absolute_target_is_the_same_call() {
    for start in ["http://127.0.0.1:8086/?", "HTTP://other:1?"] {
        for request in [v1(), v3()] {
            let absolute = replace_in_target(request, "/?", start);
            assert!(with_verified(&absolute, now(), SECRET, |_| ()).is_ok(), "{start}");
        }
    }
}

#[test]
fn requests_over_a_limit_are_refused() {
    let code = "RequestTooLarge";
    let start = "The request is larger than this service accepts: ";
    let mut many = v1();
    many.headers.extend((0..HEADER_COUNT_MAX).map(|number| (format!("x-{number}"), Vec::new())));
    check_parse(&many, code, &format!("{start}more than 100 headers."));
    let long = with_header(v1(), "cookie", &"c".repeat(HEADER_VALUE_BYTES_MAX + 1));
    check_parse(&long, code, &format!("{start}a header is over 16384 bytes."));
    let big = ReceivedRequest { body: vec![0; BODY_BYTES_MAX + 1], ..v1() };
    check_parse(&big, code, &format!("{start}the body is over 1048576 bytes."));
    let nonce = replace_in_target(v1(), "SignatureNonce=", &format!("SignatureNonce={}", "n".repeat(256)));
    check_parse(&nonce, "InvalidSignatureNonce", "Specified signature nonce is not valid.");
}

/// A catalog in PostgreSQL refuses NUL in text; a request must not make that an internal error.
#[test]
fn control_characters_in_what_is_looked_up_are_refused() {
    let nonce = replace_in_target(v1(), "SignatureNonce=", "SignatureNonce=%00");
    check_parse(&nonce, "InvalidSignatureNonce", "Specified signature nonce is not valid.");
    let id = replace_in_target(v1(), "AccessKeyId=", "AccessKeyId=%00");
    check_parse(&id, "InvalidAccessKeyId.NotFound", "Specified access key is not found.");
}

#[test]
fn what_a_mismatch_repeats_is_bounded() {
    let value = "v".repeat(200_000);
    let form = [("Filter", value.as_str())];
    for signed in [
        sign_v1(&SigningRequest { form: &form, ..signing() }),
        sign_v3(&SigningRequest { form: &form, ..signing() }),
    ] {
        let received = ReceivedRequest::from(&signed);
        assert!(with_verified(&received, now(), SECRET, |_| ()).is_ok());
        let error = with_verified(&received, now(), b"wrong", |_| ()).unwrap_err();
        assert!(error.message().len() < 17 * 1024);
    }
}

#[test]
fn format_is_asked_for_or_follows_the_version() {
    #[track_caller]
    fn check(request: &ReceivedRequest, expect: Format) {
        let request = request.as_request();
        assert_eq!(Call::parse(&request, now()).unwrap().format(), expect);
        assert_eq!(Format::of(&request), expect);
    }
    check(&v1(), Format::Xml);
    check(&v3(), Format::Json);
    for (word, expect) in [("json", Format::Json), ("Xml", Format::Xml), ("XML", Format::Xml)] {
        for request in [v1(), v3()] {
            check(&replace_in_target(request, "?", &format!("?Format={word}&")), expect);
        }
    }
    check_parse(
        &replace_in_target(v1(), "?", "?Format=YAML&"),
        "InvalidParameter.Format",
        "The specified parameter \"Format\" is not valid.",
    );
}

/// Modern clients send `x-acs-action` with V1 too, where nothing signs it.
#[test]
fn the_signed_action_wins() {
    let name = |request: &ReceivedRequest| {
        with_verified(request, now(), SECRET, |verified| verified.action().unwrap().name).unwrap()
    };
    assert_eq!(name(&with_header(v1(), "x-acs-action", "DeleteBackup")), "DescribeBackupTasks");
    let query = [("DBInstanceId", "rm-x"), ("Action", "DeleteBackup"), ("Signature", "x")];
    let signed = sign_v3(&SigningRequest { query: &query, ..signing() });
    assert_eq!(name(&ReceivedRequest::from(&signed)), "DescribeBackupTasks");
    check_parse(
        &with_header(replace_in_target(v1(), "Action=", "NotAction="), "x-acs-action", "DescribeBackupTasks"),
        "MissingAction",
        "Action is mandatory for this action.",
    );
}

#[test]
fn unknown_actions_and_versions_are_refused_after_the_signature() {
    for sign in [sign_v1, sign_v3] {
        for action in ["RestoreDBInstance", "describebackuptasks", "DescribeBackupTasks "] {
            let received = ReceivedRequest::from(&sign(&SigningRequest { action, ..signing() }));
            let outcome = with_verified(&received, now(), SECRET, |verified| verified.action().err());
            // V3 trims header values, so there a trailing space is none.
            if action.ends_with(' ') && received.headers.iter().any(|(name, _)| name == "authorization") {
                assert_eq!(outcome.unwrap(), None);
                continue;
            }
            let error = outcome.unwrap().expect("a refusal");
            assert_eq!((error.code(), error.status()), ("InvalidAction.NotFound", 404));
            let wrong = with_verified(&received, now(), b"wrong", |_| ()).unwrap_err();
            assert_eq!(wrong.code(), "SignatureDoesNotMatch");
        }
    }
    let version = replace_in_target(v1(), "Version=2014-08-15", "Version=2014-08-16");
    let error = with_verified(&version, now(), b"wrong", |_| ()).unwrap_err();
    assert_eq!(error.code(), "SignatureDoesNotMatch");
}

#[test]
fn temporary_credentials_show_their_token_and_sign_it() {
    let temporary = SigningRequest { security_token: Some("sts-token-xyz"), ..signing() };
    for signed in [sign_v1(&temporary), sign_v3(&temporary)] {
        let received = ReceivedRequest::from(&signed);
        let request = received.as_request();
        let call = Call::parse(&request, now()).unwrap();
        let expect = Credential::AccessKey { id: "testid", security_token: Some("sts-token-xyz") };
        assert!(call.credential() == expect);
        assert!(call.verify(SECRET).is_ok());
    }
    let other = replace_in_authorization(
        ReceivedRequest::from(&sign_v3(&temporary)),
        "Credential=testid",
        "Credential=other",
    );
    check_parse(
        &other,
        "IncompleteSignature",
        "The request signature does not conform to Aliyun standards. x-acs-accesskey-id differs from Credential.",
    );
    let stripped = without_header(ReceivedRequest::from(&sign_v3(&temporary)), "x-acs-security-token");
    assert!(with_verified(&stripped, now(), SECRET, |_| ()).is_err());
}

#[test]
fn a_bearer_call_has_a_token_and_no_signature() {
    let v1_bearer = replace_in_target(v1(), "Signature=", "SignatureType=BEARERTOKEN&BearerToken=tok&x=");
    let v3_bearer = with_header(without_header(v3(), "authorization"), "x-acs-bearer-token", "tok");
    let v3_bearer = replace_in_target(v3_bearer, "?", "?SignatureType=BEARERTOKEN&");
    for received in [&v1_bearer, &v3_bearer] {
        let request = received.as_request();
        let call = Call::parse(&request, now()).unwrap();
        assert!(call.credential() == Credential::Bearer { token: "tok" });
        assert_eq!(call.verify(SECRET).err().as_ref().map(ApiError::code), Some("MissingSignature"));
        let verified = call.accept_bearer().unwrap();
        assert_eq!(verified.action().unwrap().name, "DescribeBackupTasks");
        assert_eq!(verified.nonce(), "38340e20b93d1dcf3dcb10d60485e83b");
    }
    for received in [
        replace_in_target(v1_bearer.clone(), "Version=2014-08-15", "Version=2014-08-16"),
        with_header(without_header(v3_bearer, "x-acs-version"), "x-acs-version", "2014-8-15"),
    ] {
        let request = received.as_request();
        let call = Call::parse(&request, now()).unwrap();
        let error = call.accept_bearer().unwrap().action().unwrap_err();
        assert_eq!(error.code(), "InvalidVersion");
        assert_eq!(error.message(), "Specified parameter Version is not valid.");
    }
    let without = replace_in_target(v1_bearer, "BearerToken=tok", "BearerToken=");
    check_parse(&without, "MissingBearerToken", "BearerToken is mandatory for this action.");
}

/// A signed call must not get in as a bearer call, whose token its sender may make up.
#[test]
fn a_signed_call_is_never_accepted_as_a_bearer_call() {
    for received in [v1(), v3(), with_header(v3(), "x-acs-bearer-token", "tok")] {
        let request = received.as_request();
        let call = Call::parse(&request, now()).unwrap();
        assert_eq!(call.accept_bearer().err().as_ref().map(ApiError::code), Some("MissingBearerToken"));
    }
}

#[test]
fn no_secret_shows_in_debug_output() {
    let form = [("Password", "swordfish")];
    let signing =
        SigningRequest { form: &form, secret: "swordfish", security_token: Some("swordfish"), ..signing() };
    let signed = sign_v3(&signing);
    let received = ReceivedRequest::from(&signed);
    let request = received.as_request();
    let call = Call::parse(&request, now()).unwrap();
    let parameters: Vec<_> = call.parameters().collect();
    let shown = format!("{signing:?} {signed:?} {received:?} {request:?} {parameters:?}");
    assert!(!shown.contains("swordfish"), "{shown}");
}
