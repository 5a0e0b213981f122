use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use pgwal::Lsn;

use crate::page::page_checksum;

struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    /// A folder laid out as a cluster; nothing in it is a database.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let cluster = Self { folder };
        for dir in ["base/5", "global", "pg_tblspc", "pg_wal/archive_status", "pg_notify", "pg_xact", "log"] {
            fs::create_dir_all(cluster.root().join(dir)).expect("folder");
        }
        cluster.write("PG_VERSION", b"15\n");
        cluster.write("global/pg_control", b"control");
        cluster
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn outside(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).expect("folder");
        path
    }

    fn write(&self, path: &str, content: &[u8]) {
        fs::write(self.root().join(path), content).expect("file");
    }

    fn source(&self) -> DataDirectory {
        DataDirectory::open(DataDirectoryOptions {
            root: self.root(),
            tablespace_folder: "PG_15_202209061".to_owned(),
            exclusion: Exclusion::default(),
            settings_files: Vec::new(),
        })
        .expect("the folder is there")
    }

    fn listed(&self) -> Vec<SourceEntry> {
        let listed: Result<Vec<SourceEntry>, SourceError> = self.source().entries().collect();
        listed.expect("a walk")
    }

    fn kinds(&self) -> BTreeMap<String, EntryKind> {
        self.listed().into_iter().map(|entry| (entry.path.to_string(), entry.kind)).collect()
    }
}

#[test]
fn entries_come_in_the_order_of_stored_paths() {
    let cluster = Cluster::new();
    for name in ["base/5/1", "base/5.x", "base/5-", "base/50", "base/5/10", "base/5/1.1", "z", "a"] {
        cluster.write(name, b"x");
    }
    for oid in ["16400", "164000", "9"] {
        let place = cluster.outside(&format!("space{oid}"));
        fs::create_dir_all(place.join("PG_15_202209061/5")).expect("folder");
        fs::write(place.join("PG_15_202209061/5/7"), b"x").expect("file");
        symlink(&place, cluster.root().join("pg_tblspc").join(oid)).expect("link");
    }
    let paths: Vec<StoredPath> = cluster.listed().into_iter().map(|entry| entry.path).collect();
    assert!(paths.windows(2).all(|pair| pair[0] < pair[1]), "{paths:?}");
    assert_eq!(paths[0].to_string(), "data");
    assert!(paths.iter().any(|path| path.to_string() == "tablespace/164000/PG_15_202209061/5/7"));
}

#[test]
fn pg_wal_is_a_skeleton_and_rebuilt_folders_are_empty() {
    let cluster = Cluster::new();
    cluster.write("pg_wal/000000010000000000000001", b"wal");
    cluster.write("pg_wal/archive_status/000000010000000000000001.done", b"");
    cluster.write("pg_notify/0000", b"x");
    cluster.write("base/5/pg_internal.init", b"x");
    cluster.write("postmaster.pid", b"1\n");
    let kinds = cluster.kinds();
    let paths: Vec<&str> = kinds.keys().map(String::as_str).collect();
    let expect = [
        "data",
        "data/PG_VERSION",
        "data/base",
        "data/base/5",
        "data/global",
        "data/log",
        "data/pg_notify",
        "data/pg_tblspc",
        "data/pg_wal",
        "data/pg_wal/archive_status",
        "data/pg_xact",
    ];
    assert_eq!(paths, expect);
}

#[test]
fn a_tablespace_holds_this_servers_folder_only() {
    let cluster = Cluster::new();
    let place = cluster.outside("space");
    for folder in ["PG_15_202209061/5", "PG_14_202107181/5", "other"] {
        fs::create_dir_all(place.join(folder)).expect("folder");
    }
    symlink(&place, cluster.root().join("pg_tblspc/16400")).expect("link");
    fs::create_dir_all(cluster.root().join("pg_tblspc/16401/PG_15_202209061/5")).expect("in place");
    let kinds = cluster.kinds();
    let spaces: Vec<&String> = kinds.keys().filter(|path| path.contains("164")).collect();
    let expect = [
        "data/pg_tblspc/16401",
        "data/pg_tblspc/16401/PG_15_202209061",
        "data/pg_tblspc/16401/PG_15_202209061/5",
        "tablespace/16400",
        "tablespace/16400/PG_15_202209061",
        "tablespace/16400/PG_15_202209061/5",
    ];
    assert_eq!(spaces, expect);
    let tablespaces = cluster.source().tablespaces().expect("both are read");
    let expect =
        [Tablespace { oid: 16400, location: Some(place) }, Tablespace { oid: 16401, location: None }];
    assert_eq!(tablespaces, expect);
}

#[test]
fn a_tablespace_within_the_data_directory_is_stored_once() {
    let cluster = Cluster::new();
    fs::create_dir_all(cluster.root().join("space/PG_15_202209061/5")).expect("folder");
    symlink(cluster.root().join("space"), cluster.root().join("pg_tblspc/16400")).expect("link");
    let kinds = cluster.kinds();
    assert!(kinds.contains_key("tablespace/16400/PG_15_202209061/5"));
    assert!(!kinds.contains_key("data/space"));
}

#[test]
fn links_to_files_and_folders_are_followed() {
    let cluster = Cluster::new();
    let place = cluster.outside("elsewhere");
    fs::write(place.join("file"), b"four").expect("file");
    fs::remove_dir(cluster.root().join("log")).expect("empty");
    symlink(&place, cluster.root().join("log")).expect("link");
    symlink(place.join("file"), cluster.root().join("server.crt")).expect("link");
    fs::remove_dir_all(cluster.root().join("pg_wal")).expect("folder");
    let wal = cluster.outside("wal");
    fs::create_dir(wal.join("archive_status")).expect("folder");
    symlink(&wal, cluster.root().join("pg_wal")).expect("link");
    let kinds = cluster.kinds();
    assert_eq!(kinds["data/log"], EntryKind::Directory);
    assert_eq!(kinds["data/log/file"], EntryKind::File { bytes: 4 });
    assert_eq!(kinds["data/server.crt"], EntryKind::File { bytes: 4 });
    assert_eq!(kinds["data/pg_wal"], EntryKind::Directory);
    assert_eq!(kinds["data/pg_wal/archive_status"], EntryKind::Directory);
}

#[test]
fn a_link_that_leads_nowhere_is_kept_and_told() {
    let cluster = Cluster::new();
    symlink("/nonexistent/file", cluster.root().join("dangling")).expect("link");
    symlink("itself", cluster.root().join("itself")).expect("link");
    let source = cluster.source();
    let kinds: BTreeMap<String, EntryKind> =
        source.entries().map(|entry| entry.expect("entry")).map(|e| (e.path.to_string(), e.kind)).collect();
    assert_eq!(kinds["data/dangling"], EntryKind::Symlink { target: b"/nonexistent/file".to_vec() });
    assert_eq!(kinds["data/itself"], EntryKind::Symlink { target: b"itself".to_vec() });
    assert_eq!(source.warnings().len(), 2);
}

#[test]
fn links_that_would_store_a_folder_twice_are_refused() {
    type Arrange = fn(&Cluster);
    let cases: [(&str, Arrange); 5] = [
        ("into the data directory", |c| {
            symlink(c.root().join("base"), c.root().join("log/b")).expect("link");
        }),
        ("around the data directory", |c| symlink(c.folder.path(), c.root().join("log/up")).expect("link")),
        ("to its own folder", |c| symlink(".", c.root().join("log/self")).expect("link")),
        ("twice to the same folder", |c| {
            let place = c.outside("twice");
            symlink(&place, c.root().join("log/one")).expect("link");
            symlink(&place, c.root().join("log/two")).expect("link");
        }),
        ("into a tablespace", |c| {
            let place = c.outside("space");
            fs::create_dir_all(place.join("PG_15_202209061")).expect("folder");
            symlink(&place, c.root().join("pg_tblspc/16400")).expect("link");
            symlink(place.join("PG_15_202209061"), c.root().join("log/space")).expect("link");
        }),
    ];
    for (name, arrange) in cases {
        let cluster = Cluster::new();
        arrange(&cluster);
        let outcome: Result<Vec<SourceEntry>, SourceError> = cluster.source().entries().collect();
        let error = outcome.expect_err(name);
        assert_eq!(error.action, "follow the link", "{name}");
    }
}

#[test]
fn a_tablespace_whose_folder_is_gone_is_an_error() {
    let cluster = Cluster::new();
    symlink("/nonexistent/space", cluster.root().join("pg_tblspc/16400")).expect("link");
    let outcome: Result<Vec<SourceEntry>, SourceError> = cluster.source().entries().collect();
    assert_eq!(outcome.expect_err("gone").action, "look at the tablespace");
}

#[test]
fn a_dropped_file_is_left_out_and_a_required_one_is_not() {
    let cluster = Cluster::new();
    cluster.write("base/5/7", b"x");
    let (source, entries) = (cluster.source(), cluster.listed());
    let entry = |path: &str| entries.iter().find(|e| e.path.to_string() == path).expect("listed");
    blobstore::durable::remove_file(&cluster.root().join("base/5/7")).expect("file");
    blobstore::durable::remove_file(&cluster.root().join("PG_VERSION")).expect("file");
    assert!(source.open(entry("data/base/5/7")).expect("may be gone").is_none());
    assert_eq!(source.open(entry("data/PG_VERSION")).expect_err("must be there").action, "open");
}

#[test]
fn a_hundred_thousand_files_are_listed_within_seconds() {
    let cluster = Cluster::new();
    for number in 0..100_000 {
        fs::write(cluster.root().join(format!("base/5/{}", 16384 + number)), b"").expect("file");
    }
    let begin = std::time::Instant::now();
    assert_eq!(cluster.source().entries().flatten().count(), 100_000 + 11);
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

const START: Lsn = Lsn::new(0x0300_0028);

/// A page last changed at `lsn`, with its checksum.
fn page(lsn: Lsn, block: u32) -> Vec<u8> {
    let mut page = vec![0x11; 8192];
    let high = u32::try_from(lsn.as_u64() >> 32).expect("half");
    let low = u32::try_from(lsn.as_u64() & 0xFFFF_FFFF).expect("half");
    page[..4].copy_from_slice(&high.to_le_bytes());
    page[4..8].copy_from_slice(&low.to_le_bytes());
    let sum = page_checksum(&page, block);
    page[8..10].copy_from_slice(&sum.to_le_bytes());
    page
}

fn prove(cluster: &Cluster, path: &str, read: &mut [u8]) -> (BadBlocks, DataDirectory) {
    let checks = PageChecks { start: START, block_bytes: 8192, relation_segment_blocks: 131_072 };
    let source = cluster.source().with_page_checks(checks);
    let entries: Result<Vec<SourceEntry>, SourceError> = source.entries().collect();
    let entries = entries.expect("a walk");
    let entry = entries.iter().find(|e| e.path.to_string() == path).expect("listed").clone();
    let file = source.open(&entry).expect("opens").expect("is there");
    let bad = source.prove(&entry, file.as_ref(), 0, read).expect("reads");
    (bad, source)
}

#[test]
fn bad_pages_are_told_by_block_and_segments_count_on() {
    let cluster = Cluster::new();
    let old = Lsn::new(0x0200_0000);
    let segment: Vec<u8> = (0..4).flat_map(|block| page(old, 131_072 + block)).collect();
    let mut broken = segment.clone();
    broken[2 * 8192 + 100] ^= 1;
    cluster.write("base/5/16384.1", &segment);
    cluster.write("base/5/16385.1", &broken);
    let (bad, source) = prove(&cluster, "data/base/5/16384.1", &mut segment.clone());
    assert_eq!(bad, BadBlocks(vec![]));
    assert_eq!(source.pages_checked(), 4);
    let (bad, _) = prove(&cluster, "data/base/5/16385.1", &mut broken.clone());
    assert_eq!(bad, BadBlocks(vec![2]));
}

#[test]
fn a_torn_page_is_read_again() {
    let cluster = Cluster::new();
    let whole: Vec<u8> = (0..2).flat_map(|block| page(Lsn::new(0x0200_0000), block)).collect();
    cluster.write("base/5/16384", &whole);
    let mut torn = whole.clone();
    torn[8192 + 4096..].fill(0);
    let (bad, _) = prove(&cluster, "data/base/5/16384", &mut torn);
    assert_eq!(bad, BadBlocks(vec![]));
    assert_eq!(torn, whole);
}

#[test]
fn a_page_changed_after_the_start_is_suspect_not_bad() {
    let cluster = Cluster::new();
    let mut changed = page(START, 0);
    changed[5000] ^= 1;
    cluster.write("base/5/16384", &changed);
    let (bad, source) = prove(&cluster, "data/base/5/16384", &mut changed.clone());
    assert_eq!(bad, BadBlocks(vec![]));
    assert_eq!(source.suspect_pages().len(), 1);
    assert_eq!(source.suspect_pages()[0].lsn, START);
}

#[test]
fn half_a_page_at_the_end_is_bad_and_other_files_have_no_pages() {
    let cluster = Cluster::new();
    let mut cut = page(Lsn::new(0x0200_0000), 0);
    cut.extend([1; 4096]);
    cluster.write("base/5/16384", &cut);
    cluster.write("pg_xact/0000", &[1; 8192]);
    let (bad, _) = prove(&cluster, "data/base/5/16384", &mut cut.clone());
    assert_eq!(bad, BadBlocks(vec![1]));
    let (bad, source) = prove(&cluster, "data/pg_xact/0000", &mut [1; 8192]);
    assert_eq!((bad, source.pages_checked()), (BadBlocks(vec![]), 0));
}
