//! The whole way with a real PostgreSQL server.

use std::sync::Arc;

use service::{BuiltInEngines, ServeOptions};
use testkit::postgres::{Cluster, Installation};

use crate::harness::Harness;

#[test]
fn a_postgresql_server_is_registered_and_backed_up() {
    let cluster = Cluster::builder(&Installation::debian15().unwrap()).start().unwrap();
    cluster.psql("CREATE TABLE t AS SELECT generate_series(1, 10000) AS n").unwrap();
    let mut harness = Harness::stopped();
    let options = harness.options();
    harness.start_with(ServeOptions { engines: Arc::new(BuiltInEngines), ..options });
    let (port, host) = (cluster.port().to_string(), cluster.socket_dir().display().to_string());
    let form = [
        ("DBInstanceId", "orders"),
        ("Engine", "postgresql"),
        ("Host", &host),
        ("Port", &port),
        ("User", "postgres"),
    ];
    let answer = harness.client().call_form("RegisterDBInstance", &form).expect_success();
    assert_eq!(answer["Warnings"]["Warning"], serde_json::json!([]), "{answer}");
    let findings = harness.block_on(harness.catalog().setting("instance_findings.orders")).unwrap();
    assert_eq!(findings.as_deref(), Some("[]"));
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
    let report = harness.report(&job);
    assert!(report["StartPosition"].as_str().unwrap().contains('/'), "{report}");
    assert!(report["LogBytes"].as_u64().unwrap() > 0, "{report}");
    assert!(report["SourceBytes"].as_u64().unwrap() > 10_000_000, "{report}");
    let rows = harness.backups("orders");
    assert_eq!(rows[0]["EngineVersion"], "15.0");
    let answer =
        harness.client().call("DescribeDBInstanceAttribute", &[("DBInstanceId", "orders")]).expect_success();
    let attribute = &answer["Items"]["DBInstanceAttribute"][0];
    assert!(attribute["SystemIdentifier"].as_str().is_some_and(|id| id.len() > 10), "{attribute}");
}

#[test]
fn a_server_that_is_down_fails_the_job_with_the_reason() {
    let mut harness = Harness::stopped();
    let options = harness.options();
    harness.start_with(ServeOptions { engines: Arc::new(BuiltInEngines), ..options });
    let form = [
        ("DBInstanceId", "orders"),
        ("Engine", "postgresql"),
        ("Host", "/does/not/exist"),
        ("Port", "5432"),
        ("User", "postgres"),
    ];
    for again in [false, true] {
        let answer = harness.client().call_form("RegisterDBInstance", &form).expect_success();
        let warnings = answer["Warnings"]["Warning"].as_array().unwrap();
        let told = warnings.iter().any(|warning| warning.as_str().unwrap().contains("/does/not/exist"));
        assert!(told, "registered, with a warning; again: {again}: {answer}");
    }
    let job = harness.create_backup("orders");
    let report = harness.wait_failed("orders", &job);
    let message = report["FailureMessage"].as_str().unwrap();
    assert!(message.contains("/does/not/exist"), "{message}");
    assert_eq!(report["FailureCode"], "OperationDenied.DBInstanceUnreachable");
}
