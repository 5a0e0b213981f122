//! Whatever bytes arrive: a proper error where HTTP allows an answer, no harm, and the service goes on.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::{AccessKey, Backstop, Response, Signing, exchange, signed};

/// A service that holds nothing but one request at a time stays far below this, whatever is sent.
const MEMORY_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Headers and bodies that do not arrive are given up within this.
const SLOW_REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// Checks that a response is a proper error with this status and code: in JSON, or in XML where the request did not say
/// which, as the API has it.
fn check_error(what: &str, response: &Response, status: u16, code: &str) -> Result<()> {
    ensure!(response.status == status, "{what}: status {status} was expected: {response}");
    let field =
        |name: &str| error_field(response, name).with_context(|| format!("{what}: no {name}: {response}"));
    for name in ["RequestId", "HostId", "Code", "Message", "Recommend"] {
        ensure!(!field(name)?.is_empty(), "{what}: no {name}: {response}");
    }
    ensure!(field("Code")? == code, "{what}: code {code} was expected: {response}");
    let id = field("RequestId")?;
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let is_upper = id.chars().all(|c| c == '-' || c.is_ascii_digit() || ('A'..='F').contains(&c));
    ensure!(groups == [8, 4, 4, 4, 12] && is_upper, "{what}: RequestId is no upper-case UUID: {response}");
    ensure!(
        response.header("x-acs-request-id") == Some(&id),
        "{what}: x-acs-request-id is another one: {response}"
    );
    let length = response.header("content-length").and_then(|length| length.parse().ok());
    ensure!(length == Some(response.body.len()), "{what}: the length is wrong: {response}");
    Ok(())
}

/// A field of an error body.
fn error_field(response: &Response, name: &str) -> Option<String> {
    match response.header("content-type")? {
        "application/json;charset=utf-8" => response.json().ok()?[name].as_str().map(str::to_owned),
        "text/xml;charset=utf-8" => {
            let inner = response.body.split_once("<Error>")?.1.strip_suffix("</Error>")?;
            let text = inner.split_once(&format!("<{name}>"))?.1.split_once(&format!("</{name}>"))?.0;
            Some(text.to_owned())
        }
        _ => None,
    }
}

/// A service without any instance, whose process is looked at afterwards.
fn with_service(name: &str, test: impl FnOnce(&Backstop) -> Result<()>) -> Result<()> {
    let mut backstop = Backstop::init(name)?;
    backstop.serve()?;
    test(&backstop).with_context(|| backstop.log_tail())?;
    ensure!(backstop.is_running()?, "the service ended\n{}", backstop.log_tail());
    check_healthy(&backstop)?;
    let peak = peak_memory_bytes(backstop.process_id()?)?;
    ensure!(peak < MEMORY_BYTES_MAX, "the service took {peak} bytes of memory");
    let log = backstop.log();
    ensure!(!log.contains("panicked"), "something panicked\n{}", backstop.log_tail());
    ensure!(!log.contains(" ERROR "), "bad input is no error of the service\n{}", backstop.log_tail());
    backstop.stop()
}

fn check_healthy(backstop: &Backstop) -> Result<()> {
    let health =
        exchange(backstop.address()?, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    ensure!(health.status == 200, "{health}");
    let answer = backstop.call("DescribeDBInstances", &[("RegionId", "cn-hangzhou")])?;
    ensure!(answer["TotalRecordCount"] == 0, "{answer}");
    Ok(())
}

fn peak_memory_bytes(process_id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process_id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// Operation, query (already percent-encoded), status and code.
const WRONG_PARAMETERS: [(&str, &str, u16, &str); 27] = [
    ("DescribeBackupTasks", "", 400, "MissingDBInstanceId"),
    ("DescribeBackupTasks", "DBInstanceId=", 400, "MissingDBInstanceId"),
    ("DescribeBackupTasks", "dbinstanceid=a", 400, "MissingDBInstanceId"),
    ("DescribeBackupTasks", "DBInstanceId=absent", 404, "InvalidDBInstanceId.NotFound"),
    ("DescribeBackupTasks", "DBInstanceId=a&DBInstanceId=a", 400, "InvalidParameter"),
    ("DescribeBackupTasks", "DBInstanceId=%FF%FE", 400, "InvalidParameter"),
    ("DescribeBackupTasks", "DBInstanceId=a&%C3%28=x", 400, "InvalidParameter"),
    ("DescribeBackupTasks", "DBInstanceId=a&BackupJobId=first", 400, "InvalidBackupJobId.Malformed"),
    ("DescribeBackupTasks", "DBInstanceId=a&BackupJobId=1.5", 400, "InvalidBackupJobId.Malformed"),
    ("DescribeBackupTasks", "DBInstanceId=a&BackupJobId=-1", 400, "InvalidBackupJobId.Malformed"),
    ("DescribeBackupTasks", "DBInstanceId=a&BackupJobId=0x10", 400, "InvalidBackupJobId.Malformed"),
    (
        "DescribeBackupTasks",
        "DBInstanceId=a&BackupJobId=99999999999999999999",
        400,
        "InvalidBackupJobId.Malformed",
    ),
    (
        "DescribeBackupTasks",
        "DBInstanceId=a&BackupJobStatus=Done",
        400,
        "InvalidBackupJobStatus.ValueNotSupport",
    ),
    ("DescribeBackupTasks", "DBInstanceId=a&BackupMode=automated", 400, "InvalidBackupMode.ValueNotSupport"),
    ("DescribeBackupTasks", "DBInstanceId=a&ClientToken=LONG", 400, "InvalidClientToken.Malformed"),
    ("DescribeBackupTasks", "DBInstanceId=a&ClientToken=%C3%A9", 400, "InvalidClientToken.Malformed"),
    ("CreateBackup", "DBInstanceId=a&BackupType=Some", 400, "BackupType.NotSupport"),
    ("CreateBackup", "DBInstanceId=a&BackupMethod=Magic", 400, "InvalidBackupMethod.ValueNotSupport"),
    ("CreateBackup", "DBInstanceId=a&BackupRetentionPeriod=6", 400, "InvalidBackupRetentionPeriod.Malformed"),
    ("CreateBackup", "DBInstanceId=absent", 404, "InvalidDBInstanceId.NotFound"),
    ("DescribeBackups", "DBInstanceId=a&PageNumber=0", 400, "InvalidPageNumbers.Malformed"),
    ("DescribeBackups", "DBInstanceId=a&PageSize=101", 403, "InvalidMaxRecordsPerPage.Malformed"),
    ("DescribeBackups", "DBInstanceId=a&StartTime=yesterday", 400, "InvalidStartTime.Format"),
    ("DeleteBackup", "DBInstanceId=a", 400, "MissingBackupId"),
    ("DeleteBackup", "DBInstanceId=a&BackupId=1,,2", 400, "InvalidBackupId.Malformed"),
    ("NoSuchAction", "", 404, "InvalidAction.NotFound"),
    ("describebackuptasks", "DBInstanceId=a", 404, "InvalidAction.NotFound"),
];

#[test]
fn a_wrong_parameter_is_refused_by_name() -> Result<()> {
    with_service("bad-parameters", |backstop| {
        let address = backstop.address()?;
        for (action, query, status, code) in WRONG_PARAMETERS {
            let mut call = Signing::new(address, action, backstop.key());
            // One character more than the longest.
            let query = query.replace("LONG", &"x".repeat(65)).replace(',', "%2C");
            for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                call = call.raw(name, value);
            }
            let response = exchange(address, &signed(&call))?;
            check_error(&format!("{action} {query}"), &response, status, code)?;
        }
        Ok(())
    })
}

#[test]
fn a_wrong_identity_is_refused_and_nothing_else_is_told() -> Result<()> {
    with_service("bad-identity", |backstop| {
        let address = backstop.address()?;
        let refused = |what: &str, request: &[u8], status: u16, code: &str| {
            check_error(what, &exchange(address, request)?, status, code)
        };
        let absent = AccessKey { id: "absent".to_owned(), secret: "x".to_owned() };
        let call = signed(&Signing::new(address, "DescribeRegions", &absent));
        refused("an unknown key", &call, 404, "InvalidAccessKeyId.NotFound")?;
        let wrong = AccessKey { secret: "wrong".to_owned(), ..backstop.key().clone() };
        let call = signed(&Signing::new(address, "NoSuchAction", &wrong));
        refused("a wrong secret and a wrong action", &call, 400, "SignatureDoesNotMatch")?;

        let call = signed(&Signing::new(address, "DescribeRegions", backstop.key()));
        let first = exchange(address, &call)?;
        ensure!(first.status == 200, "{first}");
        refused("a request sent twice", &call, 400, "SignatureNonceUsed")?;

        let text = String::from_utf8(signed(&Signing::new(address, "DescribeRegions", backstop.key())))?;
        let changed = text.replacen("DescribeRegions", "DescribeDBInstances", 1);
        refused("a changed action", changed.as_bytes(), 400, "SignatureDoesNotMatch")?;
        let old = text.replace(&text[text.find("x-acs-date: ").context("date")? + 12..][..4], "2019");
        refused("an old date", old.as_bytes(), 400, "InvalidTimeStamp.Expired")?;
        for (authorization, code) in [
            ("ACS3-HMAC-SHA256", "IncompleteSignature"),
            ("ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", "MissingAccessKeyId"),
            ("ACS3-HMAC-MD5 Credential=a,SignedHeaders=host,Signature=00", "InvalidSignatureMethod"),
        ] {
            let request = format!(
                "POST / HTTP/1.1\r\nHost: {address}\r\nx-acs-action: DescribeRegions\r\nx-acs-version: 2014-08-15\r\n\
                 x-acs-date: 2026-01-01T00:00:00Z\r\nx-acs-signature-nonce: 1\r\nx-acs-content-sha256: x\r\n\
                 Authorization: {authorization}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            refused(authorization, request.as_bytes(), 400, code)?;
        }
        Ok(())
    })
}

/// The code of an error body, whichever it is, after checking that the body is one.
fn any_error(what: &str, response: &Response) -> Result<String> {
    ensure!((400..500).contains(&response.status), "{what} was answered with {response}");
    let code = error_field(response, "Code").with_context(|| format!("{what}: no code: {response}"))?;
    check_error(what, response, response.status, &code)?;
    Ok(code)
}

#[test]
fn an_odd_request_gets_a_proper_error() -> Result<()> {
    with_service("bad-requests", |backstop| {
        let address = backstop.address()?;
        let end = format!("Host: {address}\r\nConnection: close\r\n\r\n");
        let requests = [
            ("no action", format!("GET / HTTP/1.1\r\n{end}")),
            ("another method", format!("DELETE / HTTP/1.1\r\n{end}")),
            ("an invented method", format!("BREW / HTTP/1.1\r\n{end}")),
            ("another path", format!("GET /nothing/here?Action=DescribeRegions HTTP/1.1\r\n{end}")),
            ("broken encoding", format!("GET /?Action=%zz&%=%1 HTTP/1.1\r\n{end}")),
            ("zero bytes", format!("GET /?Action=%00%00 HTTP/1.1\r\n{end}")),
            ("no names", format!("GET /?=&=&&=x HTTP/1.1\r\n{end}")),
            ("an unknown format", format!("GET /?Action=DescribeRegions&Format=YAML HTTP/1.1\r\n{end}")),
            ("many parameters", format!("GET /?{} HTTP/1.1\r\n{end}", "a=1&".repeat(5000))),
            ("a long value", format!("GET /?Action={} HTTP/1.1\r\n{end}", "x".repeat(30_000))),
            (
                "markup as host",
                format!("GET / HTTP/1.1\r\nHost: <script>\r\n{}", end.replace("Host", "X-Host")),
            ),
            (
                "a body that is no form",
                format!(
                    "POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n{end}{{}}"
                ),
            ),
            (
                "a form of another encoding",
                format!(
                    "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4\r\n{end}a=%E"
                ),
            ),
        ];
        for (what, request) in &requests {
            any_error(what, &exchange(address, request.as_bytes())?)?;
        }
        let xml = format!("GET /?Action=DescribeRegions&Format=XML HTTP/1.1\r\n{end}");
        let response = exchange(address, xml.as_bytes())?;
        ensure!(response.body.contains("<Error>") && response.body.contains("<Code>"), "{response}");
        ensure!(response.header("content-type") == Some("text/xml;charset=utf-8"), "{response}");
        Ok(())
    })
}

#[test]
fn too_much_is_refused_before_it_is_held() -> Result<()> {
    with_service("bad-sizes", |backstop| {
        let address = backstop.address()?;
        let head = format!("POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let announced = format!("{head}{form}Content-Length: 1099511627776\r\n\r\na=");
        check_error("a body of 1 TiB", &exchange(address, announced.as_bytes())?, 413, "RequestTooLarge")?;

        let value = format!("Action={}", "x".repeat(300 * 1024));
        let request = format!("{head}{form}Content-Length: {}\r\n\r\n{value}", value.len());
        any_error("a value of 300 KiB", &exchange(address, request.as_bytes())?)?;

        let response = pour(address, &format!("{head}{form}Transfer-Encoding: chunked\r\n\r\n"), 256)?;
        check_error("a body without end", &response, 413, "RequestTooLarge")?;
        for (what, start) in [
            ("a target without end", "GET /?a=".to_owned()),
            ("a header without end", format!("{head}x-acs-action: ")),
        ] {
            // A server may also just hang up on this: what follows is no request.
            if let Ok(response) = pour_plain(address, &start, 64) {
                ensure!((400..500).contains(&response.status), "{what} was answered with {response}");
            }
        }
        let many = format!("{head}{}\r\n", "x-filler: 1\r\n".repeat(20_000));
        if let Ok(response) = exchange(address, many.as_bytes()) {
            ensure!((400..500).contains(&response.status), "20,000 headers were answered with {response}");
        }
        Ok(())
    })
}

/// Sends `mib` MiB in chunks, as long as they are taken, and reads the answer.
fn pour(address: &str, head: &str, mib: usize) -> Result<Response> {
    let mut chunk = format!("{:x}\r\n", 1024 * 1024).into_bytes();
    chunk.extend(vec![b'a'; 1024 * 1024]);
    chunk.extend(b"\r\n");
    pour_bytes(address, head, &chunk, mib)
}

fn pour_plain(address: &str, head: &str, mib: usize) -> Result<Response> {
    pour_bytes(address, head, &vec![b'a'; 1024 * 1024], mib)
}

fn pour_bytes(address: &str, head: &str, piece: &[u8], count: usize) -> Result<Response> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SLOW_REQUEST_TIMEOUT))?;
    stream.set_write_timeout(Some(SLOW_REQUEST_TIMEOUT))?;
    stream.write_all(head.as_bytes())?;
    for sent in 0..=count {
        ensure!(sent < count, "the service took all {count} MiB");
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    read_response(&mut stream)
}

fn read_response(stream: &mut TcpStream) -> Result<Response> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    // A reset after the answer loses nothing of what was read before it.
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
    }
    Response::parse(&bytes)
}

#[test]
fn what_is_not_http_is_answered_or_hung_up_on() -> Result<()> {
    with_service("bad-protocol", |backstop| {
        let address = backstop.address()?;
        let noise: Vec<u8> =
            (0..64 * 1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect();
        let host = format!("Host: {address}\r\n");
        let cases: [(&str, Vec<u8>); 9] = [
            ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
            ("a PostgreSQL greeting", b"\x00\x00\x00\x08\x04\xd2\x16\x2f\r\n\r\n".to_vec()),
            ("noise", noise),
            ("one word", b"GET\r\n\r\n".to_vec()),
            ("another protocol", b"GET / FTP/1.0\r\n\r\n".to_vec()),
            ("HTTP 2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
            ("a negative length", format!("POST / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n").into()),
            (
                "two lengths",
                format!("POST / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab").into(),
            ),
            (
                "a chunk without a size",
                format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n").into(),
            ),
        ];
        for (what, bytes) in &cases {
            let started = Instant::now();
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(SLOW_REQUEST_TIMEOUT))?;
            // It may be hung up on before all is sent.
            let _ = stream.write_all(bytes);
            if let Ok(response) = read_response(&mut stream) {
                ensure!((400..600).contains(&response.status), "{what} was answered with {response}");
            }
            ensure!(started.elapsed() < SLOW_REQUEST_TIMEOUT, "{what} was not given up");
        }
        Ok(())
    })
}

#[test]
fn a_request_that_does_not_arrive_is_given_up_and_keeps_nobody_out() -> Result<()> {
    with_service("bad-speed", |backstop| {
        let address = backstop.address()?;
        let body = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 1000\r\n\r\nAction="
        );
        let stalled: Vec<TcpStream> = (0..200)
            .map(|number| {
                let mut stream = TcpStream::connect(address)?;
                let part = if number % 2 == 0 { body.as_bytes() } else { b"POST / HTTP/1.1\r\nHo" };
                stream.write_all(part)?;
                Ok(stream)
            })
            .collect::<Result<_>>()?;
        check_healthy(backstop)?;
        std::thread::scope(|scope| {
            let trickle = scope.spawn(|| trickle(address, &body));
            for (number, mut stream) in stalled.into_iter().enumerate().take(20) {
                stream.set_read_timeout(Some(SLOW_REQUEST_TIMEOUT))?;
                match read_response(&mut stream) {
                    Ok(response) => check_error("a stalled request", &response, 408, "RequestTimeout")?,
                    // Headers that never came may be hung up on without an answer.
                    Err(error) if number % 2 == 0 => return Err(error),
                    Err(_) => {}
                }
            }
            trickle.join().map_err(|_| anyhow::anyhow!("the trickle panicked"))?
        })
    })
}

/// Sends a byte at a time, so that the connection is never idle for long, until the service answers.
fn trickle(address: &str, head: &str) -> Result<()> {
    let started = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    stream.write_all(head.as_bytes())?;
    let mut answer = [0; 1024];
    while started.elapsed() < SLOW_REQUEST_TIMEOUT {
        match stream.read(&mut answer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let text = String::from_utf8_lossy(&answer[..count]);
                ensure!(
                    text.contains("408") && text.contains("RequestTimeout"),
                    "a trickle was answered with {text}"
                );
                return Ok(());
            }
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return Ok(()),
        }
        if stream.write_all(b"a").is_err() {
            return Ok(());
        }
    }
    bail!("a request that trickles in is never given up")
}
