//! Calls that wait for a job to move on.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::process::wait_for;

use crate::client::{Client, bytes_of, connect, fresh_nonce, now, read_reply};
use crate::harness::{Harness, PATIENCE};

/// Far below the wait that is asked for: who is answered within it did not sit it out.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A service with a job that is held while it is checked.
fn held() -> (Harness, String) {
    let harness = Harness::started();
    harness.register_small("orders");
    harness.script().hold("checking");
    harness.script().hold("copying");
    let job = harness.create_backup("orders");
    harness.wait_for_status("orders", &job, "Checking", "NoStart");
    (harness, job)
}

fn jobs(client: &Client, query: &[(&str, &str)]) -> Value {
    client.call("DescribeBackupJobs", query).expect_success()["Items"]["BackupJob"].clone()
}

fn token(client: &Client, job: &str) -> String {
    jobs(client, &[("BackupJobId", job)])[0]["StateToken"].as_str().unwrap().to_owned()
}

/// Sends a call that waits for half a minute, and does not read its answer.
fn wait_over(client: &Client, job: &str) -> TcpStream {
    let query = [("BackupJobId", job), ("WaitSeconds", "30")];
    let signed = client.sign("DescribeBackupJobs", &query, &[], &fresh_nonce(), now());
    let mut stream = connect(client.address);
    stream.write_all(&bytes_of(&signed)).unwrap();
    stream
}

fn open_connections(client: &Client) -> u32 {
    let figures = client.get("/metrics").body;
    let line = figures.lines().find(|line| line.starts_with("backstop_connections ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// All calls but the one that asks have ended.
fn wait_until_alone(client: &Client) {
    wait_for("the end of the waiting calls", AT_ONCE, || Ok((open_connections(client) <= 1).then_some(())))
        .unwrap();
}

#[test]
fn a_call_is_answered_when_its_job_moves_on() {
    let (harness, job) = held();
    let client = harness.client();
    let (mut seen, begun) = (token(&client, &job), Instant::now());
    harness.script().release("checking");
    let mut tokens = vec![seen.clone()];
    while !seen.starts_with("Uploading.") {
        let query = [("BackupJobId", job.as_str()), ("WaitSeconds", "30"), ("StateToken", &seen)];
        seen = jobs(&client, &query)[0]["StateToken"].as_str().unwrap().to_owned();
        assert_ne!(tokens.last(), Some(&seen), "an answer before the job moved on");
        tokens.push(seen.clone());
    }
    harness.script().release("copying");
    while !seen.starts_with("Finished.") {
        let query = [("BackupJobId", job.as_str()), ("WaitSeconds", "30"), ("StateToken", &seen)];
        seen = jobs(&client, &query)[0]["StateToken"].as_str().unwrap().to_owned();
    }
    assert!(begun.elapsed() < AT_ONCE, "{tokens:?}");
    let query = [("BackupJobId", job.as_str()), ("WaitSeconds", "30")];
    assert_eq!(jobs(&client, &query)[0]["BackupStatus"], "Finished", "one that is over is not waited for");
    assert!(begun.elapsed() < AT_ONCE);
}

#[test]
fn a_call_is_answered_after_the_time_that_it_gave() {
    let (harness, job) = held();
    let client = harness.client();
    let seen = token(&client, &job);
    for query in [&[][..], &[("StateToken", seen.as_str())]] {
        let begun = Instant::now();
        let query = [&[("BackupJobId", job.as_str()), ("WaitSeconds", "1")], query].concat();
        assert_eq!(jobs(&client, &query)[0]["StateToken"], seen.as_str());
        assert!((Duration::from_secs(1)..AT_ONCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    }
    let begun = Instant::now();
    for query in [
        [("BackupJobId", job.as_str()), ("WaitSeconds", "30"), ("StateToken", "NoStart.NoStart.0")],
        [("BackupJobId", "4711"), ("WaitSeconds", "30"), ("StateToken", &seen)],
        [("BackupJobId", &job), ("WaitSeconds", "0"), ("StateToken", &seen)],
    ] {
        jobs(&client, &query);
    }
    assert!(begun.elapsed() < AT_ONCE, "nothing to wait for");
    let refused = client.call("DescribeBackupJobs", &[("WaitSeconds", "1")]);
    refused.expect_error(400, "InvalidParameterCombination");
}

#[test]
fn a_client_that_leaves_ends_its_wait() {
    let (harness, job) = held();
    let client = harness.client();
    let (gone, mut half) = (wait_over(&client, &job), wait_over(&client, &job));
    wait_for("both calls", AT_ONCE, || Ok((open_connections(&client) == 3).then_some(()))).unwrap();
    drop(gone);
    half.shutdown(Shutdown::Write).unwrap();
    let begun = Instant::now();
    read_reply(&mut half).expect_success();
    assert!(begun.elapsed() < AT_ONCE, "who will send no more is answered");
    drop(half);
    wait_until_alone(&client);
}

#[test]
fn a_service_that_stops_answers_who_waits() {
    let (mut harness, job) = held();
    let client = harness.client();
    let mut stream = wait_over(&client, &job);
    wait_for("the call", AT_ONCE, || Ok((open_connections(&client) == 2).then_some(()))).unwrap();
    for point in ["checking", "copying"] {
        harness.script().release(point);
    }
    let begun = Instant::now();
    harness.stop();
    read_reply(&mut stream).expect_success();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[test]
fn so_many_calls_wait_and_no_more() {
    let (harness, job) = held();
    let client = harness.client();
    // More than may wait; a late report of the job ends the wait of those before it, so they come again.
    let mut waiting = Vec::new();
    let query = [("BackupJobId", job.as_str()), ("WaitSeconds", "1")];
    let refused = wait_for("a refusal", PATIENCE, || {
        waiting.clear();
        wait_until_alone(&client);
        waiting.extend((0..300).map(|_| wait_over(&client, &job)));
        let reply = client.call("DescribeBackupJobs", &query);
        Ok((reply.status != 200).then_some(reply))
    });
    refused.unwrap().expect_error(400, "Throttling.Api");
    assert_eq!(harness.task("orders", &job)["BackupStatus"], "Checking", "other calls are answered");
    drop(waiting);
    wait_until_alone(&client);
    assert_eq!(jobs(&client, &query)[0]["BackupStatus"], "Checking", "there is room again");
}
