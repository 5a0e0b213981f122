//! `serve`: the parts of the service put together, and taken apart again in order.
//!
//! Start: lock, catalog, repository, jobs of this home's dead process released, then runner and port.
//! Stop: no more connections and no more claims; open requests end, running attempts give their jobs back;
//! the last nonces are stored; the locks go last.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use catalog::{Catalog, CatalogOptions};
use repository::Repository;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actions::JobWaits;
use crate::audit::{RefusalLog, flush_refusals, forget_old_records};
use crate::authentication::{Authentication, FLUSH_EVERY, flush_nonces};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::context::{Context, KnownInstances, RequestIds};
use crate::download::{Downloads, LinkMaker, measure_missing};
use crate::engines::{BuiltInEngines, Engines};
use crate::error::Error;
use crate::error_centre::RecentRefusals;
use crate::error_chain::error_chain;
use crate::home::{CatalogLock, Home, HomeLock, lock_embedded_catalog};
use crate::metrics::Metrics;
use crate::runner::{JobTimes, Runner, reconcile};
use crate::scheduler;
use crate::secret_box::SecretBox;
use crate::server::{Server, ServerLimits};
use crate::storage::{BuiltInStores, Stores, read_key_file};
use crate::throttle::Throttle;
use crate::tls::Tls;

/// Time for changes that outlive their calls.
const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(10);

/// How often what is too old is forgotten.
const TIDY_EVERY: Duration = Duration::from_hours(1);

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Answers the API.
    pub api: bool,
    /// Starts what is due.
    pub scheduler: bool,
    /// Runs jobs.
    pub worker: bool,
}

impl Default for Roles {
    fn default() -> Self {
        Self { api: true, scheduler: true, worker: true }
    }
}

impl FromStr for Roles {
    type Err = String;

    /// Comma-separated: `api`, `scheduler`, `worker`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut roles = Self { api: false, scheduler: false, worker: false };
        for word in text.split(',') {
            match word.trim() {
                "api" => roles.api = true,
                "scheduler" => roles.scheduler = true,
                "worker" => roles.worker = true,
                other => return Err(format!("{other:?} is no role: api, scheduler or worker is expected")),
            }
        }
        Ok(roles)
    }
}

/// What `serve` is asked for.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The home.
    pub home: Home,
    /// Its configuration.
    pub config: Config,
    /// What this node does.
    pub roles: Roles,
    /// Makes engines.
    pub engines: Arc<dyn Engines>,
    /// Opens stores.
    pub stores: Arc<dyn Stores>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// What the server takes.
    pub limits: ServerLimits,
    /// Times of leases and retries.
    pub times: JobTimes,
}

impl ServeOptions {
    /// As the home is configured; `environment` overlays that.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn new(home: Home, environment: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        Ok(Self {
            config: Config::load(&home, environment)?,
            home,
            roles: Roles::default(),
            engines: Arc::new(BuiltInEngines),
            stores: Arc::new(BuiltInStores),
            clock: SystemClock::shared(),
            limits: ServerLimits::default(),
            times: JobTimes::default(),
        })
    }
}

/// A service that runs.
#[derive(Debug)]
pub struct RunningService {
    context: Arc<Context>,
    server: Arc<Server>,
    runner: Option<Arc<Runner>>,
    address: Option<SocketAddr>,
    ending: CancellationToken,
    tasks: TaskTracker,
    locks: (HomeLock, Option<CatalogLock>),
}

/// Serves until SIGTERM or SIGINT; a second signal ends it at once.
///
/// # Errors
/// It cannot start; see [`Error`].
pub async fn serve(options: ServeOptions) -> Result<(), Error> {
    let handler = |kind| signal(kind).map_err(|e| Error::System("watch for signals", e));
    let (mut terminate, mut interrupt) =
        (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let service = start(options).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: jobs give their work back, requests end; another signal ends at once");
    tokio::select! {
        () = service.shutdown() => tracing::info!("stopped"),
        _ = terminate.recv() => tracing::warn!("ended at once"),
        _ = interrupt.recv() => tracing::warn!("ended at once"),
    }
    Ok(())
}

/// Starts a service.
///
/// # Errors
/// The home is in use; catalog or repository cannot be opened or do not belong together; the address is
/// taken.
pub async fn start(options: ServeOptions) -> Result<RunningService, Error> {
    let ServeOptions { home, config, roles, engines, stores, clock, limits, times } = options;
    let mut lock = home.lock()?;
    let owner = home.lease_owner()?;
    let secrets = Arc::new(SecretBox::open(&home)?);
    let catalog_lock = lock_embedded_catalog(&config.catalog)?;
    let options = CatalogOptions { sole_process: catalog_lock.is_some(), ..CatalogOptions::default() };
    let catalog = Catalog::open_with(&config.catalog, options).await?;
    let secret = read_key_file(&home.repository_key())?;
    let repository = Repository::open(stores.open(&config.repository)?, vec![secret])?;
    if catalog.repository().await? != Some(repository.id()) {
        return Err(Error::NotInitialized { location: repository.store().location() });
    }
    if roles.worker {
        // The lock proves that whoever held them is dead.
        let released = catalog.release_leases_of(&owner).await?;
        if released > 0 {
            tracing::info!(released, "jobs of the process before are taken over");
        }
    }
    let authentication = Authentication::load(&catalog, clock.now()).await?;
    let (listen, requests_per_second_max) = (config.listen, config.requests_per_second_max);
    let tls = config.tls.clone().filter(|_| roles.api).map(Tls::load).transpose()?.map(Arc::new);
    let links = LinkMaker::new(secrets.link_key(), config.download_link_hours.get() as u64);
    let downloads = Downloads::new(config.downloads_max.get());
    let context = Arc::new(Context {
        known: KnownInstances::new(&catalog),
        waits: JobWaits::default(),
        home,
        config,
        catalog,
        repository,
        links,
        downloads,
        secrets,
        engines,
        clock,
        authentication,
        request_ids: RequestIds::new()?,
        metrics: Metrics::new(),
        recent_refusals: RecentRefusals::default(),
        refusals: RefusalLog::default(),
        throttle: Throttle::new(requests_per_second_max),
        ready: AtomicBool::new(true),
        draining: CancellationToken::new(),
        background: TaskTracker::new(),
        runtime: tokio::runtime::Handle::current(),
    });
    let server = Arc::new(Server::new(Arc::clone(&context), limits, tls.clone()));
    let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
    let address = if roles.api { Some(listen_at(listen, &server, &tasks, &mut lock).await?) } else { None };
    if let Some(tls) = tls {
        tasks.spawn(watch_certificate(tls, ending.clone()));
    }
    tasks.spawn(flush_regularly(Arc::clone(&context), ending.clone()));
    let runner = roles.worker.then(|| Runner::new(Arc::clone(&context), owner, times));
    if let Some(runner) = &runner {
        tasks.spawn(Arc::clone(runner).run());
        let shared = Arc::clone(&context);
        tasks.spawn(async move {
            reconcile(&shared).await;
            measure_missing(&shared).await;
        });
    }
    if roles.scheduler {
        tasks.spawn(scheduler::run(Arc::clone(&context), ending.clone()));
    }
    Ok(RunningService { context, server, runner, address, ending, tasks, locks: (lock, catalog_lock) })
}

async fn listen_at(
    address: SocketAddr,
    server: &Arc<Server>,
    tasks: &TaskTracker,
    lock: &mut HomeLock,
) -> Result<SocketAddr, Error> {
    let failed = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    lock.note_listening(&format!("{}://{address}", server.scheme()))?;
    tasks.spawn(Arc::clone(server).accept(listener));
    tracing::info!(%address, "listening");
    Ok(address)
}

async fn watch_certificate(tls: Arc<Tls>, ending: CancellationToken) {
    if let Err(error) = tls.watch(ending).await {
        tracing::error!("a new certificate needs a restart: {}", error_chain(&error));
    }
}

async fn flush_regularly(context: Arc<Context>, ending: CancellationToken) {
    let mut every = tokio::time::interval(FLUSH_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tidying = tokio::time::interval(TIDY_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {
                flush_nonces(&context).await;
                flush_refusals(&context).await;
            }
            _ = tidying.tick() => {
                forget_old_records(&context).await;
                context.throttle.forget_idle();
            }
            () = ending.cancelled() => return,
        }
    }
}

impl RunningService {
    /// Where the API listens; `None` without that role.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Stops: claims and accepts nothing more, lets requests end and jobs be given back, stores what is
    /// only in memory.
    pub async fn shutdown(self) {
        let Self { context, server, runner, address: _, ending, tasks, mut locks } = self;
        context.ready.store(false, Ordering::Relaxed);
        let jobs = async {
            if let Some(runner) = &runner {
                runner.stop().await;
            }
        };
        tokio::join!(server.drain(), jobs);
        context.background.close();
        if tokio::time::timeout(BACKGROUND_TIMEOUT, context.background.wait()).await.is_err() {
            tracing::warn!("a change did not end in time and is cut off");
        }
        ending.cancel();
        tasks.close();
        if tokio::time::timeout(BACKGROUND_TIMEOUT, tasks.wait()).await.is_err() {
            tracing::warn!("some work did not end in time and is cut off");
        }
        flush_nonces(&context).await;
        flush_refusals(&context).await;
        if let Err(error) = locks.0.note_stopped() {
            tracing::warn!(
                "the home's commands will look for a service that is gone: {}",
                error_chain(&error)
            );
        }
        drop(locks);
    }
}
