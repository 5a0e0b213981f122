//! A million files and two million frames of a block each: planned, stored on disk, stored again with the
//! first set as parent, listed, verified, their restore planned and their archive read here and there, in less than 256 MiB of memory.
//!
//! A program of its own, for the peak of a process is what is measured. `BACKSTOP_SCALE=10` makes ten
//! times as many frames.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    Archive, ArchiveShape, BackupRequest, BadBlocks, EntryKind, MadeMember, Reuse, SetRecord, SetTimes,
    SetWriter, Source, SourceEntry, SourceError, SourceFile, Uncontrolled, plan_extract,
};
use jiff::Timestamp;
use repository::{
    AttemptId, AttemptName, BLOCK_BYTES, BackupJobId, BackupSetId, CatalogId, Compression, Entry,
    FencingEpoch, KeySecret, Manifest, OpenSet, Place, Repository, StoredPath, VerifyOptions,
};

const FILES: u64 = 1_000_000;
const FILES_IN_FOLDER: u64 = 20_000;
const PEAK_KIB_MAX: u64 = 256 * 1024;

/// Files whose content follows from their number; nothing is on disk.
#[derive(Debug)]
struct Generated {
    blocks_each: u64,
}

#[derive(Debug)]
struct GeneratedFile {
    number: u64,
    bytes: u64,
}

impl SourceFile for GeneratedFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let end = (offset + buffer.len() as u64).min(self.bytes);
        let length = usize::try_from(end.saturating_sub(offset)).expect("fits");
        for (block, number) in buffer[..length].chunks_mut(BLOCK_BYTES).zip(offset / BLOCK_BYTES as u64..) {
            block.fill(0);
            block[..8].copy_from_slice(&self.number.to_le_bytes());
            block[8..16].copy_from_slice(&number.to_le_bytes());
        }
        Ok(length)
    }
}

impl Source for Generated {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<SourceEntry, SourceError>> + Send + '_> {
        let entry = |path: String, kind| SourceEntry {
            path: StoredPath::new(path).expect("path"),
            kind,
            mode: 0o700,
            owner: 1,
            group: 1,
        };
        let bytes = self.blocks_each * BLOCK_BYTES as u64;
        let folders = 0..FILES / FILES_IN_FOLDER;
        Box::new(folders.flat_map(move |folder| {
            let own = std::iter::once(Ok(entry(format!("data/{folder:06}"), EntryKind::Directory)));
            let file = move |n| Ok(entry(format!("data/{folder:06}/{n:08}"), EntryKind::File { bytes }));
            own.chain((0..FILES_IN_FOLDER).map(file))
        }))
    }

    fn open(&self, entry: &SourceEntry) -> Result<Option<Arc<dyn SourceFile>>, SourceError> {
        let path = entry.path.to_string();
        let digits: String = path.chars().filter(char::is_ascii_digit).collect();
        let number = digits.parse().expect("digits");
        Ok(Some(Arc::new(GeneratedFile { number, bytes: self.blocks_each * BLOCK_BYTES as u64 })))
    }

    fn prove(
        &self,
        _entry: &SourceEntry,
        _file: &dyn SourceFile,
        _offset: u64,
        _bytes: &mut [u8],
    ) -> Result<BadBlocks, SourceError> {
        Ok(BadBlocks::default())
    }
}

fn request(set: u32) -> BackupRequest {
    BackupRequest {
        instance: "pg".parse().expect("id"),
        set: BackupSetId::new(set).expect("id"),
        job: BackupJobId::new(set).expect("id"),
        epoch: FencingEpoch::new(1),
        catalog: CatalogId::from_bytes([1; 16]),
        attempt: AttemptId::random(),
        dead_attempts: Vec::new(),
        manual: true,
        retention_days: None,
        reuse: Reuse::Parent,
        threads: NonZeroUsize::new(2).expect("two"),
        compression: Compression::Zstd(1),
        now: Timestamp::UNIX_EPOCH,
        free_space_floor_bytes: Some(0),
        own_directories: Vec::new(),
    }
}

fn publish(set: SetWriter<'_>) -> Manifest {
    let now = Timestamp::UNIX_EPOCH;
    let record = SetRecord {
        engine: "test".to_owned(),
        server_version: "1".to_owned(),
        record: serde_json::Value::Null,
        times: SetTimes { started: now, ended: now, consistent: now },
        proven: now,
    };
    set.prove_and_publish(record, &Uncontrolled).expect("publish")
}

/// Half of the folders have an even number.
fn folder_parity(path: &StoredPath) -> &'static str {
    let folder = path.within("data").and_then(|path| path.get(..6)).expect("six digits");
    if folder[5].is_multiple_of(2) { "even" } else { "odd" }
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("peak");
    line.trim().trim_end_matches(" kB").parse().expect("number")
}

/// What a job's plan is: the bytes of all entries.
fn planned_bytes(source: &Generated) -> u64 {
    let size = |entry: Result<SourceEntry, SourceError>| match entry.expect("entry").kind {
        EntryKind::File { bytes } => bytes,
        EntryKind::Directory | EntryKind::Symlink { .. } => 0,
    };
    source.entries().map(size).sum()
}

/// Frames of one block each, which only a set after many changes has: written one by one.
fn store_block_by_block(repository: &Repository, source: &Generated) -> Manifest {
    let mut set = SetWriter::begin(repository, &request(1)).expect("begin");
    set.plan(planned_bytes(source));
    let mut content = vec![0; BLOCK_BYTES];
    for entry in source.entries() {
        let entry = entry.expect("entry");
        if entry.kind == EntryKind::Directory {
            set.add_entry(&entry).expect("folder");
            continue;
        }
        let file = source.open(&entry).expect("open").expect("there");
        let mut stream = set.file_stream().expect("stream");
        for block in 0..source.blocks_each {
            file.read_at(block * BLOCK_BYTES as u64, &mut content).expect("read");
            stream.write(&content).expect("write");
            stream.end_frame().expect("frame");
        }
        set.add_streamed(&entry, &stream.finish().expect("finish")).expect("add");
    }
    publish(set)
}

/// As a restore is planned. Each block of a set that refers to the first one lies in a frame of its own.
fn plan_restore(set: &OpenSet, source: &Generated) {
    let even_and_odd = |path: &StoredPath| Path::new("/").join(folder_parity(path));
    let plan = plan_extract(set, &even_and_odd).expect("plan");
    assert_eq!((plan.files, plan.bytes), (FILES, set.manifest().totals.source_bytes));
    assert_eq!(plan.stretches, FILES * source.blocks_each);
    let half = plan.bytes / 2;
    assert_eq!(plan.bytes_below, [(PathBuf::from("/even"), half), (PathBuf::from("/odd"), half)].into());
}

/// The set's paths as they are.
#[derive(Debug)]
struct Plain;

impl ArchiveShape for Plain {
    fn path(&self, entry: &Entry) -> Option<Vec<u8>> {
        entry.path.within("data").map(<[u8]>::to_vec)
    }

    fn made(&self) -> &[MadeMember] {
        &[]
    }
}

/// As a download is: measured, then read in stretches that begin anywhere.
fn read_archive(set: &OpenSet, source: &Generated) {
    let archive = Archive::measure(set, Box::new(Plain)).expect("measured");
    let bytes_each = source.blocks_each * BLOCK_BYTES as u64;
    let member = 512 + bytes_each;
    let folder = 512 + FILES_IN_FOLDER * member;
    assert_eq!(archive.bytes(), FILES / FILES_IN_FOLDER * folder + 1024);
    for number in [0, 1, 19_999, 20_000, 543_210, FILES - 1] {
        let within = number % FILES_IN_FOLDER;
        let start = number / FILES_IN_FOLDER * folder + 512 + within * member + 512;
        let mut content = Vec::new();
        archive.write(start..start + bytes_each, &mut content).expect("read");
        let path = format!("data/{:06}/{within:08}", number / FILES_IN_FOLDER);
        let path = StoredPath::new(path).expect("a path");
        let kind = EntryKind::File { bytes: bytes_each };
        let entry = SourceEntry { path, kind, mode: 0o700, owner: 1, group: 1 };
        let file = source.open(&entry).expect("opens").expect("there");
        let mut expect = vec![0; content.len()];
        assert_eq!(file.read_at(0, &mut expect).expect("read") as u64, bytes_each);
        assert!(content == expect, "file {number}");
    }
}

fn tell_peak(done: &str) -> u64 {
    let peak = peak_kib();
    eprintln!("{done}: peak {} MiB", peak / 1024);
    peak
}

#[test]
fn memory_does_not_grow_with_the_number_of_files_and_frames() {
    let scale: u64 = std::env::var("BACKSTOP_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let source = Generated { blocks_each: 2 * scale };
    let dir = tempfile::tempdir().expect("dir");
    let store = Arc::new(blobstore::LocalStore::create(dir.path()).expect("store"));
    let secret = KeySecret::random_file();
    let repository = Repository::create(store, secret, CatalogId::random(), Timestamp::UNIX_EPOCH);
    let repository = repository.expect("repository");

    let first = store_block_by_block(&repository, &source);
    assert_eq!((first.totals.files, first.totals.source_bytes), (FILES, planned_bytes(&source)));
    assert!(first.totals.new_frames >= FILES * source.blocks_each);
    tell_peak("stored");

    // Without a plan nothing is copied only to keep it together: every block stays in a frame of its own.
    let mut second = SetWriter::begin(&repository, &request(2)).expect("begin");
    second.copy(&source, &Uncontrolled).expect("copy");
    let second = publish(second);
    assert_eq!(second.totals.reused_bytes, second.totals.source_bytes);
    tell_peak("stored again");

    let name = AttemptName { set: second.origin.set, attempt: second.origin.attempt };
    let place = Place { instance: second.origin.instance.clone(), name };
    let set = repository.open_set(&place).expect("open");
    let listed = set.entries().expect("entries").map(|entry| entry.expect("entry"));
    assert_eq!(listed.count() as u64, second.totals.entries);
    tell_peak("listed");

    let options = VerifyOptions { threads: 2, sample_percent: 100, seed: 0 };
    let report = repository.verify(None, &options, &Uncontrolled).expect("verify");
    assert_eq!(report.faults, []);
    tell_peak("verified");

    plan_restore(&set, &source);
    tell_peak("restore planned");

    read_archive(&set, &source);
    let peak = tell_peak("archive read");
    assert!(peak < PEAK_KIB_MAX, "the peak was {peak} KiB");
}
