//! What the API has and this service does not do (yet).

use serde_json::{Value, json};

use crate::client::{Client, Pairs};
use crate::harness::Harness;

const PAY: (&str, &str) = ("PayType", "Postpaid");
const TABLES: (&str, &str) = ("TableMeta", r#"[{"type":"db","name":"shop","newname":"shop2","tables":[]}]"#);
const NEW_SERVER: [(&str, &str); 7] = [
    ("Engine", "PostgreSQL"),
    ("EngineVersion", "15.0"),
    ("DBInstanceClass", "pg.n2.small.1"),
    ("DBInstanceStorage", "100"),
    ("DBInstanceNetType", "Intranet"),
    ("SecurityIPList", "10.0.0.0/24"),
    PAY,
];

#[test]
fn unsupported_operations_are_refused_once_their_parameters_are_right() {
    let harness = Harness::started();
    harness.register_small("orders");
    let job = harness.create_backup("orders");
    let set = harness.wait_finished("orders", &job)["BackupId"].as_str().unwrap().to_owned();
    let client = harness.client();
    let before = harness.backups("orders");
    right_calls_are_not_supported(&client, &set);
    wrong_clones_are_told_first(&client, &set);
    other_wrong_calls_are_told_first(&client, &set);
    assert_eq!(links_removed(harness.backups("orders")), links_removed(before), "nothing is recorded");
    let answer = client.call("DescribeBackupJobs", &[]).expect_success();
    assert_eq!(answer["TotalRecordCount"], 1, "nothing is recorded");
    let answer = client.call("DescribeDBInstances", &[]).expect_success();
    assert_eq!(answer["TotalRecordCount"], 1, "nothing is recorded");
}

fn right_calls_are_not_supported(client: &Client, set: &str) {
    let from_set = [("DBInstanceId", "orders"), ("BackupId", set)];
    let by_time = [("DBInstanceId", "orders"), ("RestoreTime", "2011-06-11T16:00:00Z")];
    let right: &[(&str, Vec<(&str, &str)>)] = &[
        ("CloneDBInstance", [&from_set[..], &[PAY]].concat()),
        ("CloneDBInstance", [&by_time[..], &[PAY, ("RestoreTable", "1"), TABLES]].concat()),
        ("CreateDBInstance", NEW_SERVER.to_vec()),
        ("CreateTempDBInstance", by_time.to_vec()),
        ("ModifyInstanceCrossBackupPolicy", vec![("DBInstanceId", "orders"), ("BackupEnabled", "1")]),
        ("RecoveryDBInstance", vec![("BackupId", set), ("DbNames", "a,b")]),
        ("RestoreTable", [&from_set[..], &[TABLES]].concat()),
        ("CreateBackup", vec![("DBInstanceId", "orders"), ("BackupMethod", "Snapshot")]),
        (
            "CreateBackup",
            vec![
                ("DBInstanceId", "orders"),
                ("BackupMethod", "Logical"),
                ("BackupStrategy", "db"),
                ("DBName", "shop"),
            ],
        ),
    ];
    for (action, parameters) in right {
        client.call(action, parameters).expect_error(403, "OperationDenied.NotSupported");
    }
}

fn wrong_clones_are_told_first(client: &Client, set: &str) {
    let from_set = [("DBInstanceId", "orders"), ("BackupId", set)];
    expect_errors(
        client,
        &[
            ("CloneDBInstance", &from_set, 400, "MissingPayType"),
            ("CloneDBInstance", &[("DBInstanceId", "orders"), PAY], 400, "MissingBackupId"),
            (
                "CloneDBInstance",
                &[("DBInstanceId", "orders"), PAY, ("BackupId", "999")],
                404,
                "InvalidBackupSetID.NotFound",
            ),
            (
                "CloneDBInstance",
                &[("DBInstanceId", "orders"), ("BackupId", set), ("PayType", "Prepaid")],
                400,
                "MissingPeriod",
            ),
            (
                "CloneDBInstance",
                &[("DBInstanceId", "absent"), PAY, ("BackupId", set)],
                404,
                "InvalidDBInstanceId.NotFound",
            ),
        ],
    );
}

fn other_wrong_calls_are_told_first(client: &Client, set: &str) {
    let from_set = [("DBInstanceId", "orders"), ("BackupId", set)];
    expect_errors(
        client,
        &[
            ("CreateDBInstance", &NEW_SERVER[1..], 400, "MissingEngine"),
            ("CreateTempDBInstance", &[("DBInstanceId", "orders")], 400, "MissingBackupId"),
            (
                "CreateTempDBInstance",
                &[("DBInstanceId", "orders"), ("BackupId", "x")],
                400,
                "InvalidBackupId.Malformed",
            ),
            (
                "ModifyInstanceCrossBackupPolicy",
                &[("DBInstanceId", "orders"), ("Retention", "6")],
                400,
                "InvalidRetention.Malformed",
            ),
            (
                "RecoveryDBInstance",
                &[("DbNames", "a"), ("RestoreTime", "2011-06-11T16:00:00Z")],
                400,
                "MissingDBInstanceId",
            ),
            ("RestoreTable", &from_set, 400, "MissingTableMeta"),
            (
                "RestoreTable",
                &[("DBInstanceId", "orders"), ("BackupId", set), ("TableMeta", "{}")],
                400,
                "InvalidTableMeta.Malformed",
            ),
            (
                "CreateBackup",
                &[("DBInstanceId", "orders"), ("BackupMethod", "Logical"), ("BackupStrategy", "db")],
                400,
                "InvalidParameterCombination",
            ),
            (
                "CreateBackup",
                &[("DBInstanceId", "absent"), ("BackupMethod", "Snapshot")],
                404,
                "InvalidDBInstanceId.NotFound",
            ),
            ("RestoreDBInstance", &from_set, 404, "InvalidAction.NotFound"),
            ("DescribeBackupEncryptionString", &from_set, 404, "InvalidAction.NotFound"),
            ("DescribeDBInstanceBackups", &from_set, 404, "InvalidAction.NotFound"),
        ],
    );
}

fn expect_errors(client: &Client, wrong: &[(&str, Pairs<'_>, u16, &str)]) {
    for (action, parameters, status, code) in wrong {
        client.call(action, parameters).expect_error(*status, code);
    }
}

/// Links are signed anew each time.
fn links_removed(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        row.remove("BackupDownloadURL");
        row.remove("BackupIntranetDownloadURL");
    }
    rows
}

#[test]
fn nothing_is_copied_to_another_region() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let regions =
        client.call("DescribeAvailableCrossRegion", &[("RegionId", "cn-hangzhou")]).expect_success();
    assert_eq!(regions["Regions"], json!({ "Region": [] }));
    let policy =
        client.call("DescribeInstanceCrossBackupPolicy", &[("DBInstanceId", "orders")]).expect_success();
    assert_eq!(
        (&policy["BackupEnabled"], &policy["LogBackupEnabled"]),
        (&json!("Disable"), &json!("Disable"))
    );
    assert_eq!((&policy["LockMode"], &policy["EngineVersion"]), (&json!("Unlock"), &json!("15.0")));
    assert_eq!(policy["RegionId"], "cn-hangzhou");

    let range = [("StartTime", "2019-05-30T12:10:00Z"), ("EndTime", "2019-06-15T12:10Z")];
    let of = |action: &str, query: Pairs<'_>| {
        client.call(action, &[&[("DBInstanceId", "orders")], query].concat())
    };
    for action in ["DescribeCrossRegionBackups", "DescribeCrossRegionLogBackupFiles"] {
        let answer = of(action, &range).expect_success();
        assert_eq!(answer["Items"], json!({ "Item": [] }));
        assert_eq!(
            (&answer["StartTime"], &answer["EndTime"]),
            (&json!(range[0].1), &json!("2019-06-15T12:10:00Z"))
        );
        assert_eq!((&answer["PageNumber"], &answer["TotalRecordCount"]), (&json!(1), &json!(0)));
        of(action, &range[..1]).expect_error(400, "MissingEndTime");
        of(action, &[("StartTime", range[1].1), ("EndTime", range[0].1)])
            .expect_error(400, "InvalidParameterCombination");
        client
            .call(action, &[&range[..], &[("DBInstanceId", "absent")]].concat())
            .expect_error(404, "InvalidDBInstanceId.NotFound");
    }
    of("DescribeCrossRegionBackups", &[("CrossBackupId", "7")]).expect_success();
}
