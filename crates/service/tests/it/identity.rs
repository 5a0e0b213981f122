//! Who may call: keys, signatures, clocks, nonces, roles, instances.

use catalog::Role;
use jiff::SignedDuration;
use service::HomeAccessKey;

use crate::client::{Client, fresh_nonce, now};
use crate::harness::Harness;

const ACTION: &str = "DescribeBackupTasks";
const QUERY: &[(&str, &str)] = &[("DBInstanceId", "orders")];

#[test]
fn a_wrong_secret_or_key_is_told_apart() {
    let harness = Harness::started();
    let wrong = |id: &str, secret: &str| {
        let key = HomeAccessKey { access_key_id: id.to_owned(), access_key_secret: secret.to_owned() };
        harness.client_of(&key)
    };
    let id = &harness.key.access_key_id;
    wrong("unknown", "x").call(ACTION, QUERY).expect_error(404, "InvalidAccessKeyId.NotFound");
    wrong(id, "x").call(ACTION, QUERY).expect_error(400, "SignatureDoesNotMatch");
    let reply = wrong(id, "x").call_v1(ACTION, QUERY);
    reply.expect_error(400, "SignatureDoesNotMatch");
    assert!(reply.json()["Message"].as_str().unwrap().contains("server string to sign is:POST&%2F&"));
    // A nonce of a call that was not signed rightly is not burnt.
    let nonce = fresh_nonce();
    let bad = wrong(id, "x");
    bad.send(&bad.sign(ACTION, QUERY, &[], &nonce, now())).expect_error(400, "SignatureDoesNotMatch");
    let good = harness.client();
    good.send(&good.sign(ACTION, QUERY, &[], &nonce, now()))
        .expect_error(404, "InvalidDBInstanceId.NotFound");
}

#[test]
fn a_disabled_key_is_refused() {
    let harness = Harness::started();
    let key = harness.add_key("second", Role::Reader, None);
    let client = harness.client_of(&key);
    client.call("DescribeRegions", &[]).expect_success();
    let catalog = harness.catalog();
    harness.block_on(async {
        let mut change = catalog.change(now()).await.unwrap();
        assert!(change.disable_access_key("second").await.unwrap());
        change.commit().await.unwrap();
    });
    testkit::process::wait_until("the key to be refused", std::time::Duration::from_secs(10), || {
        client.call("DescribeRegions", &[]).status == 400
    })
    .unwrap();
    client.call("DescribeRegions", &[]).expect_error(400, "InvalidAccessKeyId.Inactive");
}

#[test]
fn a_time_outside_of_the_window_is_refused() {
    let harness = Harness::started();
    let client = harness.client();
    for minutes in [-16, 16] {
        let at = now() + SignedDuration::from_mins(minutes);
        client
            .send(&client.sign(ACTION, QUERY, &[], &fresh_nonce(), at))
            .expect_error(400, "InvalidTimeStamp.Expired");
    }
    let at = now() - SignedDuration::from_mins(14);
    client.send(&client.sign("DescribeRegions", &[], &[], &fresh_nonce(), at)).expect_success();
}

#[test]
fn a_call_sent_again_is_refused_also_after_a_restart() {
    let mut harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    // The address changes with the restart, and the signature holds the host.
    let reading = client.sign("DescribeRegions", &[], &[], &fresh_nonce(), now());
    let changing = client.sign("CreateBackup", QUERY, &[], &fresh_nonce(), now());
    let refused = client.sign("CreateBackup", &[("DBInstanceId", "nobody")], &[], &fresh_nonce(), now());
    client.send(&reading).expect_success();
    client.send(&changing).expect_success();
    client.send(&refused).expect_error(404, "InvalidDBInstanceId.NotFound");
    for again in [&reading, &changing, &refused] {
        client.send(again).expect_error(400, "SignatureNonceUsed");
    }
    harness.stop();
    harness.start();
    let client = Client { address: harness.client().address, ..client };
    for again in [&reading, &changing, &refused] {
        client.send(again).expect_error(400, "SignatureNonceUsed");
    }
}

#[test]
fn roles_and_instances_are_enforced() {
    let harness = Harness::started();
    harness.register_small("orders");
    harness.register_small("stock");
    let reader = harness.client_of(&harness.add_key("reader", Role::Reader, None));
    let operator = harness.client_of(&harness.add_key("operator", Role::Operator, None));
    let limited = harness.client_of(&harness.add_key("limited", Role::Operator, Some(&["orders"])));

    reader.call(ACTION, QUERY).expect_success();
    for (action, query) in [
        ("CreateBackup", QUERY),
        ("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", "1")][..]),
        ("CancelBackupJob", &[("BackupJobId", "1")][..]),
        ("DeregisterDBInstance", QUERY),
    ] {
        let reply = reader.call(action, query);
        reply.expect_error(403, "Forbidden.RAM");
        let detail = &reply.json()["AccessDeniedDetail"];
        assert_eq!(detail["AuthAction"], format!("rds:{action}"));
    }
    operator.call("DeregisterDBInstance", QUERY).expect_error(403, "Forbidden.RAM");

    // A key for one instance sees that one alone.
    limited.call(ACTION, QUERY).expect_success();
    limited.call(ACTION, &[("DBInstanceId", "stock")]).expect_error(403, "Forbidden.RAM");
    limited.call("CreateBackup", &[("DBInstanceId", "stock")]).expect_error(403, "Forbidden.RAM");
    let listed = limited.call("DescribeDBInstances", &[]).expect_success();
    assert_eq!(listed["TotalRecordCount"], 1);
    assert_eq!(listed["Items"]["DBInstance"][0]["DBInstanceId"], "orders");
    let job = harness.create_backup("stock");
    harness.wait_finished("stock", &job);
    let asked = [("BackupJobId", job.as_str())];
    for action in ["CancelBackupJob", "DescribeBackupJobReport"] {
        limited.call(action, &asked).expect_error(404, "InvalidBackupJobId.NotFound");
    }
    let jobs = limited.call("DescribeBackupJobs", &[]).expect_success();
    assert_eq!(jobs["TotalRecordCount"], 0);
    let jobs = reader.call("DescribeBackupJobs", &[]).expect_success();
    assert_eq!(jobs["TotalRecordCount"], 1);
}
