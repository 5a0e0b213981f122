//! Sets and what is asked about them.

use serde_json::{Value, json};

use crate::harness::Harness;

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// The ids of the sets that DescribeBackups lists.
fn ids(harness: &Harness, instance: &str) -> Vec<String> {
    harness.backups(instance).iter().map(|row| row["BackupId"].as_str().unwrap().to_owned()).collect()
}

fn back_up(harness: &Harness, instance: &str) -> String {
    let job = harness.create_backup(instance);
    harness.wait_finished(instance, &job)["BackupId"].as_str().unwrap().to_owned()
}

#[test]
fn sets_are_deleted_by_id_and_by_age_but_for_the_newest() {
    let harness = Harness::started();
    harness.register_small("orders");
    let sets: Vec<String> = (0..4).map(|_| back_up(&harness, "orders")).collect();
    let client = harness.client();
    let of =
        |query: Pairs<'_>| client.call("DeleteBackupFile", &[&[("DBInstanceId", "orders")], query].concat());
    let deleted =
        |query: Pairs<'_>| of(query).expect_success()["DeletedBaksetIds"]["DeletedBaksetIds"].clone();
    let numbers =
        |sets: &[String]| Value::from(sets.iter().map(|set| set.parse::<u32>().unwrap()).collect::<Vec<_>>());
    of(&[]).expect_error(400, "MissingBackupId");
    of(&[("BackupId", "1,x")]).expect_error(400, "InvalidBackupId.Malformed");
    of(&[("BackupTime", "then")]).expect_error(400, "InvalidBackupTime.Format");
    of(&[("BackupId", &format!("{},999", sets[0]))]).expect_error(404, "InvalidBackupSetID.NotFound");
    let with_newest = format!("{},{}", sets[0], sets[3]);
    of(&[("BackupId", &with_newest)]).expect_error(403, "OperationDenied.BackupInUse");
    client
        .call("DeleteBackupFile", &[("DBInstanceId", "absent"), ("BackupId", "1")])
        .expect_error(404, "InvalidDBInstanceId.NotFound");
    assert_eq!(deleted(&[("BackupId", &sets[0]), ("DBName", "shop")]), json!([]));
    assert_eq!(deleted(&[("BackupId", &sets[0]), ("BackupTime", "2011-06-11T16:00:00Z")]), json!([]));
    assert_eq!(ids(&harness, "orders").len(), 4, "nothing was deleted yet");

    assert_eq!(deleted(&[("BackupId", &sets[1])]), numbers(&sets[1..2]));
    assert_eq!(
        deleted(&[("BackupTime", "2200-01-01T00:00:00Z")]),
        numbers(&[sets[0].clone(), sets[2].clone()])
    );
    assert_eq!(ids(&harness, "orders"), sets[3..]);
    let attempts = harness.repository().attempts(&"orders".parse().unwrap()).unwrap();
    assert_eq!(attempts.iter().filter(|attempt| attempt.tombstone).count(), 3, "{attempts:?}");
    assert_eq!(deleted(&[("BackupTime", "2200-01-01T00:00:00Z")]), json!([]), "the newest never goes by age");
    client.call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", &sets[3])]).expect_success();
    assert_eq!(ids(&harness, "orders"), [""; 0]);
}

#[test]
fn lists_of_ids_are_deleted_whole() {
    let harness = Harness::started();
    harness.register_small("orders");
    harness.register_small("stock");
    let sets: Vec<String> = (0..3).map(|_| back_up(&harness, "orders")).collect();
    let foreign = back_up(&harness, "stock");
    let client = harness.client();
    let delete = |list: &str| client.call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", list)]);
    delete(&format!("{},{foreign}", sets[0])).expect_error(404, "InvalidBackupSetID.NotFound");
    let many = (1..=101).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    delete(&many).expect_error(400, "InvalidBackupId.Malformed");
    delete("").expect_error(400, "MissingBackupId");
    assert_eq!(ids(&harness, "orders").len(), 3);
    delete(&format!(" {0}, {1},{0}", sets[0], sets[2])).expect_success();
    assert_eq!(ids(&harness, "orders"), [sets[1].clone()]);
    assert_eq!(ids(&harness, "stock"), [foreign]);
}

#[test]
fn a_set_names_its_databases_and_their_tables() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let names = |query: Pairs<'_>| {
        client.call("DescribeBackupDatabase", &[&[("DBInstanceId", "orders")], query].concat())
    };
    names(&[]).expect_error(404, "InvalidBackupSetID.NotFound");
    let set = back_up(&harness, "orders");
    assert_eq!(names(&[]).expect_success()["DatabaseNames"], "Shop,postgres");
    assert_eq!(names(&[("BackupId", &set)]).expect_success()["DatabaseNames"], "Shop,postgres");
    names(&[("BackupId", "999")]).expect_error(404, "InvalidBackupSetID.NotFound");

    let of =
        |query: Pairs<'_>| client.call("DescribeMetaList", &[&[("DBInstanceId", "orders")], query].concat());
    let all = of(&[("BackupSetID", &set)]).expect_success();
    let expect = json!([{ "Database": "Shop", "Size": "65" }, { "Database": "postgres", "Size": "0" }]);
    assert_eq!(all["Items"]["Meta"], expect);
    assert_eq!((&all["TotalRecordCount"], &all["TotalPageCount"]), (&json!(2), &json!(1)));
    assert_eq!(all["DBInstanceName"], "orders");
    let one = of(&[("BackupSetID", &set), ("GetDbName", "Shop")]).expect_success();
    let expect = json!([{ "Database": "Shop", "Size": "65", "Tables": "public.orders,audit.log" }]);
    assert_eq!(one["Items"]["Meta"], expect);
    let total = |query: Pairs<'_>| of(query).expect_success()["TotalRecordCount"].as_u64().unwrap();
    assert_eq!(total(&[("BackupSetID", &set), ("GetDbName", "shop")]), 0, "the exact name");
    assert_eq!(total(&[("BackupSetID", &set), ("Pattern", "SHO")]), 1);
    let page = of(&[("BackupSetID", &set), ("PageIndex", "2"), ("PageSize", "1")]).expect_success();
    assert_eq!(page["Items"]["Meta"][0]["Database"], "postgres");
    assert_eq!((&page["PageNumber"], &page["PageRecordCount"]), (&json!(2), &json!(1)));
    assert_eq!((&page["TotalPageCount"], &page["TotalRecordCount"]), (&json!(2), &json!(2)));
    let alone = of(&[("BackupSetID", &set), ("PageIndex", "2")]).expect_success();
    assert_eq!((&alone["PageNumber"], &alone["PageRecordCount"]), (&json!(1), &json!(2)), "both or none");
    assert_eq!(total(&[("RestoreType", "RestoreTime"), ("RestoreTime", "2200-01-01T00:00:00Z")]), 2);
    of(&[("RestoreType", "RestoreTime"), ("RestoreTime", "2011-01-01T00:00:00Z")])
        .expect_error(404, "InvalidBackupSetID.NotFound");
    of(&[]).expect_error(400, "MissingBackupSetID");
    of(&[("RestoreType", "RestoreTime")]).expect_error(400, "MissingRestoreTime");
    of(&[("RestoreType", "Never")]).expect_error(400, "InvalidRestoreType.ValueNotSupport");
    of(&[("BackupSetID", &set), ("PageIndex", "0")]).expect_error(400, "InvalidPageNumbers.Malformed");
}

#[test]
fn a_window_begins_and_ends_at_the_newest_set() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let local =
        || client.call("DescribeLocalAvailableRecoveryTime", &[("DBInstanceId", "orders")]).expect_success();
    assert_eq!(local().get("RecoveryBeginTime"), None);
    let set = back_up(&harness, "orders");
    let ended = harness.backups("orders")[0]["BackupEndTime"].clone();
    let window = local();
    assert_eq!((&window["RecoveryBeginTime"], &window["RecoveryEndTime"]), (&ended, &ended));
    assert_eq!(window["DBInstanceId"], "orders");
    client
        .call("DescribeLocalAvailableRecoveryTime", &[("DBInstanceId", "absent")])
        .expect_error(404, "InvalidDBInstanceId.NotFound");

    let of = |query: Pairs<'_>| client.call("DescribeAvailableRecoveryTime", query);
    let window = of(&[("CrossBackupId", &set)]).expect_success();
    assert_eq!((&window["RecoveryBeginTime"], &window["RecoveryEndTime"]), (&ended, &ended));
    assert_eq!(window["CrossBackupId"], json!(set.parse::<u32>().unwrap()));
    of(&[("CrossBackupId", &set), ("DBInstanceId", "orders")]).expect_success();
    of(&[]).expect_error(400, "MissingCrossBackupId");
    of(&[("CrossBackupId", "999")]).expect_error(404, "InvalidBackupSetID.NotFound");
    harness.register_small("stock");
    of(&[("CrossBackupId", &set), ("DBInstanceId", "stock")])
        .expect_error(404, "InvalidBackupSetID.NotFound");
}

#[test]
fn no_log_file_is_listed() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let range = [("StartTime", "2011-06-01T15:00:00Z"), ("EndTime", "2011-06-20T15:00Z")];
    for (action, most) in [("DescribeLogBackupFiles", "1000"), ("DescribeBinlogFiles", "100")] {
        let of = |query: Pairs<'_>| client.call(action, &[&[("DBInstanceId", "orders")], query].concat());
        let answer = of(&[&range[..], &[("PageSize", most), ("PageNumber", "3")]].concat()).expect_success();
        let request_id = answer["RequestId"].clone();
        assert_eq!(
            answer,
            json!({
                "Items": { "BinLogFile": [] }, "PageNumber": 3, "PageRecordCount": 0, "TotalFileSize": 0,
                "TotalRecordCount": 0, "RequestId": request_id,
            })
        );
        of(&range[..1]).expect_error(400, "MissingEndTime");
        of(&range[1..]).expect_error(400, "MissingStartTime");
        of(&[range[0], ("EndTime", "now")]).expect_error(400, "InvalidEndTime.Format");
        of(&[("StartTime", range[1].1), ("EndTime", range[0].1)])
            .expect_error(400, "InvalidParameterCombination");
        of(&[&range[..], &[("PageSize", "1001")]].concat())
            .expect_error(403, "InvalidMaxRecordsPerPage.Malformed");
        client
            .call(action, &[&range[..], &[("DBInstanceId", "absent")]].concat())
            .expect_error(404, "InvalidDBInstanceId.NotFound");
    }
}

#[test]
fn describe_backups_refuses_as_documented() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let of =
        |query: Pairs<'_>| client.call("DescribeBackups", &[&[("DBInstanceId", "orders")], query].concat());
    of(&[("StartTime", "x")]).expect_error(400, "InvalidStartTime.Format");
    of(&[("EndTime", "x")]).expect_error(400, "InvalidEndTime.Format");
    of(&[("StartTime", "2020-01-02T00:00Z"), ("EndTime", "2020-01-01T00:00Z")])
        .expect_error(400, "InvalidParameterCombination");
    of(&[("PageNumber", "0")]).expect_error(400, "InvalidPageNumbers.Malformed");
    of(&[("PageSize", "500")]).expect_error(403, "InvalidMaxRecordsPerPage.Malformed");
    of(&[("BackupStatus", "success")]).expect_error(400, "InvalidBackupStatus.ValueNotSupport");
    client
        .call("DescribeBackups", &[("DBInstanceId", "absent")])
        .expect_error(404, "InvalidDBInstanceId.NotFound");
    let beyond = of(&[("PageNumber", "9")]).expect_success();
    assert_eq!((&beyond["PageNumber"], &beyond["PageRecordCount"]), (&json!(9), &json!(0)));
}
