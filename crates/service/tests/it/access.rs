//! Access keys by the API: permanent, temporary and bearer ones; and how much one key may ask for.

use catalog::Role;
use jiff::SignedDuration;
use rpc::{SigningRequest, render_seconds, sign_v1, sign_v3};
use serde_json::Value;
use service::HomeAccessKey;

use crate::client::{Client, Pairs, Reply, exchange, fresh_nonce, now};
use crate::harness::Harness;
use crate::moved_time::TestClock;

const ACTION: &str = "DescribeRegions";

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("{name} of {answer}"))
}

fn create(harness: &Harness, parameters: Pairs<'_>) -> Value {
    harness.client().call("CreateAccessKey", parameters).expect_success()
}

/// A client with a created key.
fn client_of(harness: &Harness, key: &Value) -> Client {
    harness.client_of(&HomeAccessKey {
        access_key_id: text(key, "AccessKeyId").to_owned(),
        access_key_secret: text(key, "AccessKeySecret").to_owned(),
    })
}

/// A call with a security token, as V3 or as V1.
fn with_token(client: &Client, v3: bool, token: &str) -> Reply {
    let (host, nonce) = (client.address.to_string(), fresh_nonce());
    let request = SigningRequest {
        host: &host,
        action: ACTION,
        query: if v3 { &[] } else { &[("Format", "JSON")] },
        form: &[],
        access_key_id: &client.key.access_key_id,
        secret: &client.key.access_key_secret,
        security_token: Some(token),
        nonce: &nonce,
        now: now(),
    };
    client.send(&if v3 { sign_v3(&request) } else { sign_v1(&request) })
}

/// A call with a bearer token, in the form of the new SDKs.
fn with_bearer(harness: &Harness, action: &str, query: &str, token: &str) -> Reply {
    let address = harness.client().address;
    let (nonce, date) = (fresh_nonce(), render_seconds(now()));
    let head = format!(
        "POST /?SignatureType=BEARERTOKEN{query} HTTP/1.1\r\nhost: {address}\r\nx-acs-action: {action}\r\n\
         x-acs-version: 2014-08-15\r\nx-acs-date: {date}\r\nx-acs-signature-nonce: {nonce}\r\n\
         x-acs-bearer-token: {token}\r\naccept: application/json\r\ncontent-length: 0\r\n\r\n"
    );
    exchange(address, head.as_bytes())
}

#[test]
fn a_key_does_what_its_role_and_instances_allow_until_it_is_disabled() {
    let harness = Harness::started();
    harness.register_small("orders");
    let made = create(&harness, &[("Role", "reader"), ("DBInstanceIds", "stock, orders")]);
    assert_eq!(made["DBInstanceIds"], serde_json::json!(["orders", "stock"]));
    assert!(made.get("SecurityToken").is_none() && made.get("Expiration").is_none(), "{made}");
    let client = client_of(&harness, &made);
    client.call("DescribeBackupPolicy", &[("DBInstanceId", "orders")]).expect_success();
    client.call("CreateBackup", &[("DBInstanceId", "orders")]).expect_error(403, "Forbidden.RAM");
    client.call("DescribeBackups", &[("DBInstanceId", "other")]).expect_error(403, "Forbidden.RAM");

    let id = text(&made, "AccessKeyId");
    let listed = harness.client().call("ListAccessKeys", &[]).expect_success();
    assert_eq!(listed["TotalRecordCount"], 2);
    assert!(!listed.to_string().contains(text(&made, "AccessKeySecret")), "{listed}");
    harness.client().call("DisableAccessKey", &[("AccessKeyId", id)]).expect_success();
    client.call(ACTION, &[]).expect_error(400, "InvalidAccessKeyId.Inactive");
    harness
        .client()
        .call("DisableAccessKey", &[("AccessKeyId", "x")])
        .expect_error(404, "InvalidAccessKeyId.NotFound");
    let listed = harness.client().call("ListAccessKeys", &[]).expect_success();
    let rows = listed["Items"]["AccessKey"].as_array().unwrap();
    let row = rows.iter().find(|row| row["AccessKeyId"] == id).unwrap();
    assert_eq!((&row["Status"], &row["Role"]), (&"Inactive".into(), &"reader".into()));

    // The audit log has who made it, and no secret.
    let log = harness.client().call("DescribeAuditLog", &[]).expect_success().to_string();
    assert!(log.contains(id) && !log.contains(text(&made, "AccessKeySecret")), "{log}");
}

#[test]
fn an_administrator_of_some_instances_makes_no_keys() {
    let harness = Harness::started();
    let limited = harness.client_of(&harness.add_key("limited", Role::Administrator, Some(&["orders"])));
    let disable = [("AccessKeyId", harness.key.access_key_id.as_str())];
    for (action, query) in [
        ("CreateAccessKey", &[][..]),
        ("ListAccessKeys", &[]),
        ("DisableAccessKey", &disable),
        ("DescribeAuditLog", &[]),
    ] {
        limited.call(action, query).expect_error(403, "Forbidden.RAM");
    }
    for (parameters, code) in [
        (&[("DurationSeconds", "60")][..], "InvalidParameterCombination"),
        (&[("DBInstanceIds", "Not-An-Id")], "InvalidDBInstanceIds.Malformed"),
        (&[("Role", "king")], "InvalidRole.ValueNotSupport"),
    ] {
        harness.client().call("CreateAccessKey", parameters).expect_error(400, code);
    }
}

#[test]
fn a_temporary_key_needs_its_token_and_expires() {
    let mut harness = Harness::started();
    let made = create(&harness, &[("KeyType", "Temporary"), ("DurationSeconds", "600")]);
    let other = create(&harness, &[("KeyType", "Temporary")]);
    let token = text(&made, "SecurityToken").to_owned();
    let client = client_of(&harness, &made);
    for v3 in [true, false] {
        with_token(&client, v3, &token).expect_success();
        with_token(&client, v3, "nonsense").expect_error(400, "InvalidSecurityToken.Malformed");
        with_token(&client, v3, text(&other, "SecurityToken"))
            .expect_error(400, "InvalidSecurityToken.MismatchWithAccessKey");
        with_token(&client, v3, &format!("{token}x"))
            .expect_error(400, "InvalidSecurityToken.MismatchWithAccessKey");
    }
    client.call(ACTION, &[]).expect_error(400, "MissingSecurityToken");
    // Its token is no bearer token.
    with_bearer(&harness, ACTION, "", &token).expect_error(400, "InvalidBearerToken");

    // Requests are signed by the machine's clock, which may differ by a quarter of an hour.
    harness.stop();
    let mut options = harness.options();
    options.clock = TestClock::at(now() + SignedDuration::from_mins(12));
    harness.start_with(options);
    let client = client_of(&harness, &made);
    with_token(&client, true, &token).expect_error(400, "InvalidSecurityToken.Expired");
    with_token(&client_of(&harness, &other), true, text(&other, "SecurityToken")).expect_success();
}

#[test]
fn a_bearer_token_is_enough_and_nothing_is_signed_with_its_key() {
    let harness = Harness::started();
    harness.register_small("orders");
    let made = create(&harness, &[("KeyType", "Bearer"), ("Role", "reader")]);
    assert!(made.get("AccessKeySecret").is_none(), "{made}");
    let token = text(&made, "BearerToken");
    with_bearer(&harness, "DescribeBackupPolicy", "&DBInstanceId=orders", token).expect_success();
    with_bearer(&harness, "CreateBackup", "&DBInstanceId=orders", token).expect_error(403, "Forbidden.RAM");
    for wrong in ["x", &format!("{token}x"), &token.replace("BSBT", "BSST")] {
        with_bearer(&harness, ACTION, "", wrong).expect_error(400, "InvalidBearerToken");
    }
    let id = text(&made, "AccessKeyId");
    let as_key = HomeAccessKey { access_key_id: id.to_owned(), access_key_secret: token.to_owned() };
    harness.client_of(&as_key).call(ACTION, &[]).expect_error(404, "InvalidAccessKeyId.NotFound");
    harness.client().call("DisableAccessKey", &[("AccessKeyId", id)]).expect_success();
    with_bearer(&harness, ACTION, "", token).expect_error(400, "InvalidBearerToken");
}

#[test]
fn a_key_that_calls_too_often_is_told_to_wait() {
    let mut harness = Harness::stopped().with_setting("requests_per_second_max", "2");
    harness.start();
    let client = harness.client();
    let replies: Vec<Reply> = (0..30).map(|_| client.call(ACTION, &[])).collect();
    let throttled = replies.iter().find(|reply| reply.status != 200).expect("one of thirty");
    throttled.expect_error(400, "Throttling.User");
    // Another operation has a limit of its own.
    client.call("DescribeDBInstances", &[]).expect_success();
}

#[test]
fn an_instance_has_a_bounded_number_of_backups_a_day() {
    let mut harness = Harness::stopped().with_setting("backups_per_day_max", "2");
    harness.start();
    harness.register_small("orders");
    harness.register_small("stock");
    for _ in 0..2 {
        let job = harness.create_backup("orders");
        harness.wait_finished("orders", &job);
    }
    let again = [("DBInstanceId", "orders")];
    harness.client().call("CreateBackup", &again).expect_error(400, "BackupTimesExceeded");
    let job = harness.create_backup("stock");
    harness.wait_finished("stock", &job);
    let jobs = harness.client().call("DescribeBackupJobs", &again).expect_success();
    assert_eq!(jobs["TotalRecordCount"], 2, "what was refused made no job");
}
