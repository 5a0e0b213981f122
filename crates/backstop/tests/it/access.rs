//! Access keys, the audit log and HTTPS, from the command line.

use serde_json::Value;
use testkit::tls::CertificateAuthority;

use crate::program::Program;

/// A program that uses a key that was just made.
fn with_key(program: &mut Program, key: &Value) {
    let names = [
        ("BACKSTOP_ACCESS_KEY_ID", "AccessKeyId"),
        ("BACKSTOP_ACCESS_KEY_SECRET", "AccessKeySecret"),
        ("BACKSTOP_SECURITY_TOKEN", "SecurityToken"),
    ];
    for (variable, field) in names {
        program.set(variable, key[field].as_str().unwrap_or_default());
    }
}

fn json(program: &Program, arguments: &[&str]) -> Value {
    program.run(&[arguments, &["--output", "json"]].concat()).expect_status(0).json()
}

#[test]
fn keys_are_made_used_listed_and_disabled_and_the_log_tells_of_it() {
    let mut program = Program::with_home();
    let _service = program.serve();
    let reader = json(&program, &["accesskey", "create", "--role", "reader", "--instances", "orders,stock"]);
    let temporary = json(&program, &["accesskey", "create", "--temporary", "--duration", "900"]);
    let bearer = json(&program, &["accesskey", "create", "--bearer"]);
    assert!(
        temporary["SecurityToken"].is_string() && temporary["AccessKeySecret"].is_string(),
        "{temporary}"
    );
    assert!(bearer["BearerToken"].is_string() && bearer["AccessKeyId"].is_string(), "{bearer}");
    let list = json(&program, &["accesskey", "list"]);
    assert_eq!(list["Items"]["AccessKey"].as_array().map(Vec::len), Some(4), "{list}");
    let id = reader["AccessKeyId"].as_str().expect("an id");
    let table = program.run(&["accesskey", "list"]).expect_status(0).stdout;
    assert!(table.contains(id) && table.contains("orders"), "{table}");

    with_key(&mut program, &temporary);
    program.run(&["instance", "list"]).expect_status(0);
    program.set("BACKSTOP_SECURITY_TOKEN", "");
    let run = program.run(&["instance", "list"]).expect_status(1);
    assert!(run.stderr.contains("MissingSecurityToken"), "{}", run.stderr);
    with_key(&mut program, &reader);
    let run = program.run(&["task", "cancel", "7"]).expect_status(1);
    assert!(run.stderr.contains("Forbidden.RAM"), "{}", run.stderr);
    let request = run.stderr.split("request ").nth(1).and_then(|rest| rest.split(')').next()).expect("an id");

    // The home's own key again.
    let home = json_of_home(&program);
    with_key(&mut program, &home);
    program.run(&["accesskey", "disable", id]).expect_status(0);
    let found = json(&program, &["audit", "list", "--request-id", request]);
    let records = found["Items"]["AuditRecord"].as_array().expect("records");
    assert_eq!(records.len(), 1, "{found}");
    assert_eq!((&records[0]["Action"], &records[0]["AccessKeyId"]), (&"CancelBackupJob".into(), &id.into()));
    let lines =
        program.run(&["audit", "list", "--since", "2026-01-01T00:00Z", "--json-lines"]).expect_status(0);
    let lines: Vec<Value> =
        lines.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let actions: Vec<_> = lines.iter().filter_map(|line| line["Action"].as_str()).collect();
    // Reads are not recorded, and neither is a call whose token was missing: nobody's identity was proven.
    for (action, times) in [("CreateAccessKey", 3), ("DisableAccessKey", 1), ("CancelBackupJob", 1)] {
        assert_eq!(actions.iter().filter(|a| **a == action).count(), times, "{actions:?}");
    }
    assert_eq!(actions.len(), 5, "{actions:?}");
    let newest = json(&program, &["audit", "list", "--limit", "1"]);
    assert_eq!(newest["Items"]["AuditRecord"][0]["Action"], "DisableAccessKey", "{newest}");
    let table = program.run(&["audit", "list"]).expect_status(0).stdout;
    assert!(table.starts_with("TIME") && table.contains("Forbidden.RAM"), "{table}");
    program.run(&["accesskey", "create", "--duration", "5"]).expect_status(2);
    program.run(&["accesskey", "create", "--temporary", "--bearer"]).expect_status(2);
}

fn json_of_home(program: &Program) -> Value {
    let text = std::fs::read_to_string(program.home().join("access.json")).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_command_calls_over_https_those_whom_its_ca_vouches_for() {
    let mut program = Program::with_home();
    let ca = CertificateAuthority::new().expect("a CA");
    let certificate = ca.issue(&["127.0.0.1"]).expect("a certificate");
    let stranger = CertificateAuthority::new().expect("another CA");
    for (name, pem) in [
        ("cert.pem", certificate.certificate_pem.as_str()),
        ("key.pem", &certificate.key_pem),
        ("ca.pem", ca.pem()),
        ("stranger.pem", stranger.pem()),
    ] {
        std::fs::write(program.path(name), pem).expect("written");
    }
    program.run(&["serve", "--tls-cert", "cert.pem"]).expect_status(2);
    let service = program.serve_with(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    assert!(service.url.starts_with("https://"), "{}", service.url);
    program.run(&["--ca-file", "ca.pem", "instance", "list"]).expect_status(0);
    for wrong in ["stranger.pem", "key.pem", "absent.pem"] {
        let run = program.run(&["--ca-file", wrong, "instance", "list"]).expect_status(1);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    program.set("BACKSTOP_CA_FILE", &program.path_text("ca.pem"));
    program.run(&["instance", "list"]).expect_status(0);
    let plain = service.url.replace("https://", "http://");
    program.set("BACKSTOP_ENDPOINT", &plain);
    let run = program.run(&["instance", "list"]).expect_status(1);
    assert!(run.stderr.contains("InvalidProtocol.NeedSsl"), "{}", run.stderr);
}
