//! The two task lists.

use catalog::Role;
use serde_json::{Value, json};

use crate::harness::Harness;

/// Ids of the jobs of an answer of DescribeHistoryTasks, without those of the repository that come by themselves.
fn ids(answer: &Value) -> Vec<&str> {
    let rows = answer["Items"].as_array().unwrap().iter().filter(|row| row.get("InstanceId").is_some());
    rows.map(|row| row["TaskId"].as_str().unwrap()).collect()
}

#[test]
fn jobs_are_listed_as_tasks() {
    let harness = Harness::started();
    harness.register_small("orders");
    harness.register_small("stock");
    let client = harness.client();
    let good = harness.create_backup("orders");
    harness.wait_finished("orders", &good);
    harness.script().failures_left.store(3, std::sync::atomic::Ordering::SeqCst);
    let bad = harness.create_backup("stock");
    harness.wait_failed("stock", &bad);
    harness.script().hold("copying");
    let running = harness.create_backup("orders");
    harness.wait_for_status("orders", &running, "Uploading", "Uploading");

    let of = |query: &[(&str, &str)]| {
        client.call("DescribeTasks", &[&[("DBInstanceId", "orders")], query].concat()).expect_success()
    };
    let answer = of(&[]);
    assert_eq!((&answer["TotalRecordCount"], &answer["PageRecordCount"]), (&json!(2), &json!(2)));
    let rows = answer["Items"]["TaskProgressInfo"].as_array().unwrap();
    assert_eq!(rows[0]["TaskId"], running);
    assert_eq!((&rows[0]["Status"], &rows[0]["CurrentStepName"]), (&json!("Running"), &json!("Uploading")));
    assert_eq!(rows[0].get("FinishTime"), None);
    assert_eq!((&rows[1]["Status"], &rows[1]["Progress"]), (&json!("Succeed"), &json!("100")));
    assert_eq!(rows[1]["TaskAction"], "TempBackupTask");
    assert_eq!(rows[1]["BeginTime"].as_str().unwrap().len(), "2020-11-20T01:00Z".len());
    let total = |query: &[(&str, &str)]| of(query)["TotalRecordCount"].as_u64().unwrap();
    assert_eq!(total(&[("TaskAction", "TempBackupTask"), ("Status", "2")]), 2);
    assert_eq!(total(&[("TaskAction", "NormalBackupTask")]), 0);
    assert_eq!(total(&[("TaskAction", "CreateInstance")]), 0);
    assert_eq!(total(&[("EndTime", "2020-01-01T00:00Z")]), 0);
    assert_eq!(total(&[("StartTime", "2020-01-01T00:00Z")]), 2);
    let last = of(&[("PageSize", "1"), ("PageNumber", "2")]);
    assert_eq!(last["Items"]["TaskProgressInfo"][0]["TaskId"], good);

    let always = [("FromStartTime", "2020-01-01T00:00:00Z"), ("ToStartTime", "2200-01-01T00:00:00Z")];
    let history = |query: &[(&str, &str)]| {
        client.call("DescribeHistoryTasks", &[&always[..], query].concat()).expect_success()
    };
    let answer = history(&[]);
    assert_eq!(ids(&answer), [&running, &bad, &good]);
    let backups = history(&[("TaskType", "TempBackupTask")]);
    assert_eq!((&backups["PageSize"], &backups["TotalCount"]), (&json!(10), &json!(3)));
    let failed = &answer["Items"][1];
    assert_eq!((&failed["Status"], &failed["InstanceId"]), (&json!("Failed"), &json!("stock")));
    assert!(failed["ReasonCode"].is_string() && failed["EndTime"].is_string(), "{failed}");
    assert_eq!((&failed["DbType"], &failed["Product"]), (&json!("PostgreSQL"), &json!("rds")));
    for (query, expect) in [
        ([("Status", "Running")].as_slice(), [running.as_str()].as_slice()),
        (&[("Status", "Succeed")], &[&good]),
        (&[("Status", "Failed")], &[&bad]),
        (&[("Status", "Canceled")], &[]),
        (&[("Status", "Scheduled")], &[]),
        (&[("InstanceId", "stock,absent")], &[&bad]),
        (&[("InstanceId", "?")], &[]),
        (&[("TaskId", &format!("{bad},999"))], &[&bad]),
        (&[("TaskType", "TempBackupTask"), ("InstanceId", "orders")], &[&running, &good]),
        (&[("TaskType", "Sweep")], &[]),
        (&[("InstanceType", "Instance"), ("TaskId", &good)], &[&good]),
        (&[("InstanceType", "Cluster")], &[]),
        (&[("FromExecTime", "3600")], &[]),
        (&[("ToExecTime", "3600")], &[&bad, &good]),
        (&[("RegionId", "cn-beijing")], &[]),
        (&[("RegionId", "cn-hangzhou"), ("PageSize", "2"), ("PageNumber", "2")], &[&good]),
    ] {
        assert_eq!(ids(&history(query)), expect, "{query:?}");
    }

    client.call("CancelBackupJob", &[("BackupJobId", &running)]).expect_success();
    harness.wait_failed("orders", &running);
    assert_eq!(ids(&history(&[("Status", "Canceled")])), [&running]);
    assert_eq!(ids(&history(&[("Status", "Failed")])), [&bad]);
    a_limited_key_sees_its_own(&harness, &always, &bad);
}

fn a_limited_key_sees_its_own(harness: &Harness, always: &[(&str, &str)], of_stock: &str) {
    let limited = harness.client_of(&harness.add_key("limited", Role::Reader, Some(&["stock"])));
    assert_eq!(ids(&limited.call("DescribeHistoryTasks", always).expect_success()), [of_stock]);
    let foreign = [always, &[("InstanceId", "orders")]].concat();
    limited.call("DescribeHistoryTasks", &foreign).expect_error(403, "Forbidden.RAM");
}

#[test]
fn task_lists_refuse_as_documented() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let of = |query: &[(&str, &str)]| client.call("DescribeTasks", query);
    of(&[]).expect_error(400, "MissingDBInstanceId");
    of(&[("DBInstanceId", "absent")]).expect_error(404, "InvalidDBInstanceId.NotFound");
    of(&[("DBInstanceId", "orders"), ("StartTime", "yesterday")])
        .expect_error(400, "InvalidStartTime.Format");
    let reversed =
        [("DBInstanceId", "orders"), ("StartTime", "2020-01-02T00:00Z"), ("EndTime", "2020-01-01T00:00Z")];
    of(&reversed).expect_error(400, "InvalidParameterCombination");
    of(&[("DBInstanceId", "orders"), ("PageSize", "101")])
        .expect_error(403, "InvalidMaxRecordsPerPage.Malformed");

    let history = |query: &[(&str, &str)]| client.call("DescribeHistoryTasks", query);
    history(&[("ToStartTime", "2020-01-01T00:00:00Z")]).expect_error(400, "MissingFromStartTime");
    let range = [("FromStartTime", "2020-01-01T00:00:00Z"), ("ToStartTime", "2020-01-01T00:00:00Z")];
    history(&range).expect_error(400, "InvalidParameterCombination");
    let range = [("FromStartTime", "2020-01-01T00:00:00Z"), ("ToStartTime", "2020-01-02T00:00:00Z")];
    history(&[&range[..], &[("Status", "running")]].concat())
        .expect_error(400, "InvalidStatus.ValueNotSupport");
    let many = vec!["orders"; 31].join(",");
    history(&[&range[..], &[("InstanceId", &many)]].concat())
        .expect_error(400, "InvalidInstanceId.Malformed");
    history(&[&range[..], &[("PageNumber", "0")]].concat()).expect_error(400, "InvalidPageNumbers.Malformed");
}
