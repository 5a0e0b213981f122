//! The operations, as clients use them one after the other.

use serde_json::{Value, json};

use crate::harness::Harness;

#[test]
fn a_backup_is_created_watched_listed_and_deleted() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    harness.script().hold("copying");
    let job = harness.create_backup("orders");
    let running = harness.wait_for_status("orders", &job, "Uploading", "Uploading");
    assert_eq!(
        running,
        json!({
            "BackupJobId": job, "BackupProgressStatus": "Uploading", "BackupStatus": "Uploading",
            "JobMode": "Manual", "Process": "10", "TaskAction": "TempBackupTask",
        })
    );
    // The list has it without asking for it; the filters combine.
    let listed = |query: &[(&str, &str)]| {
        let query = [&[("DBInstanceId", "orders")], query].concat();
        let answer = client.call("DescribeBackupTasks", &query).expect_success();
        answer["Items"]["BackupJob"].as_array().unwrap().len()
    };
    assert_eq!(listed(&[]), 1);
    assert_eq!(listed(&[("BackupJobStatus", "Progressing"), ("BackupMode", "Manual")]), 1);
    assert_eq!(listed(&[("BackupJobStatus", "1")]), 1);
    assert_eq!(listed(&[("BackupJobStatus", "NoStart")]), 0);
    assert_eq!(listed(&[("BackupMode", "Automated")]), 0);
    assert_eq!(listed(&[("BackupJobId", &job), ("BackupMode", "Automated")]), 0);
    client.call("CreateBackup", &[("DBInstanceId", "orders")]).expect_error(400, "BackupJobExists");
    client
        .call("DeregisterDBInstance", &[("DBInstanceId", "orders")])
        .expect_error(403, "OperationDenied.BackupJobRunning");
    harness.script().release("copying");

    let finished = harness.wait_finished("orders", &job);
    let set = finished["BackupId"].as_str().unwrap().to_owned();
    assert_eq!(finished["Process"], "100");
    assert_eq!(listed(&[]), 0, "a finished job is found by its id alone");
    // Asked for again it is answered from memory, and the filters hold there too.
    assert_eq!(harness.task("orders", &job), finished);
    assert_eq!(listed(&[("BackupJobId", &job), ("BackupJobStatus", "Progressing")]), 0);
    assert_eq!(listed(&[("BackupJobId", &job), ("BackupMode", "Automated")]), 0);
    harness.register_small("stock");
    let foreign = client.call("DescribeBackupTasks", &[("DBInstanceId", "stock"), ("BackupJobId", &job)]);
    assert_eq!(foreign.expect_success()["Items"]["BackupJob"], json!([]));

    let rows = harness.backups("orders");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    for (field, value) in [
        ("BackupId", json!(set)),
        ("BackupStatus", json!("Success")),
        // Two files of 10,000 and 300,000 bytes in an archive: their headers, what fills their last blocks, the end.
        ("BackupSize", json!(512 + 10_240 + 512 + 300_032 + 1024)),
        ("IsAvail", json!(1)),
        ("HostInstanceID", json!("1")),
        ("Engine", json!("PostgreSQL")),
        ("EngineVersion", json!("15.0")),
        ("StoreStatus", json!("Enabled")),
        ("BackupType", json!("FullBackup")),
    ] {
        assert_eq!(row[field], value, "{field} of {row}");
    }
    // Seconds, as a client parses them.
    assert_eq!(row["BackupStartTime"].as_str().unwrap().len(), "2019-02-13T12:20:37Z".len());

    // All or none.
    let both = format!("{set},99");
    client
        .call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", &both)])
        .expect_error(404, "InvalidBackupSetID.NotFound");
    assert_eq!(harness.backups("orders").len(), 1);
    client.call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", &set)]).expect_success();
    assert_eq!(harness.backups("orders"), Vec::<Value>::new());
    let attempts = harness.repository().attempts(&"orders".parse().unwrap()).unwrap();
    assert!(attempts.iter().all(|attempt| attempt.published && attempt.tombstone), "{attempts:?}");
    client.call("DeregisterDBInstance", &[("DBInstanceId", "orders")]).expect_success();
    client
        .call("DescribeBackupTasks", &[("DBInstanceId", "orders"), ("BackupJobId", &job)])
        .expect_error(404, "InvalidDBInstanceId.NotFound");
}

#[test]
fn a_job_reports_what_it_did() {
    let harness = Harness::started();
    harness.register_small("orders");
    let first = harness.create_backup("orders");
    harness.wait_finished("orders", &first);
    let report = harness.report(&first);
    assert_eq!(report["BackupStatus"], "Finished");
    assert_eq!(report["SourceBytes"], 310_000);
    assert_eq!(report["Files"], 2);
    assert_eq!(report["Attempt"], 1);
    assert_eq!(report["ContentCompared"], false);
    let stages: Vec<&str> = report["Stages"]["Stage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["BackupStatus"].as_str().unwrap())
        .collect();
    assert_eq!(stages, ["Checking", "Preparing", "Waiting", "Uploading", "Uploading"]);
    let warnings = report["Warnings"]["Warning"].to_string();
    assert!(warnings.contains("key export") && warnings.contains("no database"), "{warnings}");

    // The second refers to the first, unless it must not; once the key is exported nobody is warned.
    harness.home.mark_key_exported().unwrap();
    let second = harness.create_backup("orders");
    let set = harness.wait_finished("orders", &second);
    let report = harness.report(&second);
    assert_eq!(report["ReferencedBytes"], 310_000, "{report}");
    assert!(report["ParentBackupId"].is_string());
    assert!(!report["Warnings"].to_string().contains("key export"));
    let answer = harness
        .client()
        .call(
            "CreateBackup",
            &[("DBInstanceId", "orders"), ("BackupType", "FullBackup"), ("BackupRetentionPeriod", "-1")],
        )
        .expect_success();
    let third = answer["BackupJobId"].as_str().unwrap();
    harness.wait_finished("orders", third);
    assert_eq!(harness.report(third)["ReferencedBytes"], 0);
    let rows = harness.backups("orders");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["ExpectExpireTime"], Value::Null, "kept for ever");
    assert_eq!(rows[1]["BackupId"], set["BackupId"], "newest first");
    assert!(rows[1]["ExpectExpireTime"].is_string());
}

#[test]
fn jobs_and_sets_are_paged_and_filtered() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let job = harness.create_backup("orders");
        harness.wait_finished("orders", &job);
        jobs.push(job);
    }
    harness.script().failures_left.store(3, std::sync::atomic::Ordering::SeqCst);
    let failed = harness.create_backup("orders");
    harness.wait_failed("orders", &failed);
    jobs.push(failed.clone());
    jobs.reverse();

    let page = client.call("DescribeBackupJobs", &[("PageSize", "3"), ("PageNumber", "2")]).expect_success();
    assert_eq!((page["PageRecordCount"].as_u64(), page["TotalRecordCount"].as_u64()), (Some(1), Some(4)));
    let ids = |answer: &Value| -> Vec<String> {
        let rows = answer["Items"]["BackupJob"].as_array().unwrap();
        rows.iter().map(|row| row["BackupJobId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&client.call("DescribeBackupJobs", &[]).expect_success()), jobs);
    let of_status =
        |status| ids(&client.call("DescribeBackupJobs", &[("BackupStatus", status)]).expect_success());
    assert_eq!(of_status("Failed"), [failed]);
    assert_eq!(of_status("Finished").len(), 3);
    assert_eq!(of_status("Uploading"), Vec::<String>::new());
    let ranges = [(("StartTime", "2020-01-01T00:00Z"), 4), (("EndTime", "2020-01-01T00:00Z"), 0)];
    for (range, count) in ranges {
        assert_eq!(ids(&client.call("DescribeBackupJobs", &[range]).expect_success()).len(), count);
        let answer = client.call("DescribeBackups", &[("DBInstanceId", "orders"), range]).expect_success();
        assert_eq!(answer["TotalRecordCount"], count);
    }

    // The failed job is a row among the sets, first because it is the newest.
    let rows = harness.backups("orders");
    assert_eq!(rows.len(), 4);
    let row = &rows[0];
    assert_eq!(
        (&row["BackupStatus"], &row["IsAvail"], &row["MetaStatus"]),
        (&json!("Failed"), &json!(0), &json!("EMPTY"))
    );
    let count = |filter| {
        let answer = client.call("DescribeBackups", &[("DBInstanceId", "orders"), filter]).expect_success();
        answer["TotalRecordCount"].as_u64().unwrap()
    };
    assert_eq!(count(("BackupStatus", "Success")), 3);
    assert_eq!(count(("BackupStatus", "Failed")), 1);
    assert_eq!(count(("BackupMode", "Automated")), 0);
    assert_eq!(count(("BackupType", "IncrementalBackup")), 0);
    assert_eq!(count(("BackupId", rows[2]["BackupId"].as_str().unwrap())), 1);
    let last = client
        .call("DescribeBackups", &[("DBInstanceId", "orders"), ("PageSize", "3"), ("PageNumber", "2")])
        .expect_success();
    assert_eq!((&last["PageRecordCount"], &last["TotalRecordCount"]), (&json!(1), &json!(4)));
    assert_eq!(last["Items"]["Backup"][0]["BackupId"], rows[3]["BackupId"]);
}

#[test]
fn instances_are_registered_described_and_listed() {
    let harness = Harness::started();
    let client = harness.client();
    harness.register_small("orders");
    harness.register_small("stock");
    // Again with the same settings is fine; with others it is not.
    harness.register_small("orders");
    let other = [
        ("DBInstanceId", "orders"),
        ("Engine", "PostgreSQL"),
        ("Host", "elsewhere"),
        ("Port", "5432"),
        ("User", "backstop"),
    ];
    client.call_form("RegisterDBInstance", &other).expect_error(400, "InvalidDBInstanceId.Duplicate");
    let maria = [&other[2..], &[("DBInstanceId", "maria"), ("Engine", "mariadb")]].concat();
    client.call_form("RegisterDBInstance", &maria).expect_error(403, "IncorrectDBInstanceEngine");
    let relative = [&other[1..], &[("DBInstanceId", "third"), ("DataDirectory", "data")]].concat();
    client.call_form("RegisterDBInstance", &relative).expect_error(400, "InvalidDataDirectory.Malformed");
    // A server that cannot be used yet is registered all the same.
    let missing = [&other[1..], &[("DBInstanceId", "third"), ("DataDirectory", "/does/not/exist")]].concat();
    client.call_form("RegisterDBInstance", &missing).expect_success();
    let findings = harness.block_on(harness.catalog().setting("instance_findings.third")).unwrap();
    assert_eq!(findings.as_deref(), Some(r#"["/does/not/exist is no folder (make it)"]"#));

    let answer = client.call("DescribeDBInstanceAttribute", &[("DBInstanceId", "orders")]).expect_success();
    let attribute = &answer["Items"]["DBInstanceAttribute"][0];
    assert_eq!(attribute["EngineVersion"], "15.0");
    assert_eq!(attribute["DBInstanceStatus"], "Running");
    assert!(!answer.to_string().contains("swordfish"), "no password is ever answered");
    let ids = |query: &[(&str, &str)]| -> Vec<String> {
        let query = [&[("RegionId", "cn-hangzhou")], query].concat();
        let answer = client.call("DescribeDBInstances", &query).expect_success();
        let rows = answer["Items"]["DBInstance"].as_array().unwrap().clone();
        rows.iter().map(|row| row["DBInstanceId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&[]), ["orders", "stock", "third"]);
    assert_eq!(ids(&[("SearchKey", "TOC")]), ["stock"]);
    assert_eq!(ids(&[("Engine", "SQLServer")]), Vec::<String>::new());
    assert_eq!(ids(&[("EngineVersion", "15.0"), ("PageSize", "2"), ("PageNumber", "2")]), ["third"]);
    assert_eq!(ids(&[("DBInstanceStatus", "Creating")]), Vec::<String>::new());
    let page = client.call("DescribeDBInstances", &[("MaxResults", "2")]).expect_success();
    assert_eq!(ids(&[("MaxResults", "2"), ("NextToken", page["NextToken"].as_str().unwrap())]), ["third"]);
    client
        .call("DescribeDBInstances", &[("DBInstanceId", "nobody")])
        .expect_error(404, "InvalidDBInstanceId.NotFound");
    let regions = client.call("DescribeRegions", &[]).expect_success();
    assert_eq!(regions["Regions"]["RDSRegion"][0]["RegionId"], "cn-hangzhou");
}

#[test]
fn the_catalog_holds_no_secret_in_clear() {
    let mut harness = Harness::started();
    harness.register_small("orders");
    harness.stop();
    let secret = harness.key.access_key_secret.clone();
    for entry in std::fs::read_dir(harness.home.path()).unwrap() {
        let path = entry.unwrap().path();
        let catalog =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("catalog.sqlite"));
        if catalog {
            let bytes = std::fs::read(&path).unwrap();
            for needle in ["swordfish", &secret] {
                let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
                assert!(!found, "{needle} is in {}", path.display());
            }
        }
    }
}
