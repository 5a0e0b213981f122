//! The intermediate strings of `testdata/signature-vectors.txt`: what we would have signed, told by the
//! message of a mismatch, is what the clients signed.

use std::{fs, path::Path};

use rpc::{SignedRequest, SigningRequest, sign_v1};

use crate::captured::{Capture, capture, captures, with_verified};

/// The vectors: the name of a capture, and the lines up to the next one.
fn sections() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/signature-vectors.txt");
    let text = fs::read_to_string(path).unwrap();
    let names: Vec<_> = captures().into_iter().map(|capture| capture.name).collect();
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if names.iter().any(|name| name == line.trim()) {
            sections.push((line.trim().to_owned(), String::new()));
        } else if let Some((_, section)) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    assert_eq!(sections.len(), 5);
    sections
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap() + start.len();
    let length = text[from..].find(end).unwrap();
    text[from..from + length].trim()
}

#[test]
fn strings_to_sign_and_signatures_are_those_of_the_vectors() {
    for (name, section) in sections() {
        let Capture { name: _, request, time } = capture(&name);
        let message = with_verified(&request, time, b"wrong", |_| ()).unwrap_err().message().to_owned();
        let signature = between(&section, "SIG ", " True");
        if section.contains("CR\n") {
            let canonical = between(&section, "CR\n", " \nSTS\n");
            let string_to_sign = between(&section, "STS\n", " \nSIG");
            let expected = format!(
                "Specified signature does not match our calculation. server StringToSign is \
                 [{string_to_sign}] server CanonicalRequest is [{canonical}]"
            );
            assert_eq!(message, expected, "{name}");
            let sent = request.headers.iter().find(|(name, _)| name == "Authorization").unwrap();
            assert!(String::from_utf8_lossy(&sent.1).ends_with(signature), "{name}");
        } else {
            let string_to_sign = between(&section, "STS ", " \nSIG");
            let expected = format!(
                "Specified signature is not matched with our calculation. server string to sign \
                 is:{string_to_sign}"
            );
            assert_eq!(message, expected, "{name}");
            // What old SDKs do with it.
            assert_eq!(message.split(':').nth(1), Some(string_to_sign), "{name}");
        }
        assert!(with_verified(&request, time, b"testsecret", |_| ()).is_ok(), "{name}");
    }
}

#[test]
fn our_signer_makes_the_signature_of_pop_core() {
    let SignedRequest { target, .. } = sign_v1(&SigningRequest {
        host: "127.0.0.1:39645",
        action: "CreateBackup",
        query: &[("Format", "JSON"), ("BackupMethod", "Physical"), ("DBName", "a,b c")],
        form: &[("DBInstanceId", "rm-x")],
        access_key_id: "testid",
        secret: "testsecret",
        security_token: None,
        nonce: "0f87ea30dd71b5be67bd90594d5dbaee",
        now: "2026-11-24T03:23:40Z".parse().unwrap(),
    });
    assert!(target.contains("&Signature=%2BdNt%2F9PKkCVCxsiILJxr%2BAe890E%3D&"), "{target}");
}
