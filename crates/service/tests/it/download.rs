//! Download links: what they deliver, and what they are refused with.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use catalog::Role;
use jiff::{SignedDuration, Timestamp};
use service::{Clock, ServeOptions, ServerLimits, SystemClock};
use testkit::process::wait_for;

use crate::client::{connect, read_reply};
use crate::harness::{Harness, PATIENCE, noise};

const MIB: usize = 1 << 20;

/// An answer whose body is no text.
struct Delivered {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Delivered {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A refusal in the style of object stores.
    #[track_caller]
    fn expect_refusal(&self, status: u16, code: &str) -> String {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), "application/xml");
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
        assert!(text.contains("<HostId>127.0.0.1:"), "{text}");
        let id = self.header("x-oss-request-id");
        assert!(id.len() == 36 && text.contains(&format!("<RequestId>{id}</RequestId>")), "{text}");
        text
    }
}

fn ask(harness: &Harness, method: &str, target: &str, headers: &[(&str, &str)]) -> TcpStream {
    let address = harness.client().address;
    let mut stream = connect(address);
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in headers {
        head = format!("{head}{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).expect("sent");
    stream
}

/// Reads an answer's head, and its body as far as it comes; to HEAD there is none.
fn receive(stream: &mut TcpStream, method: &str) -> Delivered {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is ASCII");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<String, String> =
        lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length: u64 = headers["content-length"].parse().expect("a length");
    let mut body = Vec::new();
    if method != "HEAD" {
        // One that was cut off ends early, or is reset.
        let _ = stream.take(length).read_to_end(&mut body);
    }
    Delivered { status, headers, body }
}

fn get(harness: &Harness, target: &str, headers: &[(&str, &str)]) -> Delivered {
    receive(&mut ask(harness, "GET", target, headers), "GET")
}

/// Target of the link of the newest set, and its size as listed.
fn link(harness: &Harness, id: &str) -> (String, u64) {
    let rows = harness.backups(id);
    let url = rows[0]["BackupDownloadURL"].as_str().expect("a link").to_owned();
    assert_eq!(rows[0]["BackupIntranetDownloadURL"], url.as_str());
    let target = url.strip_prefix(&format!("http://{}", harness.client().address)).expect("our own address");
    (target.to_owned(), rows[0]["BackupSize"].as_u64().expect("a number"))
}

/// A service with a set of `bytes` in one file.
fn with_set(mut harness: Harness, bytes: usize) -> Harness {
    harness.start();
    let folder = harness.source("orders", &[("a", 1000), ("large", bytes)]);
    harness.register("orders", &folder);
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
    harness
}

/// The clock of the machine, put on.
#[derive(Debug)]
struct Later(SignedDuration);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }
}

#[test]
fn a_link_delivers_what_was_backed_up_whole_and_in_pieces() {
    let mut harness = with_set(Harness::stopped(), 3 * MIB + 5);
    let (target, size) = link(&harness, "orders");
    let whole = get(&harness, &target, &[]);
    assert_eq!(whole.status, 200);
    assert_eq!(whole.body.len() as u64, size);
    assert_eq!(whole.header("content-length"), size.to_string());
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-type"), "application/x-tar");
    let content = noise(3 * MIB + 5, 5);
    assert!(whole.body.windows(content.len()).any(|window| window == content), "the file is in the archive");

    // The same answer without the body, and the connection goes on.
    let mut stream = ask(&harness, "HEAD", &target, &[]);
    let head = receive(&mut stream, "HEAD");
    assert_eq!((head.status, head.header("content-length")), (200, size.to_string().as_str()));
    let etag = head.header("etag").to_owned();
    assert_eq!(whole.header("etag"), etag);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").expect("sent");
    assert_eq!(read_reply(&mut stream).body, "ok\n");

    // Put together from pieces, after a restart too, it is the same file.
    let mut joined = Vec::new();
    for (number, start) in (0..size).step_by(700_000).enumerate() {
        if number == 2 {
            harness.stop();
            harness.start();
        }
        let range = format!("bytes={start}-{}", start + 699_999);
        let piece = get(&harness, &target, &[("range", &range), ("if-range", &etag)]);
        assert_eq!(piece.status, 206);
        let end = (start + 700_000).min(size) - 1;
        assert_eq!(piece.header("content-range"), format!("bytes {start}-{end}/{size}"));
        assert_eq!(piece.header("etag"), etag);
        joined.extend_from_slice(&piece.body);
    }
    assert!(joined == whole.body);
    let last = get(&harness, &target, &[("range", "bytes=-1024")]);
    assert_eq!((last.status, last.body), (206, vec![0; 1024]));
    // Of another version of the file a piece is of no use.
    let other = get(&harness, &target, &[("range", "bytes=5-9"), ("if-range", "\"other\"")]);
    assert_eq!((other.status, other.body.len() as u64), (200, size));
    let modified = head.header("last-modified").to_owned();
    let same = get(&harness, &target, &[("range", "bytes=5-9"), ("if-range", &modified)]);
    assert_eq!((same.status, same.body.as_slice()), (206, &whole.body[5..10]));
}

#[test]
fn refusals_are_in_the_style_of_object_stores() {
    let mut harness = with_set(Harness::stopped(), 1000);
    let (target, size) = link(&harness, "orders");
    let refused = get(&harness, &target, &[("range", &format!("bytes={size}-"))]);
    let text = refused.expect_refusal(416, "InvalidRange");
    assert!(text.contains(&format!("<ActualObjectSize>{size}</ActualObjectSize>")), "{text}");
    assert_eq!(refused.header("content-range"), format!("bytes */{size}"));
    get(&harness, &target, &[("range", "bytes=9-2")]).expect_refusal(416, "InvalidRange");

    get(&harness, &target.replace("Expires=1", "Expires=2"), &[])
        .expect_refusal(403, "SignatureDoesNotMatch");
    get(&harness, &target.replace("orders", "stocks"), &[]).expect_refusal(403, "SignatureDoesNotMatch");
    get(&harness, "/download/orders/hins1_data_20261124000000_1.tar", &[])
        .expect_refusal(403, "AccessDenied");
    get(&harness, "/download/", &[]).expect_refusal(403, "AccessDenied");
    // To HEAD a refusal has no body, and the connection goes on.
    let mut stream = ask(&harness, "HEAD", &target.replace("Signature=", "Signature=0"), &[]);
    let head = receive(&mut stream, "HEAD");
    assert_eq!((head.status, head.header("content-type")), (403, "application/xml"));
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").expect("sent");
    assert_eq!(read_reply(&mut stream).body, "ok\n");

    harness.stop();
    let later = ServeOptions { clock: Arc::new(Later(SignedDuration::from_hours(25))), ..harness.options() };
    harness.start_with(later);
    let text = get(&harness, &target, &[]).expect_refusal(403, "AccessDenied");
    for part in ["<Message>Request has expired.</Message>", "<Expires>2", "<ServerTime>2"] {
        assert!(text.contains(part), "{text}");
    }
    harness.stop();
    harness.start();
    assert_eq!(get(&harness, &target, &[]).status, 200);

    let set = harness.backups("orders")[0]["BackupId"].as_str().expect("an id").to_owned();
    harness.client().call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", &set)]).expect_success();
    get(&harness, &target, &[]).expect_refusal(404, "NoSuchKey");
}

#[test]
fn a_link_belongs_to_the_key_it_was_made_for() {
    let harness = with_set(Harness::stopped(), 1000);
    let links = |id: &str, role| {
        let key = harness.add_key(id, role, None);
        let answer = harness.client_of(&key).call("DescribeBackups", &[("DBInstanceId", "orders")]);
        let url =
            answer.expect_success()["Items"]["Backup"][0]["BackupDownloadURL"].as_str().map(str::to_owned);
        url.expect("a text")
    };
    assert_eq!(links("LTAIreader", Role::Reader), "", "who may only look gets no data");
    let url = links("LTAI.operator", Role::Operator);
    let target = &url[url.find("/download/").expect("a link")..];
    assert_eq!(get(&harness, target, &[]).status, 200);
    harness.block_on(async {
        let catalog = catalog::Catalog::open(&harness.home.catalog_url()).await.expect("a catalog");
        let mut change = catalog.change(crate::client::now()).await.expect("a change");
        assert!(change.disable_access_key("LTAI.operator").await.expect("known"));
        change.commit().await.expect("a commit");
    });
    get(&harness, target, &[]).expect_refusal(403, "InvalidAccessKeyId");
}

/// The largest pack of the repository.
fn largest_pack(harness: &Harness) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![harness.home.path().join("repository/orders/sets")];
    while let Some(folder) = folders.pop() {
        for child in std::fs::read_dir(folder).expect("a folder").map(|child| child.expect("a name")) {
            let metadata = child.metadata().expect("there");
            if metadata.is_dir() {
                folders.push(child.path());
            } else if child.file_name().to_string_lossy().starts_with("pack-") {
                found.push((metadata.len(), child.path()));
            }
        }
    }
    found.sort();
    found.pop().expect("a pack").1
}

#[test]
fn a_broken_frame_cuts_the_connection() {
    let mut harness = with_set(Harness::stopped(), 6 * MIB);
    let (target, size) = link(&harness, "orders");
    harness.stop();
    let pack = largest_pack(&harness);
    let mut bytes = std::fs::read(&pack).expect("a pack");
    bytes[4 * MIB] ^= 1;
    std::fs::set_permissions(&pack, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("writable");
    std::fs::write(&pack, bytes).expect("damaged");
    harness.start();
    let delivered = get(&harness, &target, &[]);
    assert_eq!(delivered.header("content-length"), size.to_string());
    assert!((delivered.body.len() as u64) < size - MIB as u64, "{} of {size}", delivered.body.len());
    // What lies behind the damage is there for whoever asks for it.
    let rest = get(&harness, &target, &[("range", "bytes=-1024")]);
    assert_eq!((rest.status, rest.body.len()), (206, 1024));
}

/// A service that lets one download run at a time and waits for nobody.
fn narrow(stall_timeout: Duration) -> Harness {
    let mut harness = Harness::stopped().with_setting("downloads_max", "1");
    harness.limits =
        ServerLimits { stall_timeout, download_wait: Duration::from_millis(50), ..ServerLimits::default() };
    // More than the buffers between the two ends hold.
    with_set(harness, 40 * MIB)
}

/// Waits until the one download may run that is asked for.
#[track_caller]
fn wait_for_slot(harness: &Harness, target: &str) {
    let waited = wait_for("the slot of the download", PATIENCE, || {
        let delivered = get(harness, target, &[("range", "bytes=0-9")]);
        Ok((delivered.status == 206).then_some(()))
    });
    waited.unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn no_more_downloads_run_than_may_and_a_client_that_goes_frees_its_slot() {
    let harness = narrow(Duration::from_mins(10));
    let (target, _) = link(&harness, "orders");
    let mut first = ask(&harness, "GET", &target, &[]);
    let mut begun = [0; 1000];
    first.read_exact(&mut begun).expect("it begins");
    let refused = get(&harness, &target, &[]);
    refused.expect_refusal(503, "ServiceUnavailable");
    assert_eq!(refused.header("retry-after"), "30");
    // Nothing is read to tell only the size, so it needs no slot.
    assert_eq!(receive(&mut ask(&harness, "HEAD", &target, &[]), "HEAD").status, 200);
    drop(first);
    wait_for_slot(&harness, &target);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let harness = narrow(Duration::from_millis(200));
    let (target, size) = link(&harness, "orders");
    let mut first = ask(&harness, "GET", &target, &[]);
    // It has the slot; from here on the client takes nothing.
    first.read_exact(&mut [0; 1000]).expect("it begins");
    wait_for_slot(&harness, &target);
    let mut received = Vec::new();
    let _ = first.read_to_end(&mut received);
    assert!((received.len() as u64) < size, "{} of {size}", received.len());
}

/// A clock that is put on while the service runs.
#[derive(Debug, Default)]
struct Jumping(AtomicI64);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

#[test]
fn a_long_download_keeps_its_set_from_the_sweep() {
    let mut harness = narrow(Duration::from_mins(10));
    let (target, _) = link(&harness, "orders");
    harness.stop();
    let clock = Arc::new(Jumping::default());
    harness.start_with(ServeOptions { clock: Arc::<Jumping>::clone(&clock), ..harness.options() });
    let attempts = |harness: &Harness| {
        harness.repository().attempts(&"orders".parse().expect("an id")).expect("a listing").len()
    };
    let mut first = ask(&harness, "GET", &target, &[]);
    first.read_exact(&mut [0; 1000]).expect("it begins");
    assert_eq!(attempts(&harness), 1);
    clock.0.store(7200, Ordering::Relaxed);
    first.read_exact(&mut vec![0; 20 * MIB]).expect("it goes on");
    assert_eq!(attempts(&harness), 2, "a reader's begin lies beside the set");
    drop(first);
    let waited = wait_for("the end of the reading", PATIENCE, || Ok((attempts(&harness) == 1).then_some(())));
    waited.unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn a_stop_does_not_wait_for_a_download() {
    let mut harness = narrow(Duration::from_mins(10));
    let (target, _) = link(&harness, "orders");
    let mut first = ask(&harness, "GET", &target, &[]);
    let mut begun = [0; 1000];
    first.read_exact(&mut begun).expect("it begins");
    let before = std::time::Instant::now();
    harness.stop();
    assert!(before.elapsed() < Duration::from_secs(9), "{:?}", before.elapsed());
}

#[test]
fn sets_of_a_catalog_that_was_rebuilt_are_measured_at_the_next_start() {
    let mut harness = with_set(Harness::stopped(), 1000);
    let (_, size) = link(&harness, "orders");
    harness.stop();
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = blobstore::durable::remove_file(&harness.home.path().join(name));
    }
    let options = service::InitOptions { adopt: true, ..service::InitOptions::new(harness.home.path()) };
    let report = harness.block_on(service::init(options, |_| None, SystemClock::shared())).expect("adopted");
    harness.key = report.new_access_key.expect("a new catalog has a new key");
    harness.start();
    let folder = harness.source("orders", &[]);
    harness.register("orders", &folder);
    let waited = wait_for("the size of the download", PATIENCE, || {
        Ok((harness.backups("orders")[0]["BackupDownloadURL"] != "").then_some(()))
    });
    waited.unwrap_or_else(|error| panic!("{error:#}"));
    let (target, again) = link(&harness, "orders");
    assert_eq!(again, size);
    assert_eq!(get(&harness, &target, &[]).body.len() as u64, size);
}
