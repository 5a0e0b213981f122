//! Parameters that are missing, empty, doubled, over-long, not UTF-8, of the wrong type, unknown.

use crate::client::{Pairs, bytes_of, exchange, fresh_nonce, now};
use crate::harness::Harness;

/// Parameters, and the status and code that they get.
type Case<'a> = (Pairs<'a>, u16, &'a str);

#[test]
fn every_bad_parameter_has_its_code() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let long = "x".repeat(65);
    let huge = "x".repeat(300);
    let tasks: &[Case<'_>] = &[
        (&[], 400, "MissingDBInstanceId"),
        (&[("DBInstanceId", "")], 400, "MissingDBInstanceId"),
        (&[("DBInstanceId", "nobody")], 404, "InvalidDBInstanceId.NotFound"),
        (&[("DBInstanceId", "NO body/../x")], 404, "InvalidDBInstanceId.NotFound"),
        (&[("DBInstanceId", &huge)], 400, "InvalidDBInstanceId.Malformed"),
        (&[("DBInstanceId", "orders"), ("BackupJobId", "x")], 400, "InvalidBackupJobId.Malformed"),
        (&[("DBInstanceId", "orders"), ("BackupJobId", "0")], 400, "InvalidBackupJobId.Malformed"),
        (&[("DBInstanceId", "orders"), ("BackupJobId", "2147483648")], 400, "InvalidBackupJobId.Malformed"),
        (&[("DBInstanceId", "orders"), ("BackupMode", "x")], 400, "InvalidBackupMode.ValueNotSupport"),
        (
            &[("DBInstanceId", "orders"), ("BackupJobStatus", "x")],
            400,
            "InvalidBackupJobStatus.ValueNotSupport",
        ),
        (&[("DBInstanceId", "orders"), ("ClientToken", "é")], 400, "InvalidClientToken.Malformed"),
        (&[("DBInstanceId", "orders"), ("ClientToken", &long)], 400, "InvalidClientToken.Malformed"),
    ];
    for (query, status, code) in tasks {
        client.call("DescribeBackupTasks", query).expect_error(*status, code);
        client.call_v1("DescribeBackupTasks", query).expect_error(*status, code);
    }
    let backups: &[Case<'_>] = &[
        (&[("DBInstanceId", "orders"), ("StartTime", "yesterday")], 400, "InvalidStartTime.Format"),
        (&[("DBInstanceId", "orders"), ("EndTime", "2026-13-01T00:00Z")], 400, "InvalidEndTime.Format"),
        (
            &[
                ("DBInstanceId", "orders"),
                ("StartTime", "2026-01-02T00:00Z"),
                ("EndTime", "2026-01-01T00:00Z"),
            ],
            400,
            "InvalidParameterCombination",
        ),
        (&[("DBInstanceId", "orders"), ("PageNumber", "0")], 400, "InvalidPageNumbers.Malformed"),
        (&[("DBInstanceId", "orders"), ("PageSize", "101")], 403, "InvalidMaxRecordsPerPage.Malformed"),
    ];
    for (query, status, code) in backups {
        client.call("DescribeBackups", query).expect_error(*status, code);
    }
    let create: &[Case<'_>] = &[
        (&[("DBInstanceId", "orders"), ("BackupMethod", "Logical")], 403, "OperationDenied.NotSupported"),
        (&[("DBInstanceId", "orders"), ("BackupMethod", "Dump")], 400, "InvalidBackupMethod.ValueNotSupport"),
        (&[("DBInstanceId", "orders"), ("BackupType", "Half")], 400, "BackupType.NotSupport"),
        (&[("DBInstanceId", "orders"), ("BackupStrategy", "db")], 400, "InvalidParameterCombination"),
        (&[("DBInstanceId", "orders"), ("DBName", "a")], 400, "InvalidParameterCombination"),
        (
            &[("DBInstanceId", "orders"), ("BackupRetentionPeriod", "6")],
            400,
            "InvalidBackupRetentionPeriod.Malformed",
        ),
    ];
    for (query, status, code) in create {
        client.call("CreateBackup", query).expect_error(*status, code);
    }
    client
        .call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", "1,x")])
        .expect_error(400, "InvalidBackupId.Malformed");
    client.call("Nonsense", &[]).expect_error(404, "InvalidAction.NotFound");
    client.call("CancelBackupJob", &[("BackupJobId", "7")]).expect_error(404, "InvalidBackupJobId.NotFound");
    let jobs = client.call("DescribeBackupJobs", &[]).expect_success();
    assert_eq!(jobs["TotalRecordCount"], 0, "nothing was started by any of these");
}

#[test]
fn requests_that_no_sdk_would_send_are_answered_all_the_same() {
    let harness = Harness::started();
    let client = harness.client();
    let signed = client.sign("DescribeRegions", &[("AcceptLanguage", "a")], &[], &fresh_nonce(), now());
    let text = String::from_utf8(bytes_of(&signed)).unwrap();
    let check = |text: &str, status: u16, code: &str| {
        exchange(client.address, text.as_bytes()).expect_error(status, code);
    };

    check(&text.replace("AcceptLanguage=a", "AcceptLanguage=a&AcceptLanguage=a"), 400, "InvalidParameter");
    check(&text.replace("AcceptLanguage=a", "AcceptLanguage=%FF"), 400, "InvalidParameter");
    check(&text.replace("AcceptLanguage=a", "AcceptLanguage=b"), 400, "SignatureDoesNotMatch");
    check(&text.replace("x-acs-action: DescribeRegions\r\n", ""), 400, "MissingAction");
    check(&text.replace("x-acs-version: 2014-08-15\r\n", ""), 400, "MissingVersion");
    check(&text.replace("POST /?", "POST /other?"), 404, "InvalidAction.NotFound");
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        check(&text.replace("POST /", &format!("{method} /")), 400, "UnsupportedHTTPMethod");
    }
    // Nothing at all: V1 without any parameter answers in XML.
    let reply = client.get("/");
    assert_eq!((reply.status, reply.header("content-type")), (400, Some("text/xml;charset=utf-8")));
    assert!(reply.body.contains("<Code>MissingAction</Code>"), "{}", reply.body);
    // The original was not used up by any of these.
    client.send(&signed).expect_success();
}

#[test]
fn a_panic_in_an_action_is_that_calls_error_alone() {
    let harness = Harness::started();
    harness.register_small("orders");
    let query = [("DBInstanceId", "orders")];
    let panics = &harness.script().support_panics;
    panics.store(true, std::sync::atomic::Ordering::Relaxed);
    harness.client().call("CreateBackup", &query).expect_error(500, "InternalError");
    panics.store(false, std::sync::atomic::Ordering::Relaxed);
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
}

#[test]
fn answers_come_in_the_format_asked_for() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let xml = client.call("DescribeBackupTasks", &[("DBInstanceId", "orders"), ("Format", "xml")]);
    assert_eq!((xml.status, xml.header("content-type")), (200, Some("text/xml;charset=utf-8")));
    assert!(
        xml.body.starts_with(
            "<?xml version='1.0' encoding='UTF-8'?><DescribeBackupTasksResponse><Items></Items>"
        )
    );
    client.call("DescribeRegions", &[("Format", "yaml")]).expect_error(400, "InvalidParameter.Format");
}
