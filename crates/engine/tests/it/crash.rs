//! Whatever is interrupted is garbage, never half a set.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use blobstore::{CrashStore, MemoryStore};
use engine::Reuse;
use jiff::Timestamp;
use repository::{CatalogId, Repository};

use crate::directory::{request, restore, secret, tree, try_back_up};

fn open(store: MemoryStore) -> Repository {
    Repository::open(Arc::new(store), vec![secret()]).expect("the survivor opens")
}

fn write(source: &Path, day: u8) {
    fs::create_dir_all(source).expect("folder");
    for file in 0..5u8 {
        let length = 300_000 + usize::from(file) * 7;
        let content: Vec<u8> = (0..length).map(|n| if n < 9000 { day } else { file }).collect();
        fs::write(source.join(format!("f{file}")), content).expect("file");
    }
}

/// Stops the store after each change in turn. What survives opens; each set that it lists restores
/// whole; the first day is never lost; and the second is there when the backup said so.
#[test]
fn an_interrupted_backup_never_costs_the_previous_set() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    let store = MemoryStore::new();
    let repository =
        Repository::create(Arc::new(store.copy()), secret(), CatalogId::random(), Timestamp::UNIX_EPOCH);
    drop(repository.expect("repository"));
    let base = {
        let shared = Arc::new(CrashStore::holding(&store));
        let repository =
            Repository::create(shared.clone(), secret(), CatalogId::random(), Timestamp::UNIX_EPOCH);
        write(&source, 1);
        try_back_up(&repository.expect("repository"), &source, &request(1, Reuse::Parent)).expect("day 1");
        shared.after_crash()
    };
    let day_1 = tree(&source);
    write(&source, 2);
    let day_2 = tree(&source);
    let steps = {
        let counting = Arc::new(CrashStore::holding(&base));
        let repository = Repository::open(counting.clone(), vec![secret()]).expect("repository");
        try_back_up(&repository, &source, &request(2, Reuse::Parent)).expect("day 2");
        counting.changes()
    };
    assert!(steps >= 3, "begin, a pack and a manifest, at least");
    for stop_after in 0..=steps {
        let crashing = Arc::new(CrashStore::holding(&base).stopping_after(stop_after));
        let repository = Repository::open(crashing.clone(), vec![secret()]).expect("repository");
        let outcome = try_back_up(&repository, &source, &request(2, Reuse::Parent));
        for (number, survivor) in
            [crashing.after_crash(), crashing.after_crash_with_last_change()].into_iter().enumerate()
        {
            let survivor = open(survivor);
            let sets = survivor.sets(&"pg".parse().expect("id")).expect("sets");
            assert!(!sets.is_empty() && (outcome.is_err() || sets.len() == 2), "stopped after {stop_after}");
            for (set, expected) in sets.iter().zip([&day_1, &day_2]) {
                let target = dir.path().join(format!("target-{stop_after}-{number}-{}", set.origin.set));
                restore(&survivor, set, &target);
                assert!(tree(&target) == *expected, "stopped after {stop_after} of {steps}");
            }
        }
    }
}
