//! Signed `DescribeBackupTasks` against an unsigned constant of the same server, in one run.
//!
//! Each connection sends its next request when the last was answered. Requests are signed beforehand, so
//! that the clients cost little; they share the machine with the server all the same.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use catalog::{BackupMode, Catalog, EngineKind, NewBackupJob, NewInstance, SslMode};
use repository::{InstanceId, RepositoryId};
use rpc::{SignedRequest, SigningRequest, sign_v3};
use serde_json::{Value, json};
use service::{Clock as _, Home, HomeAccessKey, InitOptions, ServeOptions, SystemClock};

/// Jobs of one instance; all but the last have ended.
const JOBS_OF_INSTANCE: usize = 100;
const REQUESTS: usize = 40_000;
const CONNECTIONS: [usize; 3] = [2, 8, 32];
/// Rounds of each kind, alternating; the median counts.
const ROUNDS: usize = 3;

struct Job {
    instance: String,
    job: String,
}

struct Seeded {
    ended: Vec<Job>,
    active: Vec<Job>,
}

/// Measures with about `jobs` jobs in an SQLite catalog.
pub(crate) fn measure(jobs: usize) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("home");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on(service::init(InitOptions::new(&home), |_| None, SystemClock::shared()))?;
    let key = report.new_access_key.context("a new home has a new key")?;
    let seeded = runtime.block_on(seed(&report.home.catalog_url(), jobs))?;
    let listen = |name: &str| (name == "BACKSTOP_LISTEN").then(|| "127.0.0.1:0".to_owned());
    let mut options = ServeOptions::new(Home::open(&home)?, listen)?;
    options.roles.worker = false;
    let service = runtime.block_on(service::start(options))?;
    let address = service.address().context("the service listens")?;
    let mut nonces = 0;
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        for (kind, jobs) in [("ended", &seeded.ended), ("active", &seeded.active)] {
            rows.push(compare(address, &key, connections, kind, jobs, &mut nonces)?);
        }
    }
    runtime.block_on(service.shutdown());
    Ok(json!({ "Jobs": seeded.ended.len() + seeded.active.len(), "Rows": rows }))
}

async fn seed(catalog: &str, jobs: usize) -> anyhow::Result<Seeded> {
    let catalog = Catalog::open(catalog).await?;
    let now = SystemClock.now();
    let repository = RepositoryId::random();
    let mut seeded = Seeded { ended: Vec::new(), active: Vec::new() };
    let mut change = catalog.change(now).await?;
    for number in 0..jobs.div_ceil(JOBS_OF_INSTANCE) {
        let id: InstanceId = format!("pg-{number}").parse()?;
        change.register_instance(instance(id.clone())).await?;
        for position in 1..=JOBS_OF_INSTANCE {
            let parameters = json!({});
            let mode = BackupMode::Manual;
            let new = NewBackupJob { instance: id.clone(), repository, mode, parameters, due: now };
            let job = change.enqueue_backup(new).await?;
            let shown = Job { instance: id.to_string(), job: job.to_string() };
            if position < JOBS_OF_INSTANCE {
                change.cancel_job(job).await?;
                seeded.ended.push(shown);
            } else {
                seeded.active.push(shown);
            }
        }
    }
    change.commit().await?;
    Ok(seeded)
}

fn instance(id: InstanceId) -> NewInstance {
    NewInstance {
        id,
        engine: EngineKind::Postgresql,
        engine_version: None,
        host: "db".into(),
        port: 5432,
        user: "backstop".into(),
        sealed_password: None,
        ssl_mode: SslMode::Prefer,
        ca_certificate: None,
        data_directory: None,
        description: None,
    }
}

fn compare(
    address: SocketAddr,
    key: &HomeAccessKey,
    connections: usize,
    kind: &str,
    jobs: &[Job],
    nonces: &mut u64,
) -> anyhow::Result<Value> {
    let host = address.to_string();
    let each = REQUESTS / connections;
    let constant = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes();
    let (mut constants, mut signed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        constants.push(rate(address, vec![vec![constant.clone(); each]; connections], "200 OK")?);
        let requests = (0..connections).map(|connection| {
            let request = |position: usize| {
                *nonces += 1;
                let job = &jobs[(position * 7919 + connection * 31) % jobs.len()];
                describe(&host, key, job, *nonces)
            };
            (0..each).map(request).collect()
        });
        signed.push(rate(address, requests.collect(), "\"BackupJob\":[{")?);
    }
    let (constant, signed) = (median(constants), median(signed));
    Ok(json!({
        "Connections": connections, "Jobs": kind, "ConstantPerSecond": constant, "SignedPerSecond": signed,
        "Ratio": signed / constant,
    }))
}

fn describe(host: &str, key: &HomeAccessKey, job: &Job, nonce: u64) -> Vec<u8> {
    let signed = sign_v3(&SigningRequest {
        host,
        action: "DescribeBackupTasks",
        query: &[("DBInstanceId", &job.instance), ("BackupJobId", &job.job)],
        form: &[],
        access_key_id: &key.access_key_id,
        secret: &key.access_key_secret,
        security_token: None,
        nonce: &format!("bench-{nonce:026}"),
        now: SystemClock.now(),
    });
    let SignedRequest { method, target, headers, .. } = signed;
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in &headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"content-length: 0\r\n\r\n");
    bytes
}

/// Requests per second of all connections together; each answer must contain `expected`.
fn rate(address: SocketAddr, requests: Vec<Vec<Vec<u8>>>, expected: &str) -> anyhow::Result<f64> {
    let total = u32::try_from(requests.iter().map(Vec::len).sum::<usize>())?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let send = |requests: Vec<Vec<u8>>| {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            let mut answer = vec![0; 16 * 1024];
            for request in requests {
                stream.write_all(&request)?;
                let length = stream.read(&mut answer)?;
                let text = String::from_utf8_lossy(&answer[..length]);
                ensure!(text.contains(expected), "another answer: {text}");
            }
            Ok(())
        };
        let threads: Vec<_> = requests.into_iter().map(|r| scope.spawn(move || send(r))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    Ok(f64::from(total) / start.elapsed().as_secs_f64())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
