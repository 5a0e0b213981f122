//! A source cluster with the least-privileged role, a repository in a folder, and a server on a restored directory.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use blobstore::LocalStore;
use engine::{
    BackupEngine, BackupError, BackupRequest, ExtractProgress, Finding, FinishedSet, Interrupted, JobControl,
    Reuse, Stage,
};
use engine_postgres::{
    Archiving, PostgresEngine, PostgresOptions, RestoreError, RestoreOptions, RestorePlan, TablespaceMapping,
    execute_restore, plan_restore,
};
use jiff::Timestamp;
use pgwire::{ConnectOptions, Host};
use repository::{
    AttemptId, AttemptName, BackupJobId, BackupSetId, CatalogId, Compression, FencingEpoch, KeySecret,
    OpenSet, Place, Repository,
};
use tempfile::TempDir;
use testkit::postgres::{Cluster, ClusterBuilder, Installation};
use testkit::process::{ChildGuard, run, wait_for};

/// The role that README documents.
pub(crate) const ROLE: &str = "backstop";

/// Every supported version. One that is missing is an error where test parts must be there.
pub(crate) fn versions() -> Vec<Installation> {
    let must_be_there = ["CI", "BACKSTOP_TEST_PARTS"].iter().any(|name| std::env::var_os(name).is_some());
    if must_be_there {
        return Installation::SUPPORTED.map(|major| Installation::find(major).expect("a test part")).to_vec();
    }
    let found = Installation::available();
    assert!(!found.is_empty(), "no PostgreSQL is installed");
    found
}

pub(crate) fn version_15() -> Installation {
    Installation::find(15).expect("PostgreSQL 15 is installed")
}

/// A cluster that lets the role in by its socket.
pub(crate) fn builder(installation: &Installation) -> ClusterBuilder {
    Cluster::builder(installation)
        .with_checksums()
        .hba(&format!("local all {ROLE} trust"))
        .hba(&format!("local replication {ROLE} trust"))
}

/// A running cluster with the role and all that it needs.
pub(crate) fn start(builder: &ClusterBuilder) -> Cluster {
    let cluster = builder.start().expect("the cluster starts");
    grant(&cluster);
    cluster
}

/// Makes the role and grants it what a backup needs, no more.
pub(crate) fn grant(cluster: &Cluster) {
    for sql in grants(cluster.installation().major()) {
        cluster.psql(&sql).expect("the superuser may do that");
    }
}

/// What makes the role.
pub(crate) fn grants(major: u32) -> [String; 4] {
    let (start, stop) = functions(major);
    [
        format!("CREATE ROLE {ROLE} LOGIN REPLICATION"),
        format!("GRANT EXECUTE ON FUNCTION {start} TO {ROLE}"),
        format!("GRANT EXECUTE ON FUNCTION {stop} TO {ROLE}"),
        format!("GRANT pg_read_all_settings TO {ROLE}"),
    ]
}

pub(crate) fn functions(major: u32) -> (&'static str, &'static str) {
    if major < 15 {
        ("pg_start_backup(text, boolean, boolean)", "pg_stop_backup(boolean, boolean)")
    } else {
        ("pg_backup_start(text, boolean)", "pg_backup_stop(boolean)")
    }
}

pub(crate) fn options(cluster: &Cluster) -> PostgresOptions {
    let connect = ConnectOptions::new(Host::Socket(cluster.socket_dir().to_owned()), cluster.port(), ROLE);
    PostgresOptions { connect, data_directory: None }
}

pub(crate) fn engine_for(cluster: &Cluster) -> PostgresEngine {
    PostgresEngine::new(options(cluster))
}

pub(crate) fn pgbench_init(cluster: &Cluster, scale: u32) {
    run(cluster.client("pgbench").args(["-i", "-q", "-s", &scale.to_string()]))
        .expect("pgbench makes its tables");
}

/// Writes until it is dropped.
pub(crate) fn pgbench_load(cluster: &Cluster) -> ChildGuard {
    let mut command = cluster.client("pgbench");
    command
        .args(["-n", "-c", "2", "-T", "600"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let load = ChildGuard::spawn(&mut command).expect("pgbench starts");
    wait_for("the load to write", Duration::from_secs(30), || {
        let count: u64 = cluster.psql("SELECT count(*) FROM pgbench_history")?.parse()?;
        Ok((count > 0).then_some(()))
    })
    .expect("the load writes");
    load
}

/// A repository in a folder.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
    pub(crate) repository: Repository,
}

impl Store {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let store = LocalStore::create(&folder.path().join("repository")).expect("an empty store");
        let secret = KeySecret::File([7; 32]);
        let repository = Repository::create(Arc::new(store), secret, CatalogId::random(), now());
        Self { folder, repository: repository.expect("a new repository") }
    }

    pub(crate) fn request(&self, set: u32) -> BackupRequest {
        BackupRequest {
            instance: "pg-1".parse().expect("an id"),
            set: BackupSetId::new(set).expect("an id"),
            job: BackupJobId::new(set).expect("an id"),
            epoch: FencingEpoch::new(1),
            catalog: self.repository.catalog(),
            attempt: AttemptId::random(),
            dead_attempts: Vec::new(),
            manual: true,
            retention_days: None,
            reuse: Reuse::Parent,
            threads: NonZeroUsize::new(2).expect("not zero"),
            compression: Compression::default(),
            now: now(),
            free_space_floor_bytes: Some(0),
            own_directories: vec![self.folder.path().to_owned()],
        }
    }

    pub(crate) fn back_up(&self, cluster: &Cluster, set: u32) -> (FinishedSet, OpenSet) {
        self.back_up_with(cluster, set, &Control::default()).expect("the backup finishes")
    }

    pub(crate) fn back_up_with(
        &self,
        cluster: &Cluster,
        set: u32,
        control: &Control,
    ) -> Result<(FinishedSet, OpenSet), BackupError> {
        self.back_up_by(&engine_for(cluster), set, control)
    }

    pub(crate) fn back_up_by(
        &self,
        engine: &PostgresEngine,
        set: u32,
        control: &Control,
    ) -> Result<(FinishedSet, OpenSet), BackupError> {
        let request = self.request(set);
        let finished = engine.back_up(&self.repository, &request, control)?;
        let name = AttemptName { set: request.set, attempt: request.attempt };
        let set = self.repository.open_set(&Place { instance: request.instance, name });
        Ok((finished, set.expect("the set is published")))
    }

    /// Sets that count.
    pub(crate) fn sets(&self) -> usize {
        self.repository.sets(&"pg-1".parse().expect("an id")).expect("a listing").len()
    }
}

fn now() -> Timestamp {
    "2026-11-24T09:00:00Z".parse().expect("a time")
}

type Hook = Box<dyn Fn(&Control) -> Result<(), Interrupted> + Send + Sync>;

/// A job's control that remembers, and lets a test act at a stage.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) stages: Mutex<Vec<Stage>>,
    pub(crate) planned: AtomicU64,
    pub(crate) advanced: AtomicU64,
    at_stage: Option<(Stage, Hook)>,
    at_first_read: Mutex<Option<Hook>>,
    at_check: Option<Hook>,
}

impl Control {
    pub(crate) fn at_stage(
        stage: Stage,
        hook: impl Fn(&Self) -> Result<(), Interrupted> + Send + Sync + 'static,
    ) -> Self {
        Self { at_stage: Some((stage, Box::new(hook))), ..Self::default() }
    }

    /// Also when the first bytes of a file are about to be read.
    pub(crate) fn and_at_first_read(
        self,
        hook: impl Fn(&Self) -> Result<(), Interrupted> + Send + Sync + 'static,
    ) -> Self {
        Self { at_first_read: Mutex::new(Some(Box::new(hook))), ..self }
    }

    pub(crate) fn at_check(hook: impl Fn(&Self) -> Result<(), Interrupted> + Send + Sync + 'static) -> Self {
        Self { at_check: Some(Box::new(hook)), ..Self::default() }
    }

    pub(crate) fn stage(&self) -> Option<Stage> {
        self.stages.lock().expect("no panic").last().copied()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}

impl JobControl for Control {
    fn enter(&self, stage: Stage) -> Result<(), Interrupted> {
        self.stages.lock().expect("no panic").push(stage);
        match &self.at_stage {
            Some((wanted, hook)) if *wanted == stage => hook(self),
            _ => Ok(()),
        }
    }

    fn plan(&self, bytes_planned: u64) {
        self.planned.store(bytes_planned, Ordering::Relaxed);
    }

    fn advance(&self, bytes: u64) {
        self.advanced.fetch_add(bytes, Ordering::Relaxed);
    }

    fn prove(&self, _done: u64, _total: u64) {}

    fn check(&self) -> Result<(), Interrupted> {
        self.at_check.as_ref().map_or(Ok(()), |hook| hook(self))
    }

    fn wait_for_slot(&self) -> Result<(), Interrupted> {
        Ok(())
    }

    fn throttle(&self, _bytes: u64) -> Result<(), Interrupted> {
        let hook = self.at_first_read.lock().expect("no panic").take();
        hook.map_or(Ok(()), |hook| hook(self))
    }
}

/// Progress that nobody watches.
pub(crate) struct Unwatched;

impl ExtractProgress for Unwatched {
    fn advance(&self, _bytes: u64) {}

    fn check(&self) -> Result<(), Interrupted> {
        Ok(())
    }
}

pub(crate) fn restore_options(target: &Path) -> RestoreOptions {
    RestoreOptions {
        target: target.to_owned(),
        tablespaces: Vec::new(),
        archiving: Archiving::Off,
        threads: NonZeroUsize::new(2).expect("not zero"),
        own_directories: Vec::new(),
    }
}

pub(crate) fn mapped(old: &str, new: &Path) -> TablespaceMapping {
    TablespaceMapping { old: old.to_owned(), new: new.to_owned() }
}

pub(crate) fn restore(set: &OpenSet, options: &RestoreOptions) -> Result<RestorePlan, RestoreError> {
    let plan = plan_restore(set, options)?;
    execute_restore(set, &plan, &Unwatched)?;
    Ok(plan)
}

/// A server on a restored directory, reached by a socket alone.
pub(crate) struct RestoredServer {
    server: ChildGuard,
    installation: Installation,
    sockets: TempDir,
}

impl RestoredServer {
    /// Starts it and waits until it has recovered and takes writes.
    pub(crate) fn start(installation: &Installation, data: &Path, arguments: &[&str]) -> Self {
        let mut server = Self::launch(installation, data, arguments);
        let recovered = wait_for("the restored server to recover", Duration::from_mins(1), || {
            if let Some(status) = server.server.try_wait()? {
                anyhow::bail!("it ended with {status}:\n{}", server.log());
            }
            Ok(server.psql("SELECT pg_is_in_recovery()").is_ok_and(|answer| answer == "f").then_some(()))
        });
        recovered.unwrap_or_else(|error| panic!("{error:#}\n{}", server.log()));
        server
    }

    /// Starts it and waits until it takes questions, as a standby.
    pub(crate) fn start_standby(installation: &Installation, data: &Path) -> Self {
        let server = Self::launch(installation, data, &[]);
        let answers = wait_for("the standby to answer", Duration::from_mins(1), || {
            Ok(server.psql("SELECT pg_is_in_recovery()").is_ok_and(|answer| answer == "t").then_some(()))
        });
        answers.unwrap_or_else(|error| panic!("{error:#}\n{}", server.log()));
        server
    }

    /// An engine that backs this server up.
    pub(crate) fn engine(&self) -> PostgresEngine {
        let connect = ConnectOptions::new(Host::Socket(self.sockets.path().to_owned()), 5432, ROLE);
        PostgresEngine::new(PostgresOptions { connect, data_directory: None })
    }

    /// Starts it and waits until it has given up; returns its log.
    pub(crate) fn start_fails(installation: &Installation, data: &Path) -> String {
        let mut server = Self::launch(installation, data, &[]);
        let ended = wait_for("the server to give up", Duration::from_mins(1), || server.server.try_wait());
        assert!(!ended.expect("it gives up").success(), "{}", server.log());
        server.log()
    }

    fn launch(installation: &Installation, data: &Path, arguments: &[&str]) -> Self {
        let sockets = tempfile::Builder::new().prefix("pr-").tempdir_in("/tmp").expect("temporary folder");
        if let Some(user) = testkit::process::ServerUser::find().expect("a user") {
            std::os::unix::fs::chown(sockets.path(), Some(user.uid), Some(user.gid))
                .expect("root may do that");
        }
        let log = std::fs::File::create_new(sockets.path().join("log")).expect("a log");
        let mut command = installation.server_command("postgres").expect("the server's user exists");
        command.arg("-D").arg(data).args([
            "-c",
            "listen_addresses=",
            "-c",
            "port=5432",
            "-c",
            "fsync=off",
            "-c",
        ]);
        command.arg(format!("unix_socket_directories={}", sockets.path().display())).args(arguments);
        command.current_dir("/").stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        let server = ChildGuard::spawn(&mut command).expect("the server starts");
        Self { server, installation: installation.clone(), sockets }
    }

    pub(crate) fn psql(&self, sql: &str) -> anyhow::Result<String> {
        self.psql_in("postgres", sql)
    }

    pub(crate) fn psql_in(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let mut command = self.installation.command("psql");
        command.env("PGHOST", self.sockets.path()).env("PGPORT", "5432").env("PGUSER", "postgres");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        Ok(run(&mut command)?.trim_end().to_owned())
    }

    pub(crate) fn sockets(&self) -> &Path {
        self.sockets.path()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.sockets.path().join("log")).unwrap_or_default()
    }
}

/// Runs what a remedy gives in backquotes, as far as it is SQL.
pub(crate) fn apply(cluster: &Cluster, finding: &Finding) {
    let quoted = finding.remedy.split('`').skip(1).step_by(2);
    for sql in quoted.filter(|text| ["ALTER", "GRANT"].iter().any(|verb| text.starts_with(verb))) {
        cluster.psql(sql).unwrap_or_else(|error| panic!("{sql}: {error:#}"));
    }
}

/// The whole content of a table in one value.
pub(crate) fn fingerprint(table: &str) -> String {
    format!("SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM {table} t")
}
