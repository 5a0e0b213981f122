//! What listings cost with a long history, against the same listings with a short one: two services in one process,
//! measured alternating.

use std::net::SocketAddr;

use anyhow::Context as _;
use catalog::Catalog;
use catalog::conformance::History;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use service::{Clock as _, Home, HomeAccessKey, InitOptions, RunningService, ServeOptions, SystemClock};

use crate::client::{Nonces, median, rate, signed};

const CONNECTIONS: usize = 2;
/// As many rows as every page has in the short history too.
const PAGE_SIZE: u64 = 10;
const REQUESTS: usize = 1_000;
/// Rounds, alternating; the median counts.
const ROUNDS: usize = 5;

/// A listing and its parameters, but for times and pages.
struct Listing {
    action: &'static str,
    /// Where its answer has the total.
    total: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    /// The parameters for a range of time, where it must have one.
    range: Option<(&'static str, &'static str)>,
}

const INSTANCE: (&str, &str) = ("DBInstanceId", History::INSTANCE);
const TOTAL: &str = "TotalRecordCount";
const HISTORY: Option<(&str, &str)> = Some(("FromStartTime", "ToStartTime"));
const LISTINGS: &[Listing] = &[
    Listing { action: "DescribeBackupJobs", total: TOTAL, parameters: &[], range: None },
    Listing { action: "DescribeBackupJobs", total: TOTAL, parameters: &[INSTANCE], range: None },
    Listing {
        action: "DescribeBackupJobs",
        total: TOTAL,
        parameters: &[("BackupStatus", "Failed")],
        range: None,
    },
    Listing {
        action: "DescribeBackupJobs",
        total: TOTAL,
        parameters: &[("BackupMode", "Manual")],
        range: None,
    },
    Listing { action: "DescribeTasks", total: TOTAL, parameters: &[INSTANCE], range: None },
    Listing { action: "DescribeHistoryTasks", total: "TotalCount", parameters: &[], range: HISTORY },
    Listing {
        action: "DescribeHistoryTasks",
        total: "TotalCount",
        parameters: &[("InstanceId", History::INSTANCE)],
        range: HISTORY,
    },
    Listing {
        action: "DescribeHistoryTasks",
        total: "TotalCount",
        parameters: &[("Status", "Canceled")],
        range: HISTORY,
    },
    Listing {
        action: "DescribeHistoryTasks",
        total: "TotalCount",
        parameters: &[("TaskType", "Sweep")],
        range: HISTORY,
    },
    Listing { action: "DescribeBackups", total: TOTAL, parameters: &[INSTANCE], range: None },
    Listing { action: "DescribeDetachedBackups", total: TOTAL, parameters: &[], range: None },
    Listing { action: "DescribeDBInstances", total: TOTAL, parameters: &[], range: None },
];

/// A service with a history.
struct Served {
    folder: tempfile::TempDir,
    service: RunningService,
    address: SocketAddr,
    key: HomeAccessKey,
}

/// Measures with 1,000 jobs and 100 sets against `jobs` jobs and a tenth as many sets, of 10 instances; on SQLite, or
/// on two empty databases of a PostgreSQL.
pub(crate) fn measure(jobs: u32, catalogs: [Option<&str>; 2]) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let history = History { instances: 10, jobs: 1_000, sets: 100, days: 3, end: SystemClock.now() };
    let short = runtime.block_on(serve(history, catalogs[0]))?;
    let history = History { jobs, sets: jobs / 10, days: 1_000, ..history };
    let long = runtime.block_on(serve(history, catalogs[1]))?;
    let mut nonces = Nonces::default();
    let mut rows = Vec::new();
    for listing in LISTINGS {
        for last_page in [false, true] {
            rows.push(compare([&short, &long], listing, last_page, &mut nonces)?);
        }
    }
    for served in [short, long] {
        runtime.block_on(served.service.shutdown());
        drop(served.folder);
    }
    Ok(json!({ "Jobs": jobs, "Rows": rows }))
}

async fn serve(history: History, catalog: Option<&str>) -> anyhow::Result<Served> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("home");
    let configured = |name: &str| match name {
        "BACKSTOP_LISTEN" => Some("127.0.0.1:0".to_owned()),
        "BACKSTOP_CATALOG" => catalog.map(str::to_owned),
        _ => None,
    };
    let report = service::init(InitOptions::new(&home), configured, SystemClock::shared()).await?;
    let key = report.new_access_key.context("a new home has a new key")?;
    let url = catalog.map_or_else(|| report.home.catalog_url(), str::to_owned);
    let seeded = Catalog::open(&url).await?;
    history.write(&seeded).await;
    seeded.close().await?;
    let mut options = ServeOptions::new(Home::open(&home)?, configured)?;
    (options.roles.worker, options.roles.scheduler) = (false, false);
    let service = service::start(options).await?;
    let address = service.address().context("the service listens")?;
    Ok(Served { folder, service, address, key })
}

fn compare(
    [short, long]: [&Served; 2],
    listing: &Listing,
    last_page: bool,
    nonces: &mut Nonces,
) -> anyhow::Result<Value> {
    let mut totals = [0; 2];
    for (total, served) in totals.iter_mut().zip([short, long]) {
        *total = total_of(served, listing, nonces)?;
    }
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for ((rates, served), total) in rates.iter_mut().zip([short, long]).zip(totals) {
            let page = if last_page { total.div_ceil(PAGE_SIZE).max(1) } else { 1 };
            let each = REQUESTS / CONNECTIONS;
            let requests =
                (0..CONNECTIONS).map(|_| (0..each).map(|_| request(served, listing, page, nonces)).collect());
            let expected = format!("\"{}\":{total}", listing.total);
            rates.push(rate(served.address, requests.collect(), &expected)?);
        }
    }
    let [short, long] = rates.map(median);
    let named: Vec<String> =
        listing.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(json!({
        "Listing": format!("{} {}", listing.action, named.join(" ")).trim_end(),
        "Page": if last_page { "last" } else { "first" },
        "Totals": totals, "ShortPerSecond": short, "LongPerSecond": long, "Ratio": long / short,
    }))
}

/// Rows on all pages of a listing.
fn total_of(served: &Served, listing: &Listing, nonces: &mut Nonces) -> anyhow::Result<u64> {
    let answer = crate::client::ask(served.address, &request(served, listing, 1, nonces))?;
    answer[listing.total].as_u64().with_context(|| format!("{} answers no total: {answer}", listing.action))
}

fn request(served: &Served, listing: &Listing, page: u64, nonces: &mut Nonces) -> Vec<u8> {
    let now = SystemClock.now();
    let minute = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%MZ").to_string();
    let (page, size) = (page.to_string(), PAGE_SIZE.to_string());
    let times =
        [minute(now - SignedDuration::from_hours(24 * 1_001)), minute(now + SignedDuration::from_hours(1))];
    let mut query = listing.parameters.to_vec();
    query.extend([("PageNumber", page.as_str()), ("PageSize", size.as_str())]);
    if let Some((start, end)) = listing.range {
        query.extend([(start, times[0].as_str()), (end, times[1].as_str())]);
    }
    signed(served.address, &served.key, listing.action, &query, nonces)
}
