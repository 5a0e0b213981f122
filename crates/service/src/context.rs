//! What every action and every job of a running service shares.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catalog::Catalog;
use repository::{InstanceId, Repository};
use rpc::{ErrorCode, RequestId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actions::JobWaits;
use crate::audit::RefusalLog;
use crate::authentication::Authentication;
use crate::clock::Clock;
use crate::config::Config;
use crate::download::{Downloads, LinkMaker};
use crate::engines::Engines;
use crate::error::Error;
use crate::error_centre::RecentRefusals;
use crate::home::Home;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::secret_box::SecretBox;
use crate::throttle::Throttle;

/// How long another node's deregistration may go unnoticed.
const SHARED_CATALOG_TRUST: Duration = Duration::from_secs(5);
/// With the embedded catalog every change passes through this process, which forgets what it changes.
const EMBEDDED_CATALOG_TRUST: Duration = Duration::from_mins(10);
/// Instances remembered as registered: about 10 MB of names.
const KNOWN_INSTANCES_MAX: usize = 100_000;

/// The parts of a running service.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) home: Home,
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    pub(crate) repository: Repository,
    pub(crate) secrets: Arc<SecretBox>,
    pub(crate) engines: Arc<dyn Engines>,
    pub(crate) links: LinkMaker,
    pub(crate) downloads: Downloads,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) authentication: Authentication,
    pub(crate) known: KnownInstances,
    pub(crate) waits: JobWaits,
    pub(crate) request_ids: RequestIds,
    pub(crate) metrics: Metrics,
    pub(crate) recent_refusals: RecentRefusals,
    pub(crate) refusals: RefusalLog,
    pub(crate) throttle: Throttle,
    /// Whether new calls are welcome; `/readyz` tells.
    pub(crate) ready: AtomicBool,
    /// Ends when connections are to finish what they are at.
    pub(crate) draining: CancellationToken,
    /// Work that outlives the call that caused it.
    pub(crate) background: TaskTracker,
    /// For threads that ask the catalog.
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Context {
    /// The service's own host for a client that named none: of the public URL, else where it listens.
    pub(crate) fn own_host(&self) -> String {
        let public = self.config.public_url.as_deref().and_then(|url| url.split_once("://"));
        public.map_or_else(|| self.config.listen.to_string(), |(_, host)| host.to_owned())
    }

    /// The address of the error centre's server, for a client that asked `host`.
    pub(crate) fn public_url(&self, host: &str) -> String {
        let scheme = if self.config.tls.is_some() { "https" } else { "http" };
        self.config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{host}"))
    }
}

/// Instances that are registered for sure, so that the most frequent call needs one statement, not two.
#[derive(Debug)]
pub(crate) struct KnownInstances {
    seen: Mutex<HashMap<InstanceId, Instant>>,
    trust: Duration,
}

impl KnownInstances {
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let embedded = catalog.is_of_sole_process();
        let trust = if embedded { EMBEDDED_CATALOG_TRUST } else { SHARED_CATALOG_TRUST };
        Self { seen: Mutex::default(), trust }
    }

    /// Refuses an instance that is not registered.
    pub(crate) async fn require(&self, catalog: &Catalog, instance: &InstanceId) -> Result<(), Refusal> {
        if self.lock().get(instance).is_some_and(|seen| seen.elapsed() < self.trust) {
            return Ok(());
        }
        let asked = Instant::now();
        if catalog.find_instance(instance).await?.is_none() {
            return Err(ErrorCode::InvalidDBInstanceIdNotFound.into());
        }
        let mut seen = self.lock();
        if seen.len() >= KNOWN_INSTANCES_MAX {
            seen.clear();
        }
        seen.insert(instance.clone(), asked);
        Ok(())
    }

    /// Whatever was known of it, it changed.
    pub(crate) fn forget(&self, instance: &InstanceId) {
        self.lock().remove(instance);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceId, Instant>> {
        self.seen.lock().expect("no thread panics while it holds the instances")
    }
}

/// Draws request ids: unguessable, and cheaper than asking the system for each.
#[derive(Debug)]
pub(crate) struct RequestIds {
    key: [u8; 32],
    last: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|e| Error::System("draw a key for request ids", std::io::Error::other(e)))?;
        Ok(Self { key, last: AtomicU64::new(0) })
    }

    pub(crate) fn next(&self) -> RequestId {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let hash = blake3::keyed_hash(&self.key, &number.to_le_bytes());
        let bytes = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
        RequestId::from_random(*bytes)
    }
}
