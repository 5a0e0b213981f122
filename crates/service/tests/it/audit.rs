//! The audit log: changes with their transactions, refusals after them, and how an administrator reads both.

use catalog::{AuditFilter, Role};
use jiff::SignedDuration;
use serde_json::Value;

use crate::client::{Client, Pairs};
use crate::harness::Harness;

/// The records that a filter leaves, newest first.
fn records(client: &Client, filter: Pairs<'_>) -> Vec<Value> {
    let answer = client.call("DescribeAuditLog", filter).expect_success();
    answer["Items"]["AuditRecord"].as_array().expect("a list").clone()
}

fn outcomes(records: &[Value]) -> Vec<(&str, &str)> {
    records
        .iter()
        .map(|record| (record["Action"].as_str().unwrap(), record["Outcome"].as_str().unwrap()))
        .collect()
}

#[test]
fn changes_and_refusals_are_recorded_and_reads_are_not() {
    let harness = Harness::started();
    let client = harness.client();
    harness.register_small("orders");
    client.call("DescribeBackupPolicy", &[("DBInstanceId", "orders")]).expect_success();
    client
        .call("DescribeBackups", &[("DBInstanceId", "absent")])
        .expect_error(404, "InvalidDBInstanceId.NotFound");
    client.call("NoSuchThing", &[]).expect_error(404, "InvalidAction.NotFound");
    let unknown = Client { key: harness.add_key("reader", Role::Reader, None), ..client.clone() };
    let refused = unknown.call("CreateBackup", &[("DBInstanceId", "orders")]);
    refused.expect_error(403, "Forbidden.RAM");

    let all = records(&client, &[]);
    let expected = [
        ("CreateBackup", "Forbidden.RAM"),
        ("NoSuchThing", "InvalidAction.NotFound"),
        ("DescribeBackups", "InvalidDBInstanceId.NotFound"),
        ("RegisterDBInstance", "Success"),
    ];
    let mut seen = outcomes(&all);
    // Of one millisecond, what was written first comes last.
    seen.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(seen, expected, "{all:#?}");

    let registered =
        &records(&client, &[("DBInstanceId", "orders"), ("AccessKeyId", &harness.key.access_key_id)]);
    assert_eq!(outcomes(registered), [("RegisterDBInstance", "Success")]);
    assert_eq!(registered[0]["SourceIpAddress"], "127.0.0.1");
    let details = registered[0]["Details"].as_str().unwrap();
    assert!(details.contains("\"User\":\"backstop\"") && !details.contains("swordfish"), "{details}");
    assert!(registered[0].get("Message").is_none(), "{registered:?}");

    // A refused caller passes on what the answer says, and an administrator finds it by that.
    let denied = &refused.json()["AccessDeniedDetail"];
    assert_eq!(denied["AuthAction"], "rds:CreateBackup");
    let fields: Vec<&str> = denied.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["AuthAction", "EncodedDiagnosticMessage"]);
    let message = denied["EncodedDiagnosticMessage"].as_str().unwrap();
    let found = records(&client, &[("EncodedDiagnosticMessage", message)]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["RequestId"], refused.json()["RequestId"]);
    assert_eq!((&found[0]["AccessKeyId"], &found[0]["DBInstanceId"]), (&"reader".into(), &"orders".into()));
    let details: Value = serde_json::from_str(found[0]["Details"].as_str().unwrap()).unwrap();
    assert_eq!((&details["Role"], &details["NeedsRole"]), (&"reader".into(), &"operator".into()));
    unknown.call("DescribeAuditLog", &[]).expect_error(403, "Forbidden.RAM");
}

#[test]
fn a_change_that_was_undone_has_no_record_of_success() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let wrong = [("DBInstanceId", "orders"), ("BackupId", "77")];
    client.call("DeleteBackup", &wrong).expect_error(404, "InvalidBackupSetID.NotFound");
    let seen = records(&client, &[]);
    let of_delete: Vec<_> =
        outcomes(&seen).into_iter().filter(|(action, _)| *action == "DeleteBackup").collect();
    assert_eq!(of_delete, [("DeleteBackup", "InvalidBackupSetID.NotFound")]);
}

#[test]
fn the_log_is_read_page_by_page_and_outlives_the_service() {
    let mut harness = Harness::started();
    let client = harness.client();
    for number in 0..7 {
        let name = format!("absent-{number}");
        client
            .call("DescribeBackups", &[("DBInstanceId", &name)])
            .expect_error(404, "InvalidDBInstanceId.NotFound");
    }
    let last = client.call("DescribeBackups", &[("DBInstanceId", "last")]);
    let id = last.json()["RequestId"].as_str().unwrap().to_owned();
    harness.stop();
    harness.start();
    let client = harness.client();
    let (mut seen, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("MaxResults", "3")];
        query.extend(token.as_deref().map(|token| ("NextToken", token)));
        let answer = client.call("DescribeAuditLog", &query).expect_success();
        seen.extend(
            answer["Items"]["AuditRecord"].as_array().unwrap().iter().map(|r| r["RequestId"].clone()),
        );
        token = answer["NextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 8);
    seen.sort_unstable_by_key(ToString::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 8, "none twice");
    client.call("DescribeAuditLog", &[("NextToken", "x")]).expect_error(400, "InvalidNextToken.Malformed");
    assert_eq!(records(&client, &[("RequestId", &id.to_lowercase())]).len(), 1);
    assert_eq!(
        records(&client, &[("StartTime", "2020-01-01T00:00Z"), ("EndTime", "2020-01-02T00:00Z")]).len(),
        0
    );

    // The page that an error leads to looks there too: this process has not refused that request.
    let page = client.get(&format!("/console/errors?q=InvalidDBInstanceId.NotFound&requestId={id}"));
    assert!(page.body.contains("DescribeBackups"), "{page:?}");
    assert!(!page.body.contains(&harness.key.access_key_id), "{page:?}");
}

#[test]
fn old_records_are_forgotten() {
    let mut harness = Harness::stopped().with_setting("audit_days", "30");
    harness.start();
    harness.client().call("DescribeBackups", &[("DBInstanceId", "absent")]);
    harness.stop();
    let catalog = harness.catalog();
    let count = |harness: &Harness| {
        let filter = AuditFilter::default();
        harness.block_on(catalog.list_audits(&filter, 100)).unwrap().len()
    };
    assert_eq!(count(&harness), 1);
    let old = crate::client::now() - SignedDuration::from_hours(31 * 24);
    harness.block_on(async {
        let mut record = catalog.list_audits(&AuditFilter::default(), 1).await.unwrap().remove(0).record;
        record.at = old;
        let mut change = catalog.change(old).await.unwrap();
        change.record_audit(&record).await.unwrap();
        change.commit().await.unwrap();
    });
    assert_eq!(count(&harness), 2);
    harness.start();
    let gone = || count(&harness) == 1;
    testkit::process::wait_until("the old record to be gone", crate::harness::PATIENCE, gone).unwrap();
}
