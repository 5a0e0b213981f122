//! What arrives at the port and is no proper request.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use service::ServerLimits;

use crate::client::{bytes_of, connect, exchange, exchange_and_end, fresh_nonce, now, read_reply};
use crate::harness::Harness;

/// A service that is out of patience soon.
fn hasty() -> Harness {
    let mut harness = Harness::stopped();
    harness.limits = ServerLimits {
        head_timeout: Duration::from_millis(400),
        body_timeout: Duration::from_millis(400),
        ..ServerLimits::default()
    };
    harness.start();
    harness
}

#[test]
fn what_is_not_http_gets_an_error_body() {
    let harness = Harness::started();
    let address = harness.client().address;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS hello \r\n\r\n"[..],
        b"hello\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        exchange(address, bytes).expect_error(400, "InvalidRequest.Malformed");
    }
    // The service goes on as if nothing had been.
    harness.client().call("DescribeRegions", &[]).expect_success();
}

#[test]
fn a_request_that_ends_in_the_middle_is_told_so() {
    let harness = Harness::started();
    let address = harness.client().address;
    exchange_and_end(address, b"POST /?Action=x HT").expect_error(400, "InvalidRequest.Malformed");
    let half = b"POST /?Action=x HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\naccept: application/json\r\nauthorization: ACS3-\r\n\r\nabc";
    exchange_and_end(address, half).expect_error(400, "InvalidRequest.Malformed");
}

#[test]
fn what_is_too_large_is_refused_with_the_limit() {
    let harness = Harness::started();
    let address = harness.client().address;
    let long_target = format!("POST /?a={} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(66_000));
    exchange(address, long_target.as_bytes()).expect_error(413, "RequestTooLarge");
    let many = (0..150).map(|number| format!("x-{number}: y\r\n")).collect::<Vec<_>>().concat();
    exchange(address, format!("POST / HTTP/1.1\r\nhost: a\r\n{many}\r\n").as_bytes())
        .expect_error(413, "RequestTooLarge");
    let long_header = format!("POST / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    exchange(address, long_header.as_bytes()).expect_error(413, "RequestTooLarge");

    let json = "authorization: ACS3-HMAC-SHA256 x";
    let announced = format!("POST / HTTP/1.1\r\nhost: a\r\n{json}\r\ncontent-length: 99999999\r\n\r\n");
    exchange(address, announced.as_bytes()).expect_error(413, "RequestTooLarge");
    // Sent whole, and answered all the same.
    let mut body =
        format!("POST / HTTP/1.1\r\nhost: a\r\n{json}\r\ncontent-length: 3000000\r\n\r\n").into_bytes();
    body.resize(body.len() + 3_000_000, b'x');
    exchange(address, &body).expect_error(413, "RequestTooLarge");
    let mut chunked =
        format!("POST / HTTP/1.1\r\nhost: a\r\n{json}\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..200 {
        chunked.extend_from_slice(b"4000\r\n");
        chunked.resize(chunked.len() + 0x4000, b'x');
        chunked.extend_from_slice(b"\r\n");
    }
    exchange(address, &chunked).expect_error(413, "RequestTooLarge");
    harness.client().call("DescribeRegions", &[]).expect_success();
}

#[test]
fn what_comes_too_slowly_is_cut_off_with_an_answer() {
    let harness = hasty();
    let address = harness.client().address;
    let begun = Instant::now();
    exchange(address, b"POST / HTTP/1.1\r\nhost: a\r\n").expect_error(408, "RequestTimeout");
    let slow = b"POST / HTTP/1.1\r\nhost: a\r\nauthorization: ACS3-x\r\ncontent-length: 10\r\n\r\nabc";
    exchange(address, slow).expect_error(408, "RequestTimeout");
    assert!(begun.elapsed() < Duration::from_secs(10));
    // A connection on which nothing was asked is closed without a word.
    let mut idle = connect(address);
    let mut said = Vec::new();
    idle.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"");
}

#[test]
fn a_connection_serves_many_calls_and_pipelined_ones() {
    let harness = Harness::started();
    let client = harness.client();
    let mut stream = connect(client.address);
    for _ in 0..3 {
        let signed = client.sign("DescribeRegions", &[], &[], &fresh_nonce(), now());
        stream.write_all(&bytes_of(&signed)).unwrap();
        read_reply(&mut stream).expect_success();
    }
    let first = client.sign("DescribeRegions", &[], &[], &fresh_nonce(), now());
    let both = [bytes_of(&first), b"garbage\r\n\r\n".to_vec()].concat();
    stream.write_all(&both).unwrap();
    let mut all = String::new();
    let _ = stream.read_to_string(&mut all);
    assert!(all.contains("RDSRegion") && all.contains("InvalidRequest.Malformed"), "{all}");
}

#[test]
fn absolute_targets_and_chunked_forms_are_understood() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    let signed =
        client.sign("DescribeBackupTasks", &[("DBInstanceId", "orders")], &[], &fresh_nonce(), now());
    let text = String::from_utf8(bytes_of(&signed)).unwrap();
    let absolute = text.replacen("POST /", &format!("POST http://{}/", client.address), 1);
    exchange(client.address, absolute.as_bytes()).expect_success();

    let signed =
        client.sign("DescribeBackupTasks", &[], &[("DBInstanceId", "orders")], &fresh_nonce(), now());
    let text = String::from_utf8(bytes_of(&signed)).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head = head.replace(&format!("content-length: {}", body.len()), "transfer-encoding: chunked");
    let (a, b) = body.split_at(5);
    let chunked = format!("{head}\r\n\r\n{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n", a.len(), b.len());
    exchange(client.address, chunked.as_bytes()).expect_success();
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let mut harness = Harness::stopped();
    harness.limits = ServerLimits { connections_max: 2, ..ServerLimits::default() };
    harness.start();
    let client = harness.client();
    let mut held: Vec<_> = (0..2).map(|_| connect(client.address)).collect();
    for stream in &mut held {
        let signed = client.sign("DescribeRegions", &[], &[], &fresh_nonce(), now());
        stream.write_all(&bytes_of(&signed)).unwrap();
        read_reply(stream).expect_success();
    }
    let mut third = connect(client.address);
    read_reply(&mut third).expect_error(503, "ServiceUnavailable");
    drop(held);
    testkit::process::wait_until("room for another", Duration::from_secs(10), || {
        client.get("/healthz").status == 200
    })
    .unwrap();
}

#[test]
fn health_readiness_and_figures_are_served() {
    let harness = Harness::started();
    harness.register_small("orders");
    let client = harness.client();
    assert_eq!((client.get("/healthz").status, client.get("/healthz").body.as_str()), (200, "ok\n"));
    assert_eq!(client.get("/readyz").status, 200);
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
    client.call("DescribeBackupTasks", &[]).expect_error(400, "MissingDBInstanceId");
    let figures = client.get("/metrics").body;
    for line in [
        "backstop_requests_total{action=\"CreateBackup\",code=\"OK\"} 1",
        "backstop_requests_total{action=\"DescribeBackupTasks\",code=\"Missing{Param}\"} 1",
        "backstop_jobs_ended_total{outcome=\"finished\"} 1",
        "backstop_jobs{state=\"running\"} 0",
        "backstop_source_bytes_total 310000",
    ] {
        assert!(figures.lines().any(|candidate| candidate == line), "{line} is not in\n{figures}");
    }
    assert!(figures.contains("\nprocess_resident_memory_bytes "));
}
