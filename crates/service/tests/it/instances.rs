//! Instances as clients list, describe and release them.

use catalog::Role;
use serde_json::{Value, json};

use crate::harness::Harness;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn ids(answer: &Value) -> Vec<&str> {
    let rows = answer["Items"]["DBInstance"].as_array().unwrap();
    rows.iter().map(|row| row["DBInstanceId"].as_str().unwrap()).collect()
}

#[test]
fn instances_are_filtered_and_paged() {
    let harness = Harness::started();
    for id in ["orders", "stock", "third"] {
        harness.register_small(id);
    }
    let client = harness.client();
    let of = |query: Pairs<'_>| client.call("DescribeDBInstances", query).expect_success();
    let all = ["orders", "stock", "third"];
    let matching: [Pairs<'_>; 9] = [
        &[],
        &[("RegionId", "cn-hangzhou"), ("ResourceGroupId", "rg-x"), ("InstanceLevel", "1")],
        &[("PayType", "Postpaid"), ("InstanceNetworkType", "Classic")],
        &[("DBInstanceStatus", "Running"), ("DBInstanceType", "Primary")],
        &[("Expired", "False"), ("ZoneId", "cn-hangzhou-a")],
        &[("Engine", "PostgreSQL"), ("EngineVersion", "15.0")],
        &[("ConnectionString", "127.0.0.1")],
        &[("Tags", "{}")],
        &[("DBInstanceId", ""), ("ClientToken", "abc")],
    ];
    for query in matching {
        assert_eq!(ids(&of(query)), all, "{query:?}");
    }
    let nothing: [Pairs<'_>; 14] = [
        &[("RegionId", "cn-beijing")],
        &[("RegionId", "cn-beijing"), ("DBInstanceId", "orders")],
        &[("PayType", "Prepaid")],
        &[("InstanceNetworkType", "VPC")],
        &[("DBInstanceStatus", "Creating")],
        &[("DBInstanceType", "Readonly")],
        &[("Expired", "True")],
        &[("ZoneId", "cn-hangzhou-b")],
        &[("Engine", "MySQL")],
        &[("EngineVersion", "14.0")],
        &[("ConnectionString", "elsewhere")],
        &[("VpcId", "vpc-1")],
        &[("SearchKey", "nothing")],
        &[("Tags", r#"{"a":"b"}"#)],
    ];
    for query in nothing {
        let answer = of(query);
        assert_eq!((&answer["TotalRecordCount"], ids(&answer).len()), (&json!(0), 0), "{query:?}");
    }
    assert_eq!(ids(&of(&[("SearchKey", "TOC")])), ["stock"]);
    assert_eq!(ids(&of(&[("DBInstanceId", "stock")])), ["stock"]);

    let page = of(&[("PageSize", "2"), ("PageNumber", "2")]);
    assert_eq!((ids(&page), &page["TotalRecordCount"]), (vec!["third"], &json!(3)));
    for version in [&[][..], &[("EngineVersion", "15.0")]] {
        let first = of(&[version, &[("MaxResults", "2")]].concat());
        assert_eq!((ids(&first), &first["TotalRecordCount"]), (vec!["orders", "stock"], &json!(3)));
        let token = first["NextToken"].as_str().unwrap();
        let second = of(&[version, &[("MaxResults", "2"), ("NextToken", token)]].concat());
        assert_eq!((ids(&second), &second["TotalRecordCount"]), (vec!["third"], &json!(3)));
        assert_eq!(second.get("NextToken"), None);
    }
    let refuse =
        |query: Pairs<'_>, status, code| client.call("DescribeDBInstances", query).expect_error(status, code);
    refuse(&[("DBInstanceId", "absent")], 404, "InvalidDBInstanceId.NotFound");
    refuse(&[("DBInstanceType", "primary")], 400, "InvalidDBInstanceType.ValueNotSupport");
    refuse(&[("NextToken", "?")], 400, "InvalidNextToken.Malformed");
    refuse(&[("Tags", "a=b")], 400, "InvalidTags.Malformed");
    refuse(&[("Tags", r#"{"1":"","2":"","3":"","4":"","5":"","6":""}"#)], 400, "InvalidTags.Malformed");
    refuse(&[("PageSize", "101")], 403, "InvalidMaxRecordsPerPage.Malformed");
    let limited = harness.client_of(&harness.add_key("limited", Role::Reader, Some(&["stock"])));
    assert_eq!(ids(&limited.call("DescribeDBInstances", &[]).expect_success()), ["stock"]);
}

/// Exactly what is known, and the neutral words.
#[test]
fn an_instance_is_described_by_what_is_known_of_it() {
    let mut harness = Harness::stopped().with_setting("region", "eu-home");
    harness.start();
    harness.register_small("orders");
    let client = harness.client();
    let answer = client.call("DescribeDBInstanceAttribute", &[("DBInstanceId", "orders")]).expect_success();
    let attribute = &answer["Items"]["DBInstanceAttribute"][0];
    let created = attribute["CreationTime"].clone();
    assert!(created.is_string());
    let known = json!({
        "ConnectionString": "127.0.0.1", "DBInstanceId": "orders", "DBInstanceStatus": "Running",
        "DBInstanceType": "Primary", "DeletionProtection": false, "Engine": "PostgreSQL", "EngineVersion": "15.0",
        "InstanceNetworkType": "Classic", "LockMode": "Unlock", "PayType": "Postpaid", "RegionId": "eu-home",
        "ZoneId": "eu-home-a",
    });
    let mut listed = known.clone();
    listed["CreateTime"] = created.clone();
    let mut expect = known;
    for (field, value) in [
        ("CreationTime", created),
        ("CurrentKernelVersion", json!("15.18")),
        ("Port", json!("5432")),
        ("User", json!("backstop")),
        ("DataDirectory", attribute["DataDirectory"].clone()),
        ("SslMode", json!("prefer")),
    ] {
        expect[field] = value;
    }
    assert_eq!(*attribute, expect);
    let answer = client.call("DescribeDBInstances", &[("RegionId", "eu-home")]).expect_success();
    assert_eq!(answer["Items"]["DBInstance"], json!([listed]));
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
    let answer = client.call("DescribeDBInstanceAttribute", &[("DBInstanceId", "orders")]).expect_success();
    let attribute = &answer["Items"]["DBInstanceAttribute"][0];
    assert_eq!(
        (&attribute["DBInstanceDiskUsed"], &attribute["SystemIdentifier"]),
        (&json!("310000"), &json!("77"))
    );

    let net = |query: Pairs<'_>| {
        let query = [&[("DBInstanceId", "orders")], query].concat();
        client.call("DescribeDBInstanceNetInfo", &query).expect_success()
    };
    let expect = json!([{
        "ConnectionString": "127.0.0.1", "ConnectionStringType": "Normal", "IPAddress": "127.0.0.1", "Port": "5432",
    }]);
    assert_eq!(net(&[("Flag", "1")])["DBInstanceNetInfos"]["DBInstanceNetInfo"], expect);
    assert_eq!(net(&[])["InstanceNetworkType"], "Classic");
    let split = net(&[("DBInstanceNetRWSplitType", "ReadWriteSplitting")]);
    assert_eq!(split["DBInstanceNetInfos"]["DBInstanceNetInfo"], json!([]));
    for action in ["DescribeDBInstanceAttribute", "DescribeDBInstanceNetInfo"] {
        client.call(action, &[("DBInstanceId", "absent")]).expect_error(404, "InvalidDBInstanceId.NotFound");
    }
    let regions = client.call("DescribeRegions", &[("AcceptLanguage", "zh-CN")]).expect_success();
    assert_eq!(regions["Regions"]["RDSRegion"][0]["RegionId"], "eu-home");
    let released = client.call("DeleteDBInstance", &[("DBInstanceId", "orders")]).expect_success();
    assert_eq!(released["RegionId"], "eu-home");
}

fn back_up(harness: &Harness, instance: &str) -> String {
    let job = harness.create_backup(instance);
    harness.wait_finished(instance, &job)["BackupId"].as_str().unwrap().to_owned()
}

/// Ids of the sets of instances that are gone.
fn detached(harness: &Harness, query: Pairs<'_>) -> Vec<String> {
    let answer = harness.client().call("DescribeDetachedBackups", query).expect_success();
    let rows = answer["Items"]["Backup"].as_array().unwrap();
    rows.iter().map(|row| row["BackupId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn sets_are_released_as_the_call_or_the_policy_says() {
    let harness = Harness::started();
    let client = harness.client();
    let mut kept = Vec::new();
    for (instance, word, expect) in [
        ("all", Some("All"), [true, true].as_slice()),
        ("lastest", Some("Lastest"), &[false, true]),
        ("none", Some("None"), &[false, false]),
        ("default", None, &[true, true]),
    ] {
        harness.register_small(instance);
        let sets: Vec<String> = (0..2).map(|_| back_up(&harness, instance)).collect();
        assert_eq!(detached(&harness, &[("DBInstanceId", instance)]), [""; 0], "it is registered");
        let query = [("DBInstanceId", instance), ("ReleasedKeepPolicy", word.unwrap_or_default())];
        client.call("DeleteDBInstance", &query).expect_success();
        let left: Vec<String> =
            sets.iter().zip(expect).rev().filter(|(_, kept)| **kept).map(|(set, _)| set.clone()).collect();
        assert_eq!(detached(&harness, &[("DBInstanceId", instance)]), left, "{instance}");
        let attempts = harness.repository().attempts(&instance.parse().unwrap()).unwrap();
        assert_eq!(attempts.iter().filter(|attempt| attempt.tombstone).count(), 2 - left.len(), "{instance}");
        kept = [left, kept].concat();
    }
    assert_eq!(detached(&harness, &[("Region", "cn-hangzhou")]), kept, "newest first");
    assert_eq!(detached(&harness, &[("Region", "cn-beijing")]), [""; 0]);
    assert_eq!(detached(&harness, &[("PageSize", "2"), ("PageNumber", "2")]), kept[2..4]);
    assert_eq!(detached(&harness, &[("BackupId", &kept[1]), ("BackupMode", "Manual")]), kept[1..2]);
    assert_eq!(detached(&harness, &[("BackupMode", "Automated")]), [""; 0]);
    assert_eq!(detached(&harness, &[("BackupStatus", "Failed")]), [""; 0]);
    assert_eq!(detached(&harness, &[("BackupStatus", "Success"), ("StartTime", "2020-01-01T00:00Z")]), kept);
    assert_eq!(detached(&harness, &[("EndTime", "2020-01-01T00:00Z")]), [""; 0]);
    let limited = harness.client_of(&harness.add_key("limited", Role::Reader, Some(&["lastest"])));
    let answer = limited.call("DescribeDetachedBackups", &[]).expect_success();
    assert_eq!(answer["TotalRecordCount"], 1);
    let row = &answer["Items"]["Backup"][0];
    assert_eq!((&row["BackupStatus"], &row["DBInstanceId"]), (&json!("Success"), &json!("lastest")));
    assert_eq!((&row["BackupSize"].is_number(), &row["HostInstanceID"].is_string()), (&true, &true));

    // Deleted for good, or listed as before once the instance is back.
    let of_default = kept[0].clone();
    client.call("DeleteBackup", &[("DBInstanceId", "default"), ("BackupId", &of_default)]).expect_success();
    assert_eq!(detached(&harness, &[("DBInstanceId", "default")]), kept[1..2]);
    harness.register_small("default");
    assert_eq!(detached(&harness, &[("DBInstanceId", "default")]), [""; 0]);
    assert_eq!(harness.backups("default").len(), 1);
    client
        .call("DeleteBackup", &[("DBInstanceId", "none"), ("BackupId", "1")])
        .expect_error(404, "InvalidDBInstanceId.NotFound");
    client
        .call("DeleteDBInstance", &[("DBInstanceId", "default"), ("ReleasedKeepPolicy", "Latest")])
        .expect_error(400, "InvalidReleasedKeepPolicy.ValueNotSupport");
    client
        .call("DeleteDBInstance", &[("DBInstanceId", "none")])
        .expect_error(404, "InvalidDBInstanceId.NotFound");
}

#[test]
fn a_description_is_told_while_the_instance_is_there_and_after() {
    let harness = Harness::started();
    let folder = harness.source("orders", &[("a", 10)]).display().to_string();
    let form = [
        ("DBInstanceId", "orders"),
        ("Engine", "PostgreSQL"),
        ("Host", "db.example"),
        ("Port", "5432"),
        ("User", "backstop"),
        ("DataDirectory", &folder),
        ("DBInstanceDescription", "Orders, <produktion>"),
    ];
    let client = harness.client();
    client.call_form("RegisterDBInstance", &form).expect_success();
    let of = |action: &str| client.call(action, &[("DBInstanceId", "orders")]).expect_success();
    let description = json!("Orders, <produktion>");
    let attribute = of("DescribeDBInstanceAttribute");
    assert_eq!(attribute["Items"]["DBInstanceAttribute"][0]["DBInstanceDescription"], description);
    assert_eq!(of("DescribeDBInstances")["Items"]["DBInstance"][0]["DBInstanceDescription"], description);
    assert_eq!(of("DescribeInstanceCrossBackupPolicy")["DBInstanceDescription"], description);
    let net = of("DescribeDBInstanceNetInfo");
    assert_eq!(
        net["DBInstanceNetInfos"]["DBInstanceNetInfo"][0].get("IPAddress"),
        None,
        "a name is no address"
    );
    back_up(&harness, "orders");
    let always = [("FromStartTime", "2020-01-01T00:00:00Z"), ("ToStartTime", "2200-01-01T00:00:00Z")];
    let history = [&always[..], &[("InstanceId", "orders")]].concat();
    let tasks = client.call("DescribeHistoryTasks", &history).expect_success();
    assert_eq!(tasks["Items"][0]["InstanceName"], description);
    of("DeregisterDBInstance");
    assert_eq!(of("DescribeDetachedBackups")["Items"]["Backup"][0]["DBInstanceComment"], description);
}
