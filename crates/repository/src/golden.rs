//! Golden files of the format: what the writer made when a release came out, in `testdata/format/`.
//!
//! `tests/golden.rs` opens and reads those of every release. Here the writer is compared with those of this
//! one, byte by byte, and every structure in them with what its encoder makes of it.
//!
//! `UPDATE_GOLDEN_FORMAT_V1=1` writes the files of this release anew, and the seeds of the fuzz targets. Files of
//! a release that is out never change.

mod day;
mod history;
mod objects;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::objects::Object;

const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The golden files of this release.
fn folder() -> PathBuf {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/format/v1");
    testdata.join(RELEASE)
}

/// Every file below `root`, by its path there.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let listed = fs::read_dir(&folder);
        for entry in listed.unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below").display().to_string();
                files.insert(name, fs::read(&path).expect("file"));
            }
        }
    }
    files
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        fs::write(path, bytes).expect("file");
    }
}

/// Replaces the golden files of this release, and adds seeds to those of the fuzz targets.
fn update(written: &BTreeMap<String, Vec<u8>>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).expect("changelog");
    let unreleased = format!("\n## {RELEASE} (unreleased)\n");
    assert!(changelog.contains(&unreleased), "{RELEASE} is out: its files never change");
    if folder().exists() {
        fs::remove_dir_all(folder()).expect("remove");
    }
    write(&folder(), written);
    for (target, seeds) in objects::seeds(&folder()) {
        write(&root.join("fuzz/corpus").join(target), &seeds);
    }
}

/// With the clock and the random bytes given, the writer makes the very same files.
///
/// Another version of zstd may compress the same content to other bytes. Then only the files are compared in
/// which it has no part; the test below compares the rest.
#[test]
fn the_writer_makes_the_same_bytes() {
    let dir = tempfile::tempdir().expect("dir");
    history::write(dir.path());
    let written = files(dir.path());
    if std::env::var("UPDATE_GOLDEN_FORMAT_V1").is_ok_and(|value| value == "1") {
        update(&written);
    }
    assert!(folder().exists(), "{RELEASE} has no golden files; docs/format/README.md says how to make them");
    let golden = files(&folder());
    assert!(golden.keys().eq(written.keys()), "{:?} {:?}", golden.keys(), written.keys());
    let same_zstd = golden[history::ZSTD] == written[history::ZSTD];
    for (name, bytes) in &golden {
        if same_zstd || history::is_without_zstd(name) {
            assert!(written[name] == *bytes, "{name} is written with other bytes than in the golden files");
        }
    }
}

/// Whatever a decoder gives is encoded to the same bytes again, and sealed so.
#[test]
fn every_object_is_made_again_from_what_is_read() {
    let objects = objects::read(&folder());
    for Object { name, bytes, remade, .. } in &objects {
        assert!(bytes == remade, "{name} is another object when it is encoded again");
    }
    let frames: usize = objects.iter().map(|object| object.tables.len() + object.maps.len()).sum();
    assert!(objects.len() >= 20 && frames >= 7, "{} objects, {frames} metadata frames", objects.len());
}
