//! Signed `DescribeBackupTasks` against an unsigned constant of the same server, in one run.

use std::net::SocketAddr;

use anyhow::Context as _;
use catalog::{BackupMode, Catalog, EngineKind, NewBackupJob, NewInstance, SslMode};
use repository::{InstanceId, RepositoryId};
use serde_json::{Value, json};
use service::{Clock as _, Home, HomeAccessKey, InitOptions, ServeOptions, SystemClock};

use crate::client::{Nonces, median, rate, signed};

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
    let mut nonces = Nonces::default();
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
    nonces: &mut Nonces,
) -> anyhow::Result<Value> {
    let host = address.to_string();
    let each = REQUESTS / connections;
    let constant = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes();
    let (mut constants, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        constants.push(rate(address, vec![vec![constant.clone(); each]; connections], "200 OK")?);
        let requests = (0..connections).map(|connection| {
            let request = |position: usize| {
                let job = &jobs[(position * 7919 + connection * 31) % jobs.len()];
                let query = [("DBInstanceId", job.instance.as_str()), ("BackupJobId", job.job.as_str())];
                signed(address, key, "DescribeBackupTasks", &query, nonces)
            };
            (0..each).map(request).collect()
        });
        rates.push(rate(address, requests.collect(), "\"BackupJob\":[{")?);
    }
    let (constant, signed) = (median(constants), median(rates));
    Ok(json!({
        "Connections": connections, "Jobs": kind, "ConstantPerSecond": constant, "SignedPerSecond": signed,
        "Ratio": signed / constant,
    }))
}
