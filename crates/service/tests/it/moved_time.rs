//! A service whose time a test moves: the node's clock, and apart from it the store's.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use blobstore::{BlobStore, Listing, ObjectKey, Space, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use service::{Clock, ServeOptions, Stores};
use testkit::process::wait_for;
use tokio::sync::watch;

use crate::client::{Pairs, Reply, fresh_nonce};
use crate::harness::{Harness, PATIENCE};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub(crate) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// A clock that stands still until it is moved, and tells when it is.
#[derive(Debug)]
pub(crate) struct TestClock {
    now: Mutex<Timestamp>,
    moves: watch::Sender<u64>,
}

impl TestClock {
    pub(crate) fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(now), moves: watch::Sender::new(0) })
    }

    pub(crate) fn set(&self, now: Timestamp) {
        *self.now.lock().expect("the time") = now;
        self.moves.send_modify(|count| *count += 1);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().expect("the time")
    }

    fn watch_moves(&self) -> Option<watch::Receiver<u64>> {
        Some(self.moves.subscribe())
    }
}

/// Opens the real stores, with a time of the test's.
#[derive(Debug, Clone)]
struct MovedStores {
    clock: Arc<TestClock>,
    stored: Arc<Mutex<HashMap<ObjectKey, u64>>>,
}

impl Stores for MovedStores {
    fn open(&self, url: &str) -> Result<Arc<dyn BlobStore>, service::Error> {
        Ok(Arc::new(MovedStore { inner: service::BuiltInStores.open(url)?, time: self.clone() }))
    }
}

#[derive(Debug)]
struct MovedStore {
    inner: Arc<dyn BlobStore>,
    time: MovedStores,
}

impl BlobStore for MovedStore {
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
        self.inner.put(key, parts)?;
        let seconds = self.clock_seconds()?;
        self.time.stored.lock().expect("the times").insert(key.clone(), seconds);
        Ok(())
    }

    fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.inner.get(key, bytes_max)
    }

    fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        self.inner.get_range(key, range)
    }

    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.inner.get_from_medium(key, bytes_max)
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.inner.size(key)
    }

    fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
        let mut listing = self.inner.list(prefix, after)?;
        let stored = self.time.stored.lock().expect("the times");
        for entry in &mut listing.entries {
            if let Some(seconds) = stored.get(&entry.key) {
                entry.stored_seconds = *seconds;
            }
        }
        Ok(listing)
    }

    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.list_folder(prefix)
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.inner.delete(key)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.inner.space()
    }

    fn clock_seconds(&self) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.time.clock.now().as_second()).expect("after 1970"))
    }

    fn location(&self) -> String {
        self.inner.location()
    }
}

/// A harness whose service lives in the test's time.
pub(crate) struct MovedTime {
    pub(crate) harness: Harness,
    pub(crate) clock: Arc<TestClock>,
    stores: MovedStores,
}

impl MovedTime {
    /// A new home, served at `now`.
    pub(crate) fn started(now: &str) -> Self {
        let now = at(now);
        let stores = MovedStores { clock: TestClock::at(now), stored: Arc::default() };
        let mut moved = Self { harness: Harness::stopped(), clock: TestClock::at(now), stores };
        moved.start();
        moved
    }

    pub(crate) fn options(&self) -> ServeOptions {
        ServeOptions {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            stores: Arc::new(self.stores.clone()),
            ..self.harness.options()
        }
    }

    pub(crate) fn start(&mut self) {
        let options = self.options();
        self.harness.start_with(options);
    }

    pub(crate) fn restart(&mut self) {
        self.harness.stop();
        self.start();
    }

    /// The home's repository, in the store's time.
    pub(crate) fn repository(&self) -> repository::Repository {
        let store = self.stores.open(&self.harness.options().config.repository).expect("the store opens");
        let key = service::read_key_file(&self.harness.home.repository_key()).expect("the key");
        repository::Repository::open(store, vec![key]).expect("the repository opens")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Both clocks, as time goes.
    pub(crate) fn go_to(&self, now: Timestamp) {
        self.stores.clock.set(now);
        self.clock.set(now);
    }

    pub(crate) fn call(&self, action: &str, query: Pairs<'_>) -> Reply {
        let client = self.harness.client();
        client.send(&client.sign(action, query, &[], &fresh_nonce(), self.now()))
    }

    pub(crate) fn register_small(&self, id: &str) -> Value {
        let folder = self.harness.source(id, &[("a", 10_000), ("b", 100_000)]);
        let directory = folder.display().to_string();
        let form = [
            ("DBInstanceId", id),
            ("Engine", "postgresql"),
            ("Host", "127.0.0.1"),
            ("Port", "5432"),
            ("User", "backstop"),
            ("DataDirectory", &directory),
        ];
        let client = self.harness.client();
        let signed = client.sign("RegisterDBInstance", &[], &form, &fresh_nonce(), self.now());
        client.send(&signed).expect_success()
    }

    pub(crate) fn modify(&self, id: &str, parameters: Pairs<'_>) -> Reply {
        self.call("ModifyBackupPolicy", &[&[("DBInstanceId", id)], parameters].concat())
    }

    pub(crate) fn policy(&self, id: &str) -> Value {
        self.call("DescribeBackupPolicy", &[("DBInstanceId", id)]).expect_success()
    }

    /// When the next backup is due.
    pub(crate) fn next_due(&self, id: &str) -> Timestamp {
        let policy = self.policy(id);
        let text = policy["PreferredNextBackupTime"].as_str().expect("a time");
        rpc::parse_timestamp(text).expect("a time of the API")
    }

    /// All jobs of an instance, newest first.
    pub(crate) fn jobs(&self, id: &str) -> Vec<Value> {
        self.pages(id, "DescribeBackupJobs", "BackupJob")
    }

    /// All sets of an instance, newest first.
    pub(crate) fn sets(&self, id: &str) -> Vec<Value> {
        self.pages(id, "DescribeBackups", "Backup")
    }

    fn pages(&self, id: &str, action: &str, list: &str) -> Vec<Value> {
        let mut rows: Vec<Value> = Vec::new();
        for page in 1.. {
            let page = page.to_string();
            let query = [("DBInstanceId", id), ("PageNumber", page.as_str()), ("PageSize", "100")];
            let answer = self.call(action, &query).expect_success();
            let more = answer["Items"][list].as_array().expect("a list").clone();
            let last = more.len() < 100;
            rows.extend(more);
            if last {
                return rows;
            }
        }
        unreachable!("some page is the last one")
    }

    /// Waits until the instance has so many jobs, and none of them runs.
    #[track_caller]
    pub(crate) fn wait_for_jobs(&self, id: &str, count: usize) -> Vec<Value> {
        let mut last = Vec::new();
        let waited = wait_for(&format!("{count} ended jobs of {id}"), PATIENCE, || {
            last = self.jobs(id);
            let ended = last.iter().all(|job| job["EndTime"].is_string());
            Ok((ended && last.len() >= count).then(|| last.clone()))
        });
        let jobs = waited.unwrap_or_else(|error| panic!("{error:#} at {}; last seen {last:#?}", self.now()));
        assert_eq!(jobs.len(), count, "at {}: {jobs:#?}", self.now());
        jobs
    }

    /// A figure of `/metrics`.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        let metrics = self.harness.client().get("/metrics").body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().expect("a number")
    }

    #[track_caller]
    pub(crate) fn wait_for_figure(&self, name: &str, count: u64) {
        let mut last = 0;
        let waited = wait_for(&format!("{name} {count}"), PATIENCE, || {
            last = self.figure(name);
            Ok((last >= count).then_some(()))
        });
        waited.unwrap_or_else(|error| panic!("{error:#}; last seen {last}"));
        assert_eq!(last, count, "{name}");
    }
}
