//! Backup policies over the API: what is answered, what is refused, and what each parameter does.

use rpc::{ParameterKind, find_action};
use serde_json::json;
use testkit::process::wait_for;

use crate::harness::PATIENCE;
use crate::moved_time::{MovedTime, at, hours};

/// A Sunday.
const START: &str = "2026-11-22T12:00:00Z";

/// Of a default policy: every day, so that nothing is far away.
const DAILY: [(&str, &str); 3] = [
    ("PreferredBackupTime", "01:00Z-02:00Z"),
    ("PreferredBackupPeriod", "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday"),
    ("BackupRetentionPeriod", "7"),
];

#[test]
fn a_new_instance_has_the_default_policy_and_is_told_it() {
    let moved = MovedTime::started(START);
    let answer = moved.register_small("orders");
    let policy = moved.policy("orders");
    let expected = json!({
        "PreferredBackupTime": "01:00Z-02:00Z",
        "PreferredBackupPeriod": "Monday,Thursday",
        "PreferredNextBackupTime": policy["PreferredNextBackupTime"],
        "BackupRetentionPeriod": 7,
        "FullBackupIntervalDays": 30,
    });
    assert_eq!(answer["BackupPolicy"], expected);
    let next = moved.next_due("orders");
    assert!(next >= at("2026-11-23T01:00:00Z") && next < at("2026-11-23T01:30:00Z"), "{next}");
    for (field, value) in [
        ("BackupMethod", json!("Physical")),
        ("CompressType", json!("1")),
        ("EnableIncrementDataBackup", json!(true)),
        ("ReleasedKeepPolicy", json!("All")),
        ("BackupLog", json!("Enable")),
        ("EnableBackupLog", json!("1")),
        ("LogBackupRetentionPeriod", json!(7)),
        ("SupportModifyBackupPriority", json!(false)),
    ] {
        assert_eq!(policy[field], value, "{field}");
    }
    for absent in ["Category", "IncBackupInterval", "LocalLogRetentionHours", "PitrRetentionPeriod"] {
        assert!(policy.get(absent).is_none(), "{absent}");
    }
    moved
        .call("DescribeBackupPolicy", &[("DBInstanceId", "nobody")])
        .expect_error(404, "InvalidDBInstanceId.NotFound");
    moved.modify("nobody", &DAILY).expect_error(404, "InvalidDBInstanceId.NotFound");
}

#[test]
fn an_instance_without_a_policy_gets_the_default_one() {
    let mut moved = MovedTime::started(START);
    moved.harness.stop();
    let catalog = moved.harness.catalog();
    moved.harness.block_on(async {
        let mut change = catalog.change(at(START)).await.unwrap();
        let new = catalog::NewInstance {
            id: "old".parse().unwrap(),
            engine: catalog::EngineKind::Postgresql,
            engine_version: None,
            host: "127.0.0.1".to_owned(),
            port: 5432,
            user: "backstop".to_owned(),
            sealed_password: None,
            ssl_mode: catalog::SslMode::Prefer,
            ca_certificate: None,
            data_directory: None,
            description: None,
        };
        change.register_instance(new).await.unwrap();
        change.commit().await.unwrap();
        catalog.close().await.unwrap();
    });
    moved.start();
    assert_eq!(moved.policy("old")["PreferredBackupPeriod"], "Monday,Thursday");
}

#[test]
fn what_is_sent_is_taken_over_and_the_rest_stays() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let answer = moved
        .modify(
            "orders",
            &[
                ("PreferredBackupTime", "23:30Z-00:30Z"),
                ("PreferredBackupPeriod", "Sunday,Wednesday"),
                ("BackupRetentionPeriod", "14"),
                ("CompressType", "4"),
                ("Category", "Flash"),
            ],
        )
        .expect_success();
    assert_eq!((&answer["DBInstanceID"], &answer["CompressType"]), (&json!("orders"), &json!("4")));
    assert!(answer.get("DBInstanceId").is_none(), "{answer}");
    moved.modify("orders", &[("FullBackupIntervalDays", "3")]).expect_success();
    let policy = moved.policy("orders");
    for (field, value) in [
        ("PreferredBackupTime", json!("23:30Z-00:30Z")),
        ("PreferredBackupPeriod", json!("Wednesday,Sunday")),
        ("BackupRetentionPeriod", json!(14)),
        ("LogBackupRetentionPeriod", json!(7)),
        ("FullBackupIntervalDays", json!(3)),
        ("CompressType", json!("4")),
        ("Category", json!("Flash")),
    ] {
        assert_eq!(policy[field], value, "{field}");
    }
}

#[test]
fn parameters_of_the_other_mode_do_not_count() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let log = [
        ("BackupPolicyMode", "LogBackupPolicy"),
        ("EnableBackupLog", "False"),
        ("LocalLogRetentionHours", "18"),
        ("LocalLogRetentionSpace", "30"),
        ("HighSpaceUsageProtection", "Disable"),
        ("LogBackupLocalRetentionNumber", "-1"),
        ("BackupRetentionPeriod", "30"),
        ("CompressType", "0"),
    ];
    let answer = moved.modify("orders", &log).expect_success();
    for (field, value) in [
        ("EnableBackupLog", json!("0")),
        ("LocalLogRetentionHours", json!(18)),
        ("LocalLogRetentionSpace", json!("30")),
        ("HighSpaceUsageProtection", json!("Disable")),
        ("LogBackupLocalRetentionNumber", json!(-1)),
        ("CompressType", json!("1")),
    ] {
        assert_eq!(answer[field], value, "{field}");
    }
    let policy = moved.policy("orders");
    assert_eq!((&policy["BackupRetentionPeriod"], &policy["BackupLog"]), (&json!(7), &json!("Disabled")));
    let data = [&[("BackupPolicyMode", "DataBackupPolicy"), ("EnableBackupLog", "1")], &DAILY[..]].concat();
    moved.modify("orders", &data).expect_success();
    assert_eq!(moved.policy("orders")["EnableBackupLog"], "0");
    for (word, text) in [("True", "1"), ("0", "0"), ("true", "1")] {
        let log = [("BackupPolicyMode", "LogBackupPolicy"), ("EnableBackupLog", word)];
        assert_eq!(moved.modify("orders", &log).expect_success()["EnableBackupLog"], text);
    }
    moved.modify("orders", &[&DAILY[..], &[("BackupLog", "Disabled")]].concat()).expect_success();
    assert_eq!(moved.policy("orders")["BackupLog"], "Disabled");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let before = moved.policy("orders");
    let check = |parameters: &[(&str, &str)], status, code: &str| {
        moved.modify("orders", parameters).expect_error(status, code);
    };
    let with = |name, value| [&DAILY[..], &[(name, value)]].concat();
    let but = |name, value| {
        DAILY
            .iter()
            .map(|(known, present)| if *known == name { (name, value) } else { (*known, *present) })
            .collect::<Vec<_>>()
    };
    check(&[], 400, "MissingPreferredBackupTime");
    check(
        &[("BackupPolicyMode", "DataBackupPolicy"), ("Category", "Flash")],
        400,
        "MissingPreferredBackupTime",
    );
    check(&DAILY[..2], 400, "MissingBackupRetentionPeriod");
    check(&DAILY[1..], 400, "MissingPreferredBackupTime");
    check(&[("BackupPolicyMode", "LogBackupPolicy")], 400, "MissingEnableBackupLog");
    check(&[("BackupPolicyMode", "Other")], 400, "InvalidBackupPolicyMode.ValueNotSupport");
    for days in ["6", "731", "-1", "x"] {
        check(&but("BackupRetentionPeriod", days), 400, "InvalidBackupRetentionPeriod.Malformed");
    }
    for days in ["Monday", "Monday,Monday", "Mon,Tue"] {
        check(&but("PreferredBackupPeriod", days), 400, "InvalidPreferredBackupPeriod.Malformed");
    }
    for time in ["01:00Z-03:00Z", "1:00Z-2:00Z", "01:00Z"] {
        check(&but("PreferredBackupTime", time), 400, "InvalidPreferredBackupTime.Malformed");
    }
    check(&with("LogBackupRetentionPeriod", "8"), 400, "InvalidLogBackupRetentionPeriod.Malformed");
    check(&with("BackupMethod", "Snapshot"), 403, "OperationDenied.NotSupportedBackupMethod");
    check(&with("BackupMethod", "Logical"), 403, "OperationDenied.NotSupportedBackupMethod");
    check(&with("ReleasedKeepPolicy", "Latest"), 400, "InvalidReleasedKeepPolicy.Format");
    check(&with("LogBackupFrequency", "Hourly"), 400, "InvalidLogBackupFrequency.Malformed");
    check(&with("Category", "Gold"), 403, "IncorrectCategory");
    check(&with("CompressType", "3"), 400, "InvalidCompressType.ValueNotSupport");
    check(&with("IncBackupInterval", "90"), 400, "InvalidIncBackupInterval.Malformed");
    let interval = [("EnableIncrementDataBackup", "False"), ("IncBackupInterval", "60")];
    check(&[&DAILY[..], &interval].concat(), 400, "IncorrectBackupPolicy");
    let pitr = [("EnablePitrProtection", "True"), ("BackupLog", "Disabled")];
    check(&[&DAILY[..], &pitr].concat(), 400, "IncorrectBackupPolicy");
    let archive = [("ArchiveBackupKeepPolicy", "ByWeek"), ("ArchiveBackupKeepCount", "8")];
    check(&[&DAILY[..], &archive].concat(), 400, "IncorrectBackupPolicy");
    check(&[("BackupLog", "Enable"), ("EnableBackupLog", "0")], 400, "IncorrectBackupPolicy");
    let mut after = moved.policy("orders");
    after["RequestId"] = before["RequestId"].clone();
    assert_eq!(after, before);
}

/// The list of what has no effect is the issue's, and each of it is answered as it was set.
#[test]
fn what_has_no_effect_is_answered_as_it_was_set() {
    let action = find_action("ModifyBackupPolicy").unwrap();
    let without: Vec<_> =
        action.parameters.iter().filter(|p| p.without_effect.is_some()).map(|p| p.name).collect();
    let allowed = |name: &str| {
        [
            "CompressType",
            "BackupPriority",
            "LogBackupFrequency",
            "Category",
            "LogBackupLocalRetentionNumber",
            "HighSpaceUsageProtection",
            "BackupInterval",
            "EnablePitrProtection",
            "EnableAdvancedBackupPolicy",
        ]
        .contains(&name)
            || ["LocalLogRetention", "Archive", "Advanced"].iter().any(|start| name.starts_with(start))
    };
    assert!(without.iter().all(|name| allowed(name)), "{without:?}");

    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let mut sent: Vec<(&str, &str)> = DAILY.to_vec();
    let scalar = |name: &&str| {
        let kind = action.parameter(name).unwrap().kind;
        !matches!(kind, ParameterKind::NumberedObjects { .. })
    };
    for name in without.iter().filter(|name| scalar(name)) {
        sent.push((name, action.parameter(name).unwrap().example));
    }
    sent.extend([
        ("AdvancedDataPolicies.1.BakType", "F"),
        ("AdvancedDataPolicies.1.OnlyPreserveOneEachDay", "True"),
        ("AdvancedDataPolicies.1.RetentionValue", "7"),
        ("AdvancedLogPolicies.1.EnableLogBackup", "1"),
    ]);
    moved.modify("orders", &sent).expect_success();
    let policy = moved.policy("orders");
    for name in without.iter().filter(|name| scalar(name)) {
        let example = action.parameter(name).unwrap().example;
        let answered =
            if *name == "EnableAdvancedBackupPolicy" { "AdvancedBackupPolicyEnabled" } else { name };
        let answered = &policy[answered];
        let text = match answered.as_str() {
            None if *name == "EnableAdvancedBackupPolicy" => u8::from(*answered == true).to_string(),
            Some(text) => text.to_owned(),
            None => answered.to_string(),
        };
        assert_eq!(text, example, "{name}");
    }
    let data = json!([{"BakType": "F", "OnlyPreserveOneEachDay": true, "RetentionValue": 7}]);
    assert_eq!(policy["AdvancedDataPolicies"]["AdvancedDataPolicy"], data);
    assert_eq!(policy["AdvancedLogPolicies"]["AdvancedLogPolicy"], json!([{"EnableLogBackup": 1}]));
}

#[test]
fn a_scheduled_backup_is_automated_and_follows_window_and_days() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let daily = [
        ("PreferredBackupTime", "05:00Z-06:00Z"),
        ("PreferredBackupPeriod", "Tuesday,Saturday"),
        ("BackupRetentionPeriod", "9"),
    ];
    moved.modify("orders", &daily).expect_success();
    let due = moved.next_due("orders");
    assert!(due >= at("2026-11-24T05:00:00Z") && due < at("2026-11-24T05:30:00Z"), "{due}");
    moved.go_to(due);
    let jobs = moved.wait_for_jobs("orders", 1);
    assert_eq!(
        (&jobs[0]["JobMode"], &jobs[0]["TaskAction"]),
        (&json!("Automated"), &json!("NormalBackupTask"))
    );
    assert_eq!(jobs[0]["BackupType"], "FullBackup", "there is none before it");
    let sets = moved.sets("orders");
    assert_eq!(
        (&sets[0]["BackupMode"], &sets[0]["BackupInitiator"]),
        (&json!("Automated"), &json!("System"))
    );
    let expires = rpc::render_seconds(due + hours(9 * 24));
    assert_eq!(sets[0]["ExpectExpireTime"], expires);
    let next = moved.next_due("orders");
    assert_eq!(next, due + hours(4 * 24));
    moved.go_to(next);
    let jobs = moved.wait_for_jobs("orders", 2);
    assert_eq!(jobs[0]["BackupType"], "Auto");
}

#[test]
fn fulls_come_by_their_interval_and_always_without_incremental_backups() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    moved.modify("orders", &[&DAILY[..], &[("FullBackupIntervalDays", "2")]].concat()).expect_success();
    let mut types = Vec::new();
    for count in 1..=5 {
        if count == 5 {
            let parameters = [("EnableIncrementDataBackup", "False")];
            let answer = moved.modify("orders", &parameters).expect_success();
            assert_eq!(answer["EnableIncrementDataBackup"], false);
        }
        moved.go_to(moved.next_due("orders"));
        types.push(moved.wait_for_jobs("orders", count)[0]["BackupType"].as_str().unwrap().to_owned());
    }
    assert_eq!(types, ["FullBackup", "Auto", "FullBackup", "Auto", "FullBackup"]);
}

#[test]
fn an_interval_makes_more_backups_in_between() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let interval = [("EnableIncrementDataBackup", "True"), ("IncBackupInterval", "720")];
    let answer = moved.modify("orders", &[&DAILY[..], &interval].concat()).expect_success();
    assert_eq!(answer["IncBackupInterval"], 720);
    let due = moved.next_due("orders");
    for (count, time) in [(1, due - hours(12)), (2, due), (3, due + hours(12))] {
        moved.go_to(time);
        moved.wait_for_jobs("orders", count);
    }
    let ended = moved.modify("orders", &[("EnableIncrementDataBackup", "True")]).expect_success();
    assert!(ended.get("IncBackupInterval").is_none(), "{ended}");
}

#[test]
fn compress_type_0_stores_as_it_is() {
    let moved = MovedTime::started(START);
    let folder = moved.harness.source("orders", &[]);
    std::fs::write(folder.join("zeros"), vec![b'a'; 400_000]).unwrap();
    moved.register_small("orders");
    let stored = |kind: &str| {
        moved.modify("orders", &[("CompressType", kind)]).expect_success();
        let count = moved.jobs("orders").len() + 1;
        let query = [("DBInstanceId", "orders"), ("BackupType", "FullBackup")];
        moved.call("CreateBackup", &query).expect_success();
        let job = moved.wait_for_jobs("orders", count)[0]["BackupJobId"].as_str().unwrap().to_owned();
        let report = moved.call("DescribeBackupJobReport", &[("BackupJobId", &job)]).expect_success();
        report["StoredBytes"].as_u64().unwrap()
    };
    let (plain, zstd) = (stored("0"), stored("8"));
    assert!(plain > 500_000 && zstd < 200_000, "{plain} {zstd}");
}

#[test]
fn a_shorter_retention_period_holds_for_the_automated_sets_that_exist() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    let thirty = [DAILY[0], DAILY[1], ("BackupRetentionPeriod", "30")];
    moved.modify("orders", &thirty).expect_success();
    moved
        .call("CreateBackup", &[("DBInstanceId", "orders"), ("BackupRetentionPeriod", "100")])
        .expect_success();
    moved.wait_for_jobs("orders", 1);
    let mut dues = Vec::new();
    for count in 2..=4 {
        dues.push(moved.next_due("orders"));
        moved.go_to(*dues.last().unwrap());
        moved.wait_for_jobs("orders", count);
    }
    // The second automated one is wanted for longer.
    let set = moved.sets("orders")[1]["BackupId"].as_str().unwrap().to_owned();
    let modify = |time: &str| {
        let query = [("DBInstanceId", "orders"), ("BackupId", set.as_str()), ("ExpectExpireTime", time)];
        moved.call("ModifyBackupSetExpireTime", &query)
    };
    modify("2026-12-01T00:00Z").expect_error(400, "InvalidExpectExpireTime.Malformed");
    modify("2027").expect_error(400, "InvalidExpectExpireTime.Format");
    for time in ["2027-02-01T00:00Z", "2027-03-01T00:00:30Z"] {
        let answer = modify(time).expect_success();
        let fields = json!([answer["Code"], answer["Data"], answer["Message"], answer["Success"]]);
        assert_eq!(fields, json!(["200", "", "success", true]));
    }
    let absent = [("DBInstanceId", "orders"), ("BackupId", "999"), ("ExpectExpireTime", "2027-02-01T00:00Z")];
    moved.call("ModifyBackupSetExpireTime", &absent).expect_error(404, "InvalidBackupSetID.NotFound");

    moved.modify("orders", &DAILY).expect_success();
    let expiries: Vec<String> =
        moved.sets("orders").iter().map(|set| set["ExpectExpireTime"].as_str().unwrap().to_owned()).collect();
    let days = |time, days: i64| rpc::render_seconds(time + hours(24 * days));
    let expected =
        [days(dues[2], 7), "2027-03-01T00:00:30Z".to_owned(), days(dues[0], 7), days(at(START), 100)];
    assert_eq!(expiries, expected);
}

#[test]
fn manual_sets_are_kept_as_long_as_the_policy_says_unless_asked_otherwise() {
    let moved = MovedTime::started(START);
    moved.register_small("orders");
    moved.modify("orders", &[DAILY[0], DAILY[1], ("BackupRetentionPeriod", "10")]).expect_success();
    for (count, days, expect) in [(1, None, Some(10)), (2, Some("20"), Some(20)), (3, Some("-1"), None)] {
        let mut query = vec![("DBInstanceId", "orders")];
        query.extend(days.map(|days| ("BackupRetentionPeriod", days)));
        moved.call("CreateBackup", &query).expect_success();
        moved.wait_for_jobs("orders", count);
        let expires = moved.sets("orders")[0].get("ExpectExpireTime").cloned();
        let expect = expect.map(|days| json!(rpc::render_seconds(at(START) + hours(24 * days))));
        assert_eq!(expires, expect);
    }
}

#[test]
fn what_expired_gets_a_tombstone_and_the_newest_set_stays() {
    let mut moved = MovedTime::started(START);
    moved.register_small("orders");
    moved.modify("orders", &DAILY).expect_success();
    for count in 1..=2 {
        moved.go_to(moved.next_due("orders"));
        moved.wait_for_jobs("orders", count);
    }
    // Half a year in which the instance is not backed up: the policy's days never come.
    moved.harness.stop();
    moved.go_to(at("2027-05-01T12:00:00Z"));
    moved.start();
    let left = wait_for("one set", PATIENCE, || {
        let sets = moved.sets("orders");
        Ok((sets.len() == 1).then_some(sets))
    });
    left.unwrap();
    assert_eq!(moved.figure("backstop_sets_expired_total"), 1);
    let attempts = moved.harness.repository().attempts(&"orders".parse().unwrap()).unwrap();
    let tombstones: Vec<bool> = attempts.iter().map(|attempt| attempt.tombstone).collect();
    assert_eq!(tombstones, [true, false]);
}

/// As a crash leaves it between the tombstone and the row.
#[test]
fn a_tombstone_whose_row_was_not_written_counts_after_a_restart() {
    let mut moved = MovedTime::started(START);
    moved.register_small("orders");
    for count in 1..=2 {
        moved.call("CreateBackup", &[("DBInstanceId", "orders")]).expect_success();
        moved.wait_for_jobs("orders", count);
    }
    moved.harness.stop();
    let repository = moved.repository();
    let attempts = repository.attempts(&"orders".parse().unwrap()).unwrap();
    repository.put_tombstone(&attempts[0].place, "expired", moved.now()).unwrap();
    moved.start();
    let left = wait_for("one set", PATIENCE, || {
        let sets = moved.sets("orders");
        Ok((sets.len() == 1).then_some(sets))
    });
    assert_eq!(left.unwrap()[0]["BackupId"], attempts[1].place.name.set.to_string());
}

#[test]
fn an_adopted_set_is_kept_for_a_week_at_least() {
    let mut moved = MovedTime::started(START);
    moved.register_small("orders");
    moved.call("CreateBackup", &[("DBInstanceId", "orders")]).expect_success();
    moved.wait_for_jobs("orders", 1);
    let expiry = |moved: &MovedTime| {
        let catalog = moved.harness.catalog();
        let page = catalog::Page::new(1, 9).unwrap();
        let listed = moved.harness.block_on(catalog.list_sets(&catalog::BackupSetFilter::default(), page));
        listed.unwrap().rows[0].expires
    };
    assert_eq!(expiry(&moved), Some(at(START) + hours(7 * 24)));
    moved.harness.stop();
    // The catalog is lost, and a month later found to be.
    moved.go_to(at(START) + hours(30 * 24));
    let home = moved.harness.home.path().to_owned();
    for file in std::fs::read_dir(&home).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("catalog.sqlite")) {
            blobstore::durable::remove_file(&path).unwrap();
        }
    }
    let options = service::InitOptions { adopt: true, ..service::InitOptions::new(home) };
    let clock = std::sync::Arc::clone(&moved.clock) as std::sync::Arc<dyn service::Clock>;
    let report = moved.harness.block_on(service::init(options, |_| None, clock)).unwrap();
    assert_eq!(report.adopted_sets, Some(1));
    assert_eq!(expiry(&moved), Some(moved.now() + hours(7 * 24)));
}
