//! What was stored comes back, whatever the files and whatever changed since the parent.

use std::fs;
use std::path::Path;

use engine::{Reuse, Uncontrolled};
use proptest::prelude::*;
use repository::BLOCK_BYTES;

use crate::directory::{Directory, back_up, repository, request, restore, tree};

/// Bytes that compress badly and differ by seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(step).take(length).collect()
}

fn populate(root: &Path) {
    fs::create_dir_all(root.join("base/1")).expect("folder");
    fs::create_dir_all(root.join("empty")).expect("folder");
    fs::write(root.join("base/1/large"), noise(1, 20 * 1024 * 1024 + 77)).expect("file");
    fs::write(root.join("base/1/zeros"), vec![0; 3 * 1024 * 1024]).expect("file");
    for number in 0..300 {
        fs::write(
            root.join(format!("base/small-{number}")),
            noise(number, usize::try_from(number * 97).expect("small")),
        )
        .expect("file");
    }
    fs::write(root.join("base/none"), b"").expect("file");
    fs::write(root.join("base/block"), noise(9, BLOCK_BYTES)).expect("file");
}

#[test]
fn a_tree_comes_back_byte_by_byte() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    populate(&source);
    let repository = repository(&dir.path().join("repository"));
    let manifest = back_up(&repository, &source, &request(1, Reuse::Nothing));
    restore(&repository, &manifest, &dir.path().join("target"));
    assert!(tree(&source) == tree(&dir.path().join("target")));
    assert_eq!(manifest.totals.files, 304);
    assert!(manifest.parent.is_none() && manifest.references.len() == 1);
}

#[test]
fn files_come_back_past_the_cache_and_through_it() {
    const MIB: usize = 1 << 20;
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("base")).expect("folder");
    // Whole blocks and long runs; the odd end of a large file; on both sides of the least run; a hole in the middle.
    let lengths = [5 * MIB, MIB, 128 * 1024, 128 * 1024 - 1, 128 * 1024 + 8192, 3 * MIB + 4096, 2 * MIB + 1];
    for (length, number) in lengths.into_iter().zip(0u32..) {
        fs::write(source.join(format!("base/f{number}")), noise(number.into(), length)).expect("file");
    }
    let mut hole = noise(50, 6 * MIB);
    hole[MIB..4 * MIB].fill(0);
    fs::write(source.join("base/hole"), hole).expect("file");
    // Small files that share frames with one another and with the ends of large ones.
    for number in 0..500u16 {
        let content = noise(number.into(), usize::from(number) * 18);
        fs::write(source.join(format!("base/small-{number}")), content).expect("file");
    }
    let repository = repository(&dir.path().join("repository"));
    let manifest = back_up(&repository, &source, &request(1, Reuse::Nothing));
    // Then every 16th block of one file lies elsewhere.
    let mut scattered = fs::read(source.join("base/f0")).expect("file");
    scattered.iter_mut().step_by(16 * BLOCK_BYTES).for_each(|byte| *byte ^= 1);
    let in_memory = tempfile::tempdir_in("/dev/shm").ok();
    for target in [Some(dir.path()), in_memory.as_ref().map(tempfile::TempDir::path)].into_iter().flatten() {
        let target = target.join("full");
        restore(&repository, &manifest, &target);
        assert!(tree(&source) == tree(&target), "{}", target.display());
    }
    fs::write(source.join("base/f0"), &scattered).expect("file");
    let manifest = back_up(&repository, &source, &request(2, Reuse::Parent));
    assert!(manifest.totals.new_bytes < MIB as u64, "{:?}", manifest.totals);
    for target in [Some(dir.path()), in_memory.as_ref().map(tempfile::TempDir::path)].into_iter().flatten() {
        let target = target.join("incremental");
        restore(&repository, &manifest, &target);
        assert!(tree(&source) == tree(&target), "{}", target.display());
    }
}

/// What is gathered for one large write is written in the end, too, without a file that follows.
#[test]
fn the_last_file_comes_back_whole() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    fs::create_dir_all(&source).expect("folder");
    fs::write(source.join("only"), noise(3, 640 * 1024)).expect("file");
    let repository = repository(&dir.path().join("repository"));
    let manifest = back_up(&repository, &source, &request(1, Reuse::Nothing));
    restore(&repository, &manifest, &dir.path().join("target"));
    assert!(tree(&source) == tree(&dir.path().join("target")));
}

#[test]
fn an_unchanged_tree_is_referred_to() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    populate(&source);
    let repository = repository(&dir.path().join("repository"));
    let first = back_up(&repository, &source, &request(1, Reuse::Nothing));
    let second = back_up(&repository, &source, &request(2, Reuse::Parent));
    assert_eq!(second.totals.reused_bytes, second.totals.source_bytes);
    assert_eq!(second.totals.new_bytes, 0, "tables that did not change are referred to");
    assert_eq!(second.totals.stored_bytes, first.totals.stored_bytes);
    restore(&repository, &second, &dir.path().join("target"));
    assert!(tree(&source) == tree(&dir.path().join("target")));
}

#[test]
fn only_changed_blocks_are_stored_again() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    populate(&source);
    let repository = repository(&dir.path().join("repository"));
    back_up(&repository, &source, &request(1, Reuse::Nothing));
    let mut large = fs::read(source.join("base/1/large")).expect("file");
    for block in [0, 300, 301, 2000] {
        large[block * BLOCK_BYTES + 5] ^= 1;
    }
    fs::write(source.join("base/1/large"), &large).expect("file");
    fs::write(source.join("base/small-100"), b"other").expect("file");
    blobstore::durable::remove_file(&source.join("base/small-101")).expect("file");
    fs::write(source.join("base/small-0a"), b"new").expect("file");
    let second = back_up(&repository, &source, &request(2, Reuse::Parent));
    assert!(second.totals.new_bytes < 100_000, "{:?}", second.totals);
    restore(&repository, &second, &dir.path().join("target"));
    assert!(tree(&source) == tree(&dir.path().join("target")));
}

#[test]
fn a_new_data_key_still_finds_what_did_not_change() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    populate(&source);
    let repository = repository(&dir.path().join("repository"));
    back_up(&repository, &source, &request(1, Reuse::Nothing));
    repository.rotate_key(&[], jiff::Timestamp::UNIX_EPOCH).expect("rotate");
    let second = back_up(&repository, &source, &request(2, Reuse::Parent));
    assert_eq!(second.totals.reused_bytes, second.totals.source_bytes);
    restore(&repository, &second, &dir.path().join("target"));
    assert!(tree(&source) == tree(&dir.path().join("target")));
}

/// See section 4c of the field's list of lost data: a resumed backup that kept files whose size was
/// the same made every resumed backup inconsistent.
#[test]
fn frames_of_a_dead_attempt_are_used_only_for_the_same_bytes() {
    let dir = tempfile::tempdir().expect("dir");
    let source = dir.path().join("source");
    populate(&source);
    let repository = repository(&dir.path().join("repository"));
    let first = request(1, Reuse::Nothing);
    let mut dead = engine::SetWriter::begin(&repository, &first).expect("begin");
    dead.copy(&Directory(source.clone()), &Uncontrolled).expect("copy");
    dead.flush().expect("flush");
    drop(dead);
    let mut large = fs::read(source.join("base/1/large")).expect("file");
    large[5_000_000] ^= 1;
    fs::write(source.join("base/1/large"), &large).expect("file");
    let mut second = request(1, Reuse::Nothing);
    second.dead_attempts.push(first.attempt);
    let manifest = back_up(&repository, &source, &second);
    assert!(manifest.totals.new_bytes < 6 * 1024 * 1024, "{:?}", manifest.totals);
    assert_eq!(manifest.references.len(), 2);
    restore(&repository, &manifest, &dir.path().join("target"));
    assert!(tree(&source) == tree(&dir.path().join("target")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_history_of_changes_restores(
        steps in prop::collection::vec(
            prop::collection::vec((0u8..6, 0usize..3_000_000, 0u64..4, any::<bool>()), 1..6),
            1..5,
        ),
    ) {
        let dir = tempfile::tempdir().expect("dir");
        let source = dir.path().join("source");
        fs::create_dir_all(&source).expect("folder");
        let repository = repository(&dir.path().join("repository"));
        for (step, set) in steps.into_iter().zip(1u32..) {
            for (file, length, seed, grow) in step {
                let path = source.join(format!("f{file}"));
                let mut content = fs::read(&path).unwrap_or_default();
                if grow {
                    content.extend(noise(seed, length));
                    content.truncate(6_000_000);
                } else {
                    let from = length.min(content.len());
                    let changed = noise(seed, 10_000.min(content.len() - from));
                    content[from..from + changed.len()].copy_from_slice(&changed);
                    content.truncate(content.len() - content.len() / 5);
                }
                fs::write(&path, content).expect("file");
            }
            let manifest = back_up(&repository, &source, &request(set, Reuse::Parent));
            let target = dir.path().join(format!("target-{set}"));
            restore(&repository, &manifest, &target);
            prop_assert!(tree(&source) == tree(&target));
        }
    }
}
