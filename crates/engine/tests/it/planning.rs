//! A plan says what an extraction then does, and fails where it would.

use std::fs;
use std::path::{Path, PathBuf};

use engine::{ExtractError, ExtractReport, Reuse, Uncontrolled, plan_extract};
use repository::{AttemptName, OpenSet, Place, Repository, StoredPath, VerifyOptions};

use crate::directory::{back_up, repository, request, try_restore};

/// Two folders with large and small files, and the folder that an entry is counted to.
fn make_source(root: &Path) {
    fs::create_dir_all(root.join("a")).expect("folder");
    fs::create_dir_all(root.join("b")).expect("folder");
    fs::write(root.join("a/large"), (0..600_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>())
        .expect("file");
    for number in 0..100 {
        fs::write(root.join(format!("b/{number}")), vec![7; number * 100]).expect("file");
    }
}

fn folder_of(path: &StoredPath) -> PathBuf {
    let name = path.within("data").and_then(|path| path.first()).expect("below data");
    PathBuf::from(char::from(*name).to_string())
}

fn open(repository: &Repository, manifest: &repository::Manifest) -> OpenSet {
    let name = AttemptName { set: manifest.origin.set, attempt: manifest.origin.attempt };
    repository.open_set(&Place { instance: manifest.origin.instance.clone(), name }).expect("open")
}

#[test]
fn a_plan_says_what_an_extraction_writes() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    make_source(&source);
    let repository = repository(&dir.path().join("repository"));
    let manifest = back_up(&repository, &source, &request(1, Reuse::Nothing));
    let plan = plan_extract(&open(&repository, &manifest), &folder_of).expect("plan");
    let small = (0..100).map(|number| number * 100).sum::<u64>();
    assert_eq!(plan.bytes_below, [("a".into(), 2_400_000), ("b".into(), small)].into());
    assert!(plan.stretches >= 3, "the large file lies in three frames: {plan:?}");
    let report = try_restore(&repository, &manifest, &dir.path().join("target")).expect("extract");
    assert_eq!(report, ExtractReport { files: plan.files, bytes: plan.bytes });
}

/// Each byte of what a set lists is proven before anything would be written.
#[test]
fn a_plan_fails_where_a_block_map_is_damaged() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    make_source(&source);
    let root = dir.path().join("repository");
    let repository = repository(&root);
    let first = back_up(&repository, &source, &request(1, Reuse::Nothing));
    // The second set has no content of its own: its pack holds its file table, and maps where they differ.
    fs::write(source.join("b/0"), b"changed").expect("file");
    let second = back_up(&repository, &source, &request(2, Reuse::Parent));
    let mut refused = 0;
    for manifest in [&first, &second] {
        let number = manifest.origin.set;
        let pack = root.join(format!("pg/sets/{number}.{}/pack-000000", manifest.origin.attempt));
        let whole = fs::read(&pack).expect("pack");
        for position in (0..whole.len()).step_by((whole.len() / 40).max(1)).chain([whole.len() - 30]) {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            fs::write(&pack, damaged).expect("damage");
            match plan_extract(&open(&repository, manifest), &folder_of) {
                Ok(plan) => assert_eq!(plan.files, manifest.totals.files, "byte {position} of set {number}"),
                Err(ExtractError::Repository { .. }) => refused += 1,
                Err(other) => panic!("byte {position} of set {number}: {other}"),
            }
        }
        fs::write(&pack, &whole).expect("mend");
    }
    assert!(refused > 0, "no damage was found in file tables and block maps");
    let options = VerifyOptions { threads: 1, sample_percent: 100, seed: 0 };
    assert_eq!(repository.verify(None, &options, &Uncontrolled).expect("verify").faults, []);
}
