//! A set as a tar archive: any stretch of it is the same as in the whole, and `tar` unpacks it.

use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::{Archive, ArchiveError, ArchiveShape, MadeMember, Reuse};
use proptest::prelude::*;
use repository::{AttemptName, BLOCK_BYTES, Entry, Manifest, OpenSet, Place, Repository};

use crate::directory::{back_up, repository, request, tree};

/// All of the set, and two members more.
#[derive(Debug)]
struct Plain(Vec<MadeMember>);

impl Plain {
    fn new() -> Self {
        let made = |path: &str, content| MadeMember {
            path: path.into(),
            mode: 0o755,
            owner: 0,
            group: 4_000_000_000,
            content,
        };
        Self(vec![made("made", None), made("made/last", Some(b"label".to_vec()))])
    }
}

impl ArchiveShape for Plain {
    fn path(&self, entry: &Entry) -> Option<Vec<u8>> {
        entry.path.within("data").map(<[u8]>::to_vec)
    }

    fn made(&self) -> &[MadeMember] {
        &self.0
    }
}

fn open(repository: &Repository, manifest: &Manifest) -> OpenSet {
    let name = AttemptName { set: manifest.origin.set, attempt: manifest.origin.attempt };
    repository.open_set(&Place { instance: manifest.origin.instance.clone(), name }).expect("the set opens")
}

fn archive(repository: &Repository, manifest: &Manifest) -> Archive {
    Archive::measure(&open(repository, manifest), Box::new(Plain::new())).expect("it is measured")
}

fn part(archive: &Archive, range: Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    archive.write(range, &mut out).expect("it is written");
    out
}

fn unpack(archive: &[u8], target: &Path) {
    fs::create_dir(target).expect("a folder");
    let file = target.with_extension("tar");
    fs::write(&file, archive).expect("a file");
    let output = Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(target).output().expect("tar runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

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

/// Files of many sizes, deep and long paths, and so many of them that there are several table frames.
fn populate(root: &Path) {
    let deep = root.join("d".repeat(90)).join("e".repeat(120)).join("f".repeat(30));
    for folder in [root.join("base/5"), root.join("empty"), deep.clone()] {
        fs::create_dir_all(folder).expect("folder");
    }
    fs::write(root.join("base/5/large"), noise(1, 9 * 1024 * 1024 + 77)).expect("file");
    fs::write(root.join("base/none"), b"").expect("file");
    fs::write(root.join("base/block"), noise(2, BLOCK_BYTES)).expect("file");
    fs::write(root.join("base/half"), noise(3, 512)).expect("file");
    fs::write(root.join("n".repeat(250)), noise(4, 100)).expect("file");
    fs::write(root.join("Zürich und Köln"), b"letters").expect("file");
    fs::write(deep.join("g".repeat(200)), noise(5, 3000)).expect("file");
    for number in 0..6000u64 {
        let length = usize::try_from(number % 1500).expect("small");
        fs::write(root.join(format!("base/5/{number}")), noise(number, length)).expect("file");
    }
}

/// A tree, backed up, changed here and there, and backed up again, so that its blocks lie in frames of two sets.
struct World {
    dir: tempfile::TempDir,
    repository: Repository,
    manifest: Manifest,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let source = dir.path().join("source");
        populate(&source);
        let repository = repository(&dir.path().join("repository"));
        back_up(&repository, &source, &request(1, Reuse::Nothing));
        let mut large = fs::read(source.join("base/5/large")).expect("file");
        large.iter_mut().step_by(48 * BLOCK_BYTES).for_each(|byte| *byte ^= 1);
        fs::write(source.join("base/5/large"), large).expect("file");
        let manifest = back_up(&repository, &source, &request(2, Reuse::Parent));
        assert!(manifest.table.len() > 2, "{} table frames", manifest.table.len());
        Self { dir, repository, manifest }
    }
}

#[test]
fn an_archive_unpacks_into_what_was_backed_up() {
    let World { dir, repository, manifest } = World::new();
    let archive = archive(&repository, &manifest);
    let whole = part(&archive, 0..u64::MAX);
    assert_eq!(whole.len() as u64, archive.bytes());
    assert_eq!(whole.len() % 512, 0);
    let target = dir.path().join("target");
    unpack(&whole, &target);
    assert_eq!(fs::read(target.join("made/last")).expect("file"), b"label");
    fs::remove_dir_all(target.join("made")).expect("removed");
    assert!(tree(&dir.path().join("source")) == tree(&target));
    // Another one who opens the set, another time, gets the same bytes.
    assert!(part(&self::archive(&repository, &manifest), 0..archive.bytes()) == whole);
}

#[test]
fn any_stretch_is_the_same_as_in_the_whole() {
    let World { dir: _dir, repository, manifest } = World::new();
    let archive = archive(&repository, &manifest);
    let whole = part(&archive, 0..archive.bytes());
    let bytes = archive.bytes();
    let check = |range: Range<u64>| {
        let place = |at: u64| usize::try_from(at.min(bytes)).expect("in memory");
        let expect = &whole[place(range.start)..place(range.end)];
        assert!(part(&archive, range.clone()) == expect, "{range:?}");
    };
    for range in [0..0, 0..1, 0..512, bytes - 1..bytes, bytes..bytes + 9, bytes - 1500..bytes, 511..513] {
        check(range);
    }
    let range = (0..bytes, prop_oneof![0u64..3000, 0u64..2_000_000]);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&range, |(start, length)| {
        check(start..start + length);
        Ok(())
    });
    outcome.expect("every stretch is right");
}

/// Takes so many bytes and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_takes_no_more_ends_it() {
    let World { dir: _dir, repository, manifest } = World::new();
    let archive = archive(&repository, &manifest);
    let error = archive.write(0..archive.bytes(), &mut Full(3_000_000)).expect_err("the sink is full");
    assert!(matches!(error, ArchiveError::Sink(_)), "{error:?}");
}

#[test]
fn a_broken_frame_is_an_error_and_what_lies_before_it_is_right() {
    let World { dir, repository, manifest } = World::new();
    let archive = archive(&repository, &manifest);
    let whole = part(&archive, 0..archive.bytes());
    let sets = dir.path().join("repository/pg/sets");
    let mut paths = fs::read_dir(&sets).expect("sets").map(|set| set.expect("a set").path());
    let is_first =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("1."));
    let pack = paths.find(is_first).expect("the first set").join("pack-000000");
    let mut bytes = fs::read(&pack).expect("a pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let mut mode = fs::metadata(&pack).expect("a pack").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
    fs::set_permissions(&pack, mode).expect("writable");
    fs::write(&pack, bytes).expect("damaged");
    let archive = self::archive(&repository, &manifest);
    let mut out = Vec::new();
    let error = archive.write(0..archive.bytes(), &mut out).expect_err("a frame is damaged");
    assert!(matches!(error, ArchiveError::Repository { .. }), "{error:?}");
    assert!(!out.is_empty() && whole.starts_with(&out), "{} bytes", out.len());
}
