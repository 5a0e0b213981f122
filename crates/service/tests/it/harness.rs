//! A service with a home of its own, started and stopped at will.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, Role};
use repository::{InstanceId, Repository};
use serde_json::Value;
use service::{
    Home, HomeAccessKey, InitOptions, JobTimes, RunningService, SecretBox, ServeOptions, ServerLimits,
    SystemClock, init, start,
};
use testkit::process::wait_for;

use crate::client::Client;
use crate::folder_engine::{FolderEngines, Script};

/// Longest wait for a job to get somewhere.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A home and, while it runs, its service.
pub(crate) struct Harness {
    runtime: tokio::runtime::Runtime,
    service: Option<RunningService>,
    engines: FolderEngines,
    environment: Vec<(String, String)>,
    pub(crate) limits: ServerLimits,
    pub(crate) times: JobTimes,
    pub(crate) home: Home,
    pub(crate) key: HomeAccessKey,
    folder: tempfile::TempDir,
}

impl Harness {
    /// A new home whose service does not run yet.
    pub(crate) fn stopped() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let options = InitOptions::new(folder.path().join("home"));
        let report = runtime.block_on(init(options, |_| None, SystemClock::shared())).expect("init");
        let key = report.new_access_key.expect("a new home has a new key");
        let times = JobTimes {
            progress_gap: Duration::from_millis(20),
            retry_after: Duration::from_millis(50),
            ..JobTimes::default()
        };
        let environment = vec![
            ("BACKSTOP_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            // Test machines are full at times.
            ("BACKSTOP_FREE_SPACE_FLOOR_BYTES".to_owned(), "0".to_owned()),
        ];
        Self {
            runtime,
            service: None,
            engines: FolderEngines::default(),
            environment,
            limits: ServerLimits::default(),
            times,
            home: report.home,
            key,
            folder,
        }
    }

    /// A new home, served.
    pub(crate) fn started() -> Self {
        let mut harness = Self::stopped();
        harness.start();
        harness
    }

    pub(crate) fn with_setting(mut self, key: &str, value: &str) -> Self {
        self.environment.push((format!("BACKSTOP_{}", key.to_uppercase()), value.to_owned()));
        self
    }

    pub(crate) fn options(&self) -> ServeOptions {
        let environment = |name: &str| {
            let found = self.environment.iter().rev().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        let options = ServeOptions::new(self.home.clone(), environment).expect("a valid configuration");
        ServeOptions {
            engines: Arc::new(self.engines.clone()),
            limits: self.limits,
            times: self.times,
            ..options
        }
    }

    pub(crate) fn start(&mut self) {
        let options = self.options();
        self.start_with(options);
    }

    pub(crate) fn start_with(&mut self, options: ServeOptions) {
        self.service = Some(self.runtime.block_on(start(options)).expect("the service starts"));
    }

    pub(crate) fn stop(&mut self) {
        if let Some(service) = self.service.take() {
            self.runtime.block_on(service.shutdown());
        }
    }

    pub(crate) fn script(&self) -> &Script {
        &self.engines.script
    }

    pub(crate) fn script_shared(&self) -> Arc<Script> {
        Arc::clone(&self.engines.script)
    }

    /// A client with the home's own key.
    pub(crate) fn client(&self) -> Client {
        self.client_of(&self.key)
    }

    pub(crate) fn client_of(&self, key: &HomeAccessKey) -> Client {
        let service = self.service.as_ref().expect("it runs");
        Client { address: service.address().expect("it has the role api"), key: key.clone() }
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The home's catalog, over connections of the test's own.
    pub(crate) fn catalog(&self) -> Catalog {
        self.runtime.block_on(Catalog::open(&self.home.catalog_url())).expect("the catalog opens")
    }

    pub(crate) fn repository(&self) -> Repository {
        service::open_local(&self.home, &self.options().config).expect("the repository opens")
    }

    /// Another access key.
    pub(crate) fn add_key(&self, id: &str, role: Role, instances: Option<&[&str]>) -> HomeAccessKey {
        let secrets = SecretBox::open(&self.home).expect("the secrets' key");
        let catalog = self.catalog();
        let parse = |id: &&str| id.parse::<InstanceId>().expect("an id");
        self.runtime.block_on(async {
            let mut change = catalog.change(crate::client::now()).await.expect("a change");
            let new = catalog::NewAccessKey {
                id: id.to_owned(),
                sealed_secret: secrets.seal(&format!("access key {id}"), b"another secret"),
                kind: catalog::AccessKeyKind::Permanent,
                role,
                instances: instances.map(|instances| instances.iter().map(parse).collect()),
                token_hash: None,
                expires: None,
            };
            change.create_access_key(new).await.expect("a free id");
            change.commit().await.expect("a commit");
        });
        HomeAccessKey { access_key_id: id.to_owned(), access_key_secret: "another secret".to_owned() }
    }

    /// A folder of files to back up.
    pub(crate) fn source(&self, name: &str, files: &[(&str, usize)]) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (file, bytes) in files {
            std::fs::write(folder.join(file), noise(*bytes, file.len() as u64)).expect("a file");
        }
        folder
    }

    pub(crate) fn register(&self, id: &str, folder: &Path) {
        let directory = folder.display().to_string();
        let form = [
            ("DBInstanceId", id),
            ("Engine", "postgresql"),
            ("Host", "127.0.0.1"),
            ("Port", "5432"),
            ("User", "backstop"),
            ("Password", "swordfish"),
            ("DataDirectory", &directory),
        ];
        self.client().call_form("RegisterDBInstance", &form).expect_success();
    }

    /// An instance over a small folder.
    pub(crate) fn register_small(&self, id: &str) {
        let folder = self.source(id, &[("a", 10_000), ("b", 300_000)]);
        self.register(id, &folder);
    }

    /// Asks for a backup and answers the job's id.
    pub(crate) fn create_backup(&self, id: &str) -> String {
        let answer = self.client().call("CreateBackup", &[("DBInstanceId", id)]).expect_success();
        answer["BackupJobId"].as_str().expect("a job id").to_owned()
    }

    /// The one job, as DescribeBackupTasks shows it.
    pub(crate) fn task(&self, id: &str, job: &str) -> Value {
        let query = [("DBInstanceId", id), ("BackupJobId", job)];
        let answer = self.client().call("DescribeBackupTasks", &query).expect_success();
        answer["Items"]["BackupJob"][0].clone()
    }

    #[track_caller]
    pub(crate) fn wait_for_status(&self, id: &str, job: &str, status: &str, progress_status: &str) -> Value {
        let reached =
            |task: &Value| task["BackupStatus"] == status && task["BackupProgressStatus"] == progress_status;
        let mut last = Value::Null;
        let waited = wait_for(&format!("{status}/{progress_status} of job {job}"), PATIENCE, || {
            last = self.task(id, job);
            Ok(reached(&last).then(|| last.clone()))
        });
        waited.unwrap_or_else(|error| panic!("{error:#}; last seen {last}"))
    }

    #[track_caller]
    pub(crate) fn wait_finished(&self, id: &str, job: &str) -> Value {
        self.wait_for_status(id, job, "Finished", "Finished")
    }

    /// The job's report.
    pub(crate) fn report(&self, job: &str) -> Value {
        self.client().call("DescribeBackupJobReport", &[("BackupJobId", job)]).expect_success()
    }

    #[track_caller]
    pub(crate) fn wait_failed(&self, id: &str, job: &str) -> Value {
        let waited = wait_for(&format!("failure of job {job}"), PATIENCE, || {
            let task = self.task(id, job);
            Ok((task["BackupStatus"] == "Failed").then_some(task))
        });
        waited.unwrap_or_else(|error| panic!("{error:#}"));
        self.report(job)
    }

    /// The rows of DescribeBackups.
    pub(crate) fn backups(&self, id: &str) -> Vec<Value> {
        let answer = self.client().call("DescribeBackups", &[("DBInstanceId", id)]).expect_success();
        answer["Items"]["Backup"].as_array().expect("a list").clone()
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        for point in ["checking", "preparing", "waiting", "copying", "copied", "proving"] {
            self.script().release(point);
        }
        self.stop();
    }
}

/// Bytes that do not compress, always the same for the same seed.
pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}
