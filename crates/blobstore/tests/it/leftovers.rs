//! Writes that a killed process left unfinished.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use blobstore::{BlobStore, LocalStore, ObjectKey, durable::UNFINISHED_PREFIX};

use crate::key;

/// With this variable set, this test program is the writer that will be killed.
const WRITER_ROOT: &str = "BLOBSTORE_TEST_WRITER_ROOT";

fn unfinished(dir: &Path) -> Vec<PathBuf> {
    let Ok(children) = fs::read_dir(dir) else { return Vec::new() };
    children
        .map(|child| child.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(UNFINISHED_PREFIX))
        .collect()
}

/// Puts packs without end when started as the writer; nothing when run as a test.
#[test]
fn writer() {
    let Some(root) = std::env::var_os(WRITER_ROOT) else { return };
    let store = LocalStore::open(Path::new(&root)).unwrap();
    let content = vec![5; 16 << 20];
    for index in 0u64.. {
        store.put(&key(&format!("sets/pack-{index}")), &[&content]).unwrap();
    }
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_killed_writer_leaves_whole_objects_and_an_invisible_rest() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    let sets = root.path().join("sets");
    let deadline = Instant::now() + Duration::from_mins(1);
    // A kill may fall between two puts; then the next writer is killed.
    while unfinished(&sets).is_empty() {
        assert!(Instant::now() < deadline, "no kill met a write");
        for entry in store.list("", None).unwrap().entries {
            store.delete(&entry.key).unwrap();
        }
        let mut writer = KilledOnDrop(
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "leftovers::writer"])
                .env(WRITER_ROOT, root.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        );
        while !sets.join("pack-0").exists() || unfinished(&sets).is_empty() {
            assert!(Instant::now() < deadline, "the writer writes nothing");
            assert!(writer.0.try_wait().unwrap().is_none(), "the writer ended");
            std::thread::yield_now();
        }
    }

    let listed = store.list("", None).unwrap().entries;
    assert!(!listed.is_empty());
    for entry in &listed {
        assert!(store.get_from_medium(&entry.key, 1 << 30).unwrap() == vec![5; 16 << 20], "{}", entry.key);
    }
    let names: Vec<String> = listed.iter().map(|entry| entry.key.file_name().to_owned()).collect();
    assert_eq!(store.list_folder("sets").unwrap(), names, "only objects are shown");

    assert_eq!(store.clean_unfinished(Duration::from_hours(1)).unwrap(), 0, "too young to be given up");
    assert_eq!(unfinished(&sets).len(), 1);
    age(&unfinished(&sets)[0], Duration::from_hours(2));
    assert_eq!(store.clean_unfinished(Duration::from_hours(1)).unwrap(), 1);
    assert!(unfinished(&sets).is_empty());
    assert_eq!(store.list("", None).unwrap().entries, listed, "no object went with it");
}

fn age(path: &Path, age: Duration) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let written = file.metadata().unwrap().modified().unwrap();
    file.set_modified(written - age).unwrap();
}

#[test]
fn only_unfinished_writes_are_cleaned() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    let kept: ObjectKey = key("a/unfinished-object");
    store.put(&kept, &[b"kept"]).unwrap();
    let leftovers = [".unfinished-1", "a/.unfinished-2"].map(|name| root.path().join(name));
    let foreign = [".hidden", "a/.unfinish", ".git/.unfinished-3"].map(|name| root.path().join(name));
    fs::create_dir(root.path().join(".git")).unwrap();
    for path in leftovers.iter().chain(&foreign).chain([&root.path().join("a/unfinished-object")]) {
        fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        age(path, Duration::from_mins(1));
    }
    assert_eq!(store.clean_unfinished(Duration::from_secs(10)).unwrap(), 2);
    assert!(leftovers.iter().all(|path| !path.exists()));
    assert!(foreign.iter().all(|path| path.exists()));
    assert_eq!(store.get(&kept, 10).unwrap(), b"kept");
}
