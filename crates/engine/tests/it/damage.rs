//! A changed byte is found by `verify`, and never restored silently.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blobstore::LocalStore;
use engine::{Reuse, Uncontrolled};
use repository::{KeySecret, Repository, VerifyOptions, VerifyReport};

use crate::directory::{back_up, repository, request, secret, tree, try_restore};

fn verify(repository: &Repository) -> VerifyReport {
    let options = VerifyOptions { threads: 2, sample_percent: 100, seed: 0 };
    repository.verify(None, &options, &Uncontrolled).expect("verify")
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        tree(root).into_iter().filter(|(_, c)| c.is_some()).map(|(n, _)| root.join(n)).collect();
    found.sort();
    found
}

/// Positions in an object that between them lie in each of its parts.
fn positions(length: usize) -> Vec<usize> {
    let ends = (0..length.min(120)).chain(length.saturating_sub(120)..length);
    let stride = (0..length).step_by((length / 60).max(1));
    let mut positions: Vec<usize> = ends.chain(stride).collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

#[test]
fn a_flipped_byte_in_any_object_is_found_and_not_restored() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("sub")).expect("folder");
    fs::write(source.join("large"), (0..200_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>())
        .expect("file");
    fs::write(source.join("sub/small"), b"small").expect("file");
    let root = dir.path().join("repository");
    let opened = repository(&root);
    let foreign = opened.add_key(&KeySecret::File([8; 32])).expect("a wrap that is not ours to open");
    let first = back_up(&opened, &source, &request(1, Reuse::Nothing));
    fs::write(source.join("sub/small"), b"other").expect("file");
    let second = back_up(&opened, &source, &request(2, Reuse::Parent));
    let place = repository::Place {
        instance: "pg".parse().expect("id"),
        name: repository::AttemptName { set: first.origin.set, attempt: first.origin.attempt },
    };
    opened.put_tombstone(&place, "test", jiff::Timestamp::UNIX_EPOCH).expect("tombstone");
    assert_eq!(verify(&opened).faults, []);
    let expected = tree(&source);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = 0;
    for file in files(&root) {
        let whole = fs::read(&file).expect("object");
        let name = file.file_name().and_then(|n| n.to_str()).expect("name").to_owned();
        let is_foreign = name.ends_with(&foreign);
        let kind = if is_foreign { "foreign".to_owned() } else { name.chars().take(4).collect() };
        *kinds.entry(kind).or_default() += 1;
        let positions = if is_foreign { (0..whole.len()).collect() } else { positions(whole.len()) };
        for position in positions {
            let mut damaged = whole.clone();
            damaged[position] ^= 0x10;
            fs::write(&file, &damaged).expect("damage");
            let store = Arc::new(LocalStore::open(&root).expect("store"));
            let reopened = Repository::open(store, vec![secret()]);
            assert!(reopened.is_ok() || !is_foreign, "byte {position} of somebody else's key: {reopened:?}");
            // A damaged root or key may not even open, which says so too.
            if let Ok(reopened) = reopened {
                let report = verify(&reopened);
                assert_ne!(report.faults, [], "byte {position} of {}", file.display());
                if position % 16 == 0 {
                    number += 1;
                    let target = dir.path().join(format!("target-{number}"));
                    if try_restore_if_whole(&reopened, &second, &target) {
                        assert!(tree(&target) == expected, "byte {position} of {}", file.display());
                    }
                }
            }
        }
        fs::write(&file, &whole).expect("mend");
    }
    let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
    assert!(["begi", "foreign", "mani", "pack", "repo"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    assert_eq!(verify(&opened).faults, []);
}

fn try_restore_if_whole(repository: &Repository, manifest: &repository::Manifest, target: &Path) -> bool {
    let name = repository::AttemptName { set: manifest.origin.set, attempt: manifest.origin.attempt };
    let place = repository::Place { instance: manifest.origin.instance.clone(), name };
    repository.open_set(&place).is_ok() && try_restore(repository, manifest, target).is_ok()
}

#[test]
fn a_broken_frame_names_the_sets_files_and_blocks_and_is_copied_anew() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    fs::create_dir_all(&source).expect("folder");
    fs::write(source.join("large"), (0..2_000_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>())
        .expect("file");
    let root = dir.path().join("repository");
    let opened = repository(&root);
    let first = back_up(&opened, &source, &request(1, Reuse::Nothing));
    let pack = root.join(format!("pg/sets/1.{}/pack-000000", first.origin.attempt));
    let whole = fs::read(&pack).expect("pack");
    let mut damaged = whole.clone();
    damaged[1000] ^= 1;
    fs::write(&pack, &damaged).expect("damage");
    let report = verify(&opened);
    let touched = &report.faults[0].touched[0];
    assert_eq!(touched.set, first.origin.set);
    assert_eq!(touched.path.as_ref().expect("a file").to_string(), "data/large");
    // A pack that is gone altogether is not referred to by the next set.
    blobstore::durable::remove_file(&pack).expect("lose");
    let second = back_up(&opened, &source, &request(2, Reuse::Parent));
    assert_eq!(second.totals.reused_bytes, 0);
    let target = dir.path().join("target");
    try_restore(&opened, &second, &target).expect("restore");
    assert!(tree(&target) == tree(&source));
}

#[test]
fn a_pack_that_is_gone_or_cut_is_found_without_being_read() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    fs::create_dir_all(&source).expect("folder");
    fs::write(source.join("large"), vec![7; 500_000]).expect("file");
    let root = dir.path().join("repository");
    let opened = repository(&root);
    let set = back_up(&opened, &source, &request(1, Reuse::Nothing));
    let pack = root.join(format!("pg/sets/1.{}/pack-000000", set.origin.attempt));
    let whole = fs::read(&pack).expect("pack");
    let faults = || {
        let options = VerifyOptions { threads: 2, sample_percent: 0, seed: 0 };
        let report = opened.verify(None, &options, &Uncontrolled).expect("verify");
        report.faults.into_iter().map(|fault| fault.problem).collect::<Vec<_>>()
    };
    assert!(faults().is_empty());
    fs::write(&pack, &whole[..whole.len() - 1]).expect("cut");
    let shorter = format!("it has {} bytes, not {}", whole.len() - 1, whole.len());
    assert!(faults().contains(&shorter), "{:?}", faults());
    blobstore::durable::remove_file(&pack).expect("lose");
    assert!(faults().contains(&"it is absent".to_owned()), "{:?}", faults());
}

/// A rotation that broke off left somebody out, and whoever could complete it is gone.
#[test]
fn what_is_under_an_older_key_is_restored_by_whoever_has_only_that() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    fs::create_dir_all(&source).expect("folder");
    fs::write(source.join("file"), vec![7; 500_000]).expect("file");
    let root = dir.path().join("repository");
    let opened = repository(&root);
    let theirs = KeySecret::File([8; 32]);
    let name = opened.add_key(&theirs).expect("added");
    let older = back_up(&opened, &source, &request(1, Reuse::Nothing));
    let key = opened.rotate_key(std::slice::from_ref(&theirs), jiff::Timestamp::UNIX_EPOCH).expect("rotated");
    let newer = back_up(&opened, &source, &request(2, Reuse::Nothing));
    blobstore::durable::remove_file(&root.join(format!("keys/{key}.{name}"))).expect("never written");

    let store = Arc::new(LocalStore::open(&root).expect("store"));
    let refused = Repository::open(store.clone(), vec![theirs.clone()]);
    assert!(refused.is_err(), "it could store what the home cannot refer to");
    let left = Repository::open_to_read(store, vec![theirs]).expect("one key opens");
    let instance = "pg".parse().expect("id");
    let sets = left.readable_sets(&instance).expect("listed");
    assert_eq!(sets.sets.iter().map(|set| set.origin.set).collect::<Vec<_>>(), [older.origin.set]);
    assert!(sets.damaged[0].to_string().contains("keys"), "{:?}", sets.damaged);
    let target = dir.path().join("target");
    try_restore(&left, &older, &target).expect("restore");
    assert!(tree(&target) == tree(&source));
    assert!(!try_restore_if_whole(&left, &newer, &dir.path().join("newer")));
}

#[test]
fn a_damaged_manifest_stops_neither_the_next_backup_nor_the_other_sets() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    fs::create_dir_all(&source).expect("folder");
    fs::write(source.join("large"), (0..500_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>())
        .expect("file");
    let root = dir.path().join("repository");
    let opened = repository(&root);
    let first = back_up(&opened, &source, &request(1, Reuse::Nothing));
    let second = back_up(&opened, &source, &request(2, Reuse::Parent));
    let manifest = root.join(format!("pg/sets/2.{}/manifest", second.origin.attempt));
    let mut bytes = fs::read(&manifest).expect("manifest");
    bytes[100] ^= 1;
    fs::write(&manifest, &bytes).expect("damage");
    let third = back_up(&opened, &source, &request(3, Reuse::Parent));
    assert_eq!(third.parent.expect("a parent").set, first.origin.set);
    let instance = "pg".parse().expect("id");
    assert!(opened.sets(&instance).is_err());
    let found = opened.readable_sets(&instance).expect("listing");
    assert_eq!((found.sets.len(), found.damaged.len()), (2, 1));
    assert_eq!(opened.find_set(&instance, first.origin.set).expect("whole"), Some(first.clone()));
    assert!(opened.find_set(&instance, second.origin.set).is_err());
    for (number, set) in [first, third].iter().enumerate() {
        let target = dir.path().join(format!("target-{number}"));
        try_restore(&opened, set, &target).expect("restore");
        assert!(tree(&target) == tree(&source));
    }
}
