//! A store that fails or lies: the job fails, and what was there before stays.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use blobstore::{Fault, FaultyStore, MemoryStore, Operation, Trigger};
use engine::{BackupError, Reuse};
use jiff::Timestamp;
use repository::{CatalogId, Repository};

use crate::directory::{request, restore, secret, tree, try_back_up};

#[test]
fn what_the_store_does_not_keep_is_noticed_before_the_set_counts() {
    let faults =
        [Fault::Lost, Fault::Cut(200), Fault::Flip(5000), Fault::Full, Fault::Fail(ErrorKind::Other)];
    let objects = ["pack-", "manifest"];
    for (fault, object) in faults.iter().flat_map(|fault| objects.map(|object| (fault.clone(), object))) {
        let dir = tempfile::tempdir().expect("dir");
        let source = dir.path().join("source");
        fs::create_dir_all(&source).expect("folder");
        let content: Vec<u8> =
            (0..500_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        fs::write(source.join("f"), &content).expect("file");
        let store = Arc::new(FaultyStore::new(MemoryStore::new()));
        let repository =
            Repository::create(store.clone(), secret(), CatalogId::random(), Timestamp::UNIX_EPOCH);
        let repository = repository.expect("repository");
        let first = try_back_up(&repository, &source, &request(1, Reuse::Nothing)).expect("day 1");
        let day_1 = tree(&source);
        fs::write(source.join("f"), content.iter().map(|b| b ^ 0x55).collect::<Vec<u8>>()).expect("file");
        let shown = format!("{fault:?} of {object}");
        store.inject(Trigger::on(Operation::Put).of(object), fault);
        let error = try_back_up(&repository, &source, &request(2, Reuse::Parent)).expect_err(&shown);
        assert!(!matches!(error, BackupError::Panicked), "{shown}: {error}");
        store.mend();
        let attempts = repository.attempts(&"pg".parse().expect("id")).expect("attempts");
        let live: Vec<_> = attempts.iter().filter(|attempt| attempt.is_live()).collect();
        assert!(live.len() == 1 && live[0].place.name.set == first.origin.set, "{shown}: {live:?}");
        restore(&repository, &first, &dir.path().join("target"));
        assert!(tree(&dir.path().join("target")) == day_1);
    }
}
