//! A repository in memory with a source that changes, and what each set must restore to.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use blobstore::{BlobStore, MemoryStore, ObjectKey};
use engine::{BackupError, BackupRequest, Reuse, SetRecord, SetTimes, SetWriter, Uncontrolled};
use jiff::Timestamp;
use repository::{
    AttemptName, BackupSetId, CatalogId, InstanceId, JobLife, Manifest, Place, Repository, SweepError,
    SweepOptions, SweepPlan, SweepReport, SweepWatch, TOMBSTONE_GRACE, VerifyOptions, execute_sweep,
    plan_sweep,
};
use tempfile::TempDir;

use crate::directory::{Directory, request, restore, secret, tree};

const DAY: u64 = 24 * 60 * 60;

/// Content of a tree.
pub(super) type Tree = BTreeMap<String, Option<Vec<u8>>>;

pub(super) struct World {
    pub(super) store: Arc<MemoryStore>,
    dir: TempDir,
    day: u8,
    next_set: u32,
    next_target: u32,
    /// Sets that must restore.
    pub(super) live: BTreeMap<BackupSetId, (Manifest, Tree)>,
}

/// Watches nothing.
pub(super) struct Unwatched;

impl SweepWatch for Unwatched {
    fn goes_on(&self) -> bool {
        true
    }

    fn deleted(&self, _object: &ObjectKey, _bytes: u64) {}
}

impl World {
    pub(super) fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let created = Repository::create(store.clone(), secret(), CatalogId::random(), Timestamp::UNIX_EPOCH);
        created.expect("repository");
        let dir = tempfile::tempdir().expect("dir");
        let (next_set, next_target) = (1, 0);
        let world = Self { store, dir, day: 0, next_set, next_target, live: BTreeMap::new() };
        for part in ["one", "two"] {
            fs::create_dir_all(world.part(part)).expect("folder");
            world.fill(part, 0);
        }
        world
    }

    pub(super) fn repository(&self) -> Repository {
        Self::repository_in(self.store.clone())
    }

    pub(super) fn repository_in(store: Arc<dyn BlobStore>) -> Repository {
        Repository::open(store, vec![secret()]).expect("it opens")
    }

    fn part(&self, part: &str) -> PathBuf {
        self.dir.path().join(part)
    }

    fn fill(&self, part: &str, day: u8) {
        for file in 0..2u8 {
            let content: Vec<u8> =
                (0..90_000u32).map(|n| (n % 251) as u8 ^ file.wrapping_mul(31) ^ day).collect();
            fs::write(self.part(part).join(format!("{part}-{file}")), content).expect("file");
        }
    }

    /// Changes the files of a part, `one` or `two`; each part has packs of its own in a set.
    pub(super) fn change(&mut self, part: &str) {
        self.day += 1;
        self.fill(part, self.day);
    }

    /// Changes all of a part but for the last blocks of its last file.
    pub(super) fn change_most(&mut self, part: &str) {
        let path = self.part(part).join(format!("{part}-1"));
        let before = fs::read(&path).expect("file");
        self.change(part);
        let mut content = fs::read(&path).expect("file");
        content[3 * 8192..].copy_from_slice(&before[3 * 8192..]);
        content[3 * 8192..7 * 8192].fill(self.day);
        fs::write(&path, content).expect("file");
    }

    pub(super) fn new_request(&mut self, reuse: Reuse) -> BackupRequest {
        let request = request(self.next_set, reuse);
        self.next_set += 1;
        request
    }

    pub(super) fn copy(&self, set: &mut SetWriter<'_>) -> Result<(), BackupError> {
        set.plan(1 << 30);
        for part in ["one", "two"] {
            set.copy(&Directory(self.part(part)), &Uncontrolled)?;
            set.flush()?;
        }
        Ok(())
    }

    pub(super) fn back_up(&mut self, reuse: Reuse) -> Manifest {
        let request = self.new_request(reuse);
        let repository = self.repository();
        let mut set = SetWriter::begin(&repository, &request).expect("begin");
        self.copy(&mut set).expect("copy");
        let manifest = publish(set).expect("publish");
        self.keep(&manifest);
        manifest
    }

    /// A set that was made from the source as it is must restore from now on.
    pub(super) fn keep(&mut self, manifest: &Manifest) {
        let tree = ["one", "two"].into_iter().flat_map(|part| tree(&self.part(part))).collect();
        self.live.insert(manifest.origin.set, (manifest.clone(), tree));
    }

    /// Puts the tombstone that a deletion puts.
    pub(super) fn delete(&mut self, set: &Manifest) {
        self.repository().put_tombstone(&place(set), "test", self.now()).expect("tombstone");
        self.live.remove(&set.origin.set);
    }

    pub(super) fn advance_days(&self, days: u64) {
        self.store.advance_clock(days * DAY);
    }

    pub(super) fn now(&self) -> Timestamp {
        let seconds = self.store.clock_seconds().expect("clock");
        Timestamp::from_second(i64::try_from(seconds).expect("fits")).expect("a time")
    }

    pub(super) fn plan(&self, life: JobLife) -> SweepPlan {
        self.try_plan(&self.repository(), life).expect("plan")
    }

    pub(super) fn try_plan(&self, repository: &Repository, life: JobLife) -> Result<SweepPlan, SweepError> {
        let jobs = |_: &repository::Origin| Ok(life);
        let options = SweepOptions { instance: None, grace: TOMBSTONE_GRACE, now: self.now(), jobs: &jobs };
        plan_sweep(repository, &options)
    }

    pub(super) fn execute(&self, plan: &SweepPlan) -> SweepReport {
        execute_sweep(&self.repository(), plan, self.now(), &Unwatched).expect("execute")
    }

    pub(super) fn sweep(&self, life: JobLife) -> SweepReport {
        self.execute(&self.plan(life))
    }

    /// Objects of the instance.
    pub(super) fn objects(&self) -> Vec<String> {
        let keys = self.store.keys();
        let keys = keys.iter().map(ObjectKey::as_str).filter(|key| key.starts_with("pg/"));
        keys.map(str::to_owned).collect()
    }

    pub(super) fn objects_of(&self, set: &Manifest) -> Vec<String> {
        let own = set.origin.attempt.to_string();
        self.objects().into_iter().filter(|object| object.contains(&own)).collect()
    }

    /// No manifest lacks packs, not even one that is to go.
    #[track_caller]
    fn check_manifests(&self, repository: &Repository) {
        let objects = self.objects();
        for attempt in repository.attempts(&instance()).expect("attempts").iter().filter(|a| a.published) {
            for reference in repository.manifest(&attempt.place).expect("whole").references {
                let name = AttemptName { set: reference.of.set, attempt: reference.of.attempt };
                let place = Place { instance: instance(), name };
                for (pack, _) in reference.packs() {
                    let pack = place.pack(pack.number).to_string();
                    assert!(objects.contains(&pack), "set {} lacks {pack}", attempt.place.name);
                }
            }
        }
    }

    /// Everything that is there is whole, and every set that must restore does.
    #[track_caller]
    pub(super) fn check(&mut self) {
        let repository = self.repository();
        let options = VerifyOptions { threads: 1, sample_percent: 100, seed: 0 };
        assert_eq!(repository.verify(None, &options, &Uncontrolled).expect("verify").faults, []);
        let listed = repository.sets(&instance()).expect("sets");
        let listed: Vec<BackupSetId> = listed.iter().map(|set| set.origin.set).collect();
        assert_eq!(listed, self.live.keys().copied().collect::<Vec<_>>());
        self.check_manifests(&repository);
        for (set, (manifest, expected)) in &self.live {
            self.next_target += 1;
            let target = self.dir.path().join(format!("target-{}", self.next_target));
            restore(&repository, manifest, &target);
            assert!(tree(&target) == *expected, "set {set} is another");
            fs::remove_dir_all(&target).expect("clean");
        }
    }
}

pub(super) fn instance() -> InstanceId {
    "pg".parse().expect("id")
}

pub(super) fn place(set: &Manifest) -> Place {
    let name = AttemptName { set: set.origin.set, attempt: set.origin.attempt };
    Place { instance: set.origin.instance.clone(), name }
}

pub(super) fn place_of(request: &BackupRequest) -> Place {
    let name = AttemptName { set: request.set, attempt: request.attempt };
    Place { instance: request.instance.clone(), name }
}

pub(super) fn publish(set: SetWriter<'_>) -> Result<Manifest, BackupError> {
    let now = Timestamp::UNIX_EPOCH;
    let record = SetRecord {
        engine: "test".to_owned(),
        server_version: "1".to_owned(),
        record: serde_json::Value::Null,
        times: SetTimes { started: now, ended: now, consistent: now },
        proven: now,
    };
    set.prove_and_publish(record, &Uncontrolled)
}
