//! `backstop repository sweep`, with and without a catalog, and killed at every deletion.

use std::fs::{self, File};
use std::time::Duration;

use engine::{BackupRequest, EntryKind, Reuse, SetRecord, SetTimes, SetWriter, SourceEntry, Uncontrolled};
use repository::{
    AttemptId, AttemptName, BackupJobId, BackupSetId, Compression, FencingEpoch, Manifest, Place, Repository,
    StoredPath,
};

use crate::program::{Program, Run};

const DAY: Duration = Duration::from_hours(24);

fn url(program: &Program) -> String {
    format!("file://{}", program.home().join("repository").display())
}

fn key_file(program: &Program) -> String {
    program.home().join("keys/repository.key").display().to_string()
}

fn repository(program: &Program) -> Repository {
    let secret = service::read_key_file(key_file(program).as_ref()).expect("the home's key");
    service::open_repository(&url(program), vec![secret]).expect("the home's repository")
}

fn request(repository: &Repository, set: u32) -> BackupRequest {
    BackupRequest {
        instance: "orders".parse().expect("id"),
        set: BackupSetId::new(set).expect("id"),
        job: BackupJobId::new(set).expect("id"),
        epoch: FencingEpoch::new(1),
        catalog: repository.catalog(),
        attempt: AttemptId::random(),
        dead_attempts: Vec::new(),
        manual: true,
        retention_days: Some(7),
        reuse: Reuse::Parent,
        threads: std::num::NonZeroUsize::MIN,
        compression: Compression::Zstd(1),
        now: jiff::Timestamp::UNIX_EPOCH,
        free_space_floor_bytes: Some(0),
        own_directories: Vec::new(),
    }
}

/// A set of small files in packs of their own, about a database that is not there.
fn make_set(repository: &Repository, set: u32) -> Manifest {
    let mut writer = SetWriter::begin(repository, &request(repository, set)).expect("begin");
    for file in 0..3u8 {
        let content: Vec<u8> = (0..20_000u32).map(|n| (n % 97) as u8 ^ file).collect();
        let entry = SourceEntry {
            path: StoredPath::new(format!("data/{file}")).expect("path"),
            kind: EntryKind::File { bytes: content.len() as u64 },
            mode: 0o600,
            owner: 0,
            group: 0,
        };
        writer.add_bytes(&entry, &content).expect("added");
        writer.flush().expect("stored");
    }
    let now = jiff::Timestamp::UNIX_EPOCH;
    let record = SetRecord {
        engine: "postgresql".to_owned(),
        server_version: "15".to_owned(),
        record: serde_json::Value::Null,
        times: SetTimes { started: now, ended: now, consistent: now },
        proven: now,
    };
    writer.prove_and_publish(record, &Uncontrolled).expect("published")
}

fn place(set: &Manifest) -> Place {
    let name = AttemptName { set: set.origin.set, attempt: set.origin.attempt };
    Place { instance: set.origin.instance.clone(), name }
}

/// Puts a tombstone that is `days` old.
fn bury(program: &Program, repository: &Repository, set: &Manifest, days: u32) {
    repository.put_tombstone(&place(set), "test", jiff::Timestamp::UNIX_EPOCH).expect("tombstone");
    age(program, &format!("orders/tombstones/{}", place(set).name), days);
}

/// Makes an object of the home's repository older.
pub(crate) fn age(program: &Program, object: &str, days: u32) {
    let path = program.home().join("repository").join(object);
    let stored = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("it is there");
    let file = File::options().append(true).open(&path).expect("it can be opened");
    file.set_modified(stored - DAY * days).expect("its time can be set");
}

fn sweep(program: &Program, options: &[&str]) -> Run {
    program.run(&[&["repository", "sweep"], options].concat())
}

/// Objects of the instance.
fn objects(program: &Program) -> usize {
    let repository = repository(program);
    let mut count = 0;
    let mut after = None;
    loop {
        let page = repository.store().list("orders", after.as_ref()).expect("listable");
        count += page.entries.len();
        after = page.entries.into_iter().next_back().map(|entry| entry.key);
        if !page.more {
            return count;
        }
    }
}

#[test]
fn a_plan_is_printed_and_then_executed() {
    let program = Program::with_home();
    let repository = repository(&program);
    let (first, second) = (make_set(&repository, 1), make_set(&repository, 2));
    bury(&program, &repository, &first, 2);
    let young = sweep(&program, &["--dry-run"]).expect_status(0).stdout;
    assert!(young.contains("nothing is to be swept") && young.contains("grace"), "{young}");
    age(&program, &format!("orders/tombstones/{}", place(&first).name), 2);
    let whole = objects(&program);
    let plan = sweep(&program, &["--dry-run", "--output", "json"]).expect_status(0).json();
    let text = sweep(&program, &["--dry-run"]).expect_status(0).stdout;
    assert!(text.contains(&place(&first).name.to_string()) && text.contains("(--dry-run)"), "{text}");
    assert!(!text.contains(&second.origin.attempt.to_string()) && objects(&program) == whole);
    let other = sweep(&program, &["--instance", "others", "--output", "json"]).expect_status(0).json();
    assert_eq!((&other["Objects"], objects(&program)), (&0.into(), whole));
    let report = sweep(&program, &["--output", "json"]).expect_status(0).json();
    assert_eq!((&report["Objects"], &report["Bytes"]), (&plan["Objects"], &plan["Bytes"]));
    assert_eq!(report["Attempts"], 1);
    program.run(&["repository", "verify"]).expect_status(0);
    let list = program.run(&["repository", "list", "--output", "json"]).expect_status(0).json();
    assert_eq!(list["Items"]["Backup"].as_array().map(Vec::len), Some(1));
}

#[test]
fn without_a_catalog_a_begin_counts_for_seven_days() {
    let program = Program::with_home();
    let repository = repository(&program);
    let attempt = request(&repository, 1);
    drop(SetWriter::begin(&repository, &attempt).expect("begin"));
    let name = AttemptName { set: attempt.set, attempt: attempt.attempt };
    let options = ["--repository", &url(&program), "--key-file", &key_file(&program), "--output", "json"];
    let young = sweep(&program, &options).expect_status(0);
    assert!(young.json()["TombstonesPut"] == 0 && young.stderr.contains("7 days"), "{}", young.stderr);
    age(&program, &format!("orders/sets/{name}/begin"), 7);
    assert_eq!(sweep(&program, &options).expect_status(0).json()["TombstonesPut"], 1);
    age(&program, &format!("orders/tombstones/{name}"), 3);
    assert_eq!(sweep(&program, &options).expect_status(0).json()["Attempts"], 1);
    assert_eq!(objects(&program), 0);
}

#[test]
fn an_instance_that_cannot_be_read_is_named_and_kept() {
    let program = Program::with_home();
    let repository = repository(&program);
    let (first, second) = (make_set(&repository, 1), make_set(&repository, 2));
    bury(&program, &repository, &first, 4);
    let manifest = format!("orders/sets/{}/manifest", place(&second).name);
    let path = program.home().join("repository").join(&manifest);
    let mut bytes = fs::read(&path).expect("readable");
    bytes[100] ^= 1;
    fs::write(&path, bytes).expect("writable");
    let whole = objects(&program);
    let run = sweep(&program, &[]).expect_status(1);
    assert!(run.stdout.contains(&manifest) && objects(&program) == whole, "{}", run.stdout);
}

/// The process dies after each deletion in turn; whatever it leaves verifies, and the last sweep finishes it.
#[test]
fn a_sweep_that_is_killed_again_and_again_comes_to_its_end() {
    let mut program = Program::with_home();
    let repository = repository(&program);
    let sets: Vec<Manifest> = (1..=3).map(|set| make_set(&repository, set)).collect();
    bury(&program, &repository, &sets[0], 4);
    bury(&program, &repository, &sets[1], 4);
    program.set("BACKSTOP_FAILPOINTS", "sweep.deleted=abort");
    let mut deaths = 0;
    while sweep(&program, &[]).status != 0 {
        deaths += 1;
        program.run(&["repository", "verify"]).expect_status(0);
        assert!(deaths < 50, "it comes to no end");
    }
    assert!(deaths >= 8, "{deaths}");
    let attempts = repository.attempts(&sets[0].origin.instance).expect("attempts");
    let live: Vec<_> = attempts.iter().filter(|attempt| attempt.is_live()).collect();
    assert_eq!((attempts.len(), live.len()), (1, 1), "{attempts:?}");
    assert_eq!(live[0].place, place(&sets[2]));
}
