//! One byte of anything that is signed changed, and the request is refused.

use std::borrow::Cow;

use jiff::Timestamp;
use rpc::{Call, ReceivedRequest};

use crate::captured::{Capture, SECRET, captures, with_verified};

/// What a byte is replaced by: each of its bits flipped, and the bytes that have a meaning of their own.
fn replacements(byte: u8) -> impl Iterator<Item = u8> {
    let flipped = (0..8).map(move |bit| byte ^ (1 << bit));
    flipped.chain(*b"%+&=;,:/?a0 ").filter(move |replacement| *replacement != byte)
}

/// What the request asks for, free of how it is spelled: the same parameters can be written in many ways.
fn meaning(request: &ReceivedRequest, now: Timestamp) -> Option<Vec<String>> {
    let borrowed = request.as_request();
    let call = Call::parse(&borrowed, now).ok()?;
    let mut meaning: Vec<String> =
        call.parameters().map(|p| format!("{:?} {} {}", p.place, p.name, p.value)).collect();
    meaning.push(request.method.clone());
    meaning.extend(request.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value);
        let name = name.to_ascii_lowercase();
        // Spaces around the parts of this one are tolerated.
        let value = if name == "authorization" { value.replace(' ', "") } else { value.trim().to_owned() };
        format!("{name}: {value}")
    }));
    if request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        meaning.push(String::from_utf8_lossy(&request.body).into_owned());
    }
    Some(meaning)
}

/// The names in `SignedHeaders`, with `Authorization` itself; none in V1.
fn signed_headers(request: &ReceivedRequest) -> Vec<String> {
    let Some((_, value)) = request.headers.iter().find(|(name, _)| name == "Authorization") else {
        return Vec::new();
    };
    let value = String::from_utf8(value.clone()).unwrap();
    let list = value.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    list.split(';').map(str::to_owned).chain(["authorization".to_owned()]).collect()
}

/// Applies `change` to each byte of each signed part and checks that the result is refused, unless it means
/// the same; returns how many were refused.
fn check_each_byte(capture: &Capture, change: impl Fn(&[u8], usize) -> Vec<Vec<u8>>) -> usize {
    let Capture { name, request, time } = capture;
    let original = meaning(request, *time).unwrap();
    let mut refused = 0;
    let mut check = |changed: ReceivedRequest, part: &str, position: usize| match with_verified(
        &changed,
        *time,
        SECRET,
        |_| (),
    ) {
        Err(_) => refused += 1,
        Ok(()) => assert_eq!(
            meaning(&changed, *time).as_ref(),
            Some(&original),
            "{name}: {part} changed at byte {position} was accepted"
        ),
    };
    for position in 0..request.method.len() {
        for method in change(request.method.as_bytes(), position) {
            let Cow::Borrowed(method) = String::from_utf8_lossy(&method) else { continue };
            check(ReceivedRequest { method: method.to_owned(), ..request.clone() }, "method", position);
        }
    }
    for position in 0..request.target.len() {
        for target in change(&request.target, position) {
            check(ReceivedRequest { target, ..request.clone() }, "target", position);
        }
    }
    for position in 0..request.body.len() {
        for body in change(&request.body, position) {
            check(ReceivedRequest { body, ..request.clone() }, "body", position);
        }
    }
    let signed = signed_headers(request);
    for (index, (header, value)) in request.headers.iter().enumerate() {
        if !signed.contains(&header.to_ascii_lowercase()) {
            continue;
        }
        for position in 0..value.len() {
            for value in change(value, position) {
                let mut changed = request.clone();
                changed.headers[index].1 = value;
                check(changed, header, position);
            }
        }
        for position in 0..header.len() {
            for changed_name in change(header.as_bytes(), position) {
                let Ok(changed_name) = String::from_utf8(changed_name) else { continue };
                let mut changed = request.clone();
                changed.headers[index].0 = changed_name;
                check(changed, "header name", position);
            }
        }
    }
    refused
}

#[test]
fn a_changed_byte_is_refused() {
    for capture in captures() {
        let refused = check_each_byte(&capture, |bytes, position| {
            replacements(bytes[position])
                .map(|replacement| {
                    let mut changed = bytes.to_vec();
                    changed[position] = replacement;
                    changed
                })
                .collect()
        });
        assert!(refused > 1000, "{}: only {refused}", capture.name);
    }
}

#[test]
fn a_missing_or_doubled_byte_is_refused() {
    for capture in captures() {
        let refused = check_each_byte(&capture, |bytes, position| {
            let mut shorter = bytes.to_vec();
            let byte = shorter.remove(position);
            let mut longer = bytes.to_vec();
            longer.insert(position, byte);
            vec![shorter, longer]
        });
        assert!(refused > 100, "{}: only {refused}", capture.name);
    }
}

#[test]
fn an_added_parameter_is_refused() {
    for Capture { name, request, time } in captures() {
        let mut changed = request.clone();
        let separator = if changed.target.contains(&b'?') { "&" } else { "?" };
        changed.target.extend_from_slice(format!("{separator}Zone=a").as_bytes());
        let error = with_verified(&changed, time, SECRET, |_| ()).unwrap_err();
        assert_eq!(error.code(), "SignatureDoesNotMatch", "{name}");
    }
}

/// Whoever can strip or add a header between client and service must not turn a signed form into none.
#[test]
fn a_form_cannot_be_hidden_or_forged() {
    for Capture { name, request, time } in captures() {
        let is_form = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let mut changed = request.clone();
        if is_form {
            changed.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        } else {
            changed.body = b"BackupMode=Manual".to_vec();
            changed.headers.push(("content-type".to_owned(), b"application/x-www-form-urlencoded".to_vec()));
        }
        assert!(with_verified(&changed, time, SECRET, |_| ()).is_err(), "{name}");
    }
}
