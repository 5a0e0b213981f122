use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use rustix::io::Errno;

use super::calls::probe;
use super::*;

/// Names and contents of everything in `dir`.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Runs `action` in a new folder once to learn its calls, then once for each call with that call failing, in a
/// new folder each; `check` sees the folder, the call that failed and the error.
#[track_caller]
fn fail_each_call(
    prepare: impl Fn(&Path),
    action: impl Fn(&Path) -> io::Result<()>,
    check: impl Fn(&Path, &str, &io::Error),
) {
    let run = |failing| {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        probe::start(failing);
        let outcome = action(dir.path());
        (dir, probe::calls(), outcome)
    };
    let (_dir, calls, outcome) = run(None);
    outcome.expect("it works when nothing fails");
    for (index, call) in calls.iter().enumerate() {
        let (dir, _, outcome) = run(Some((index, Errno::IO.raw_os_error())));
        let error = outcome.expect_err(call);
        assert_eq!(error.raw_os_error(), Some(Errno::IO.raw_os_error()), "{call}");
        check(dir.path(), call, &error);
    }
}

#[test]
fn a_name_appears_after_its_contents_are_on_the_medium() {
    let dir = tempfile::tempdir().unwrap();
    probe::start(None);
    publish(dir.path(), "object", &[b"one", b"two"]).unwrap();
    assert_eq!(
        probe::calls(),
        ["create *", "write", "write", "fdatasync", "link object", "unlink *", "fsync"]
    );
    assert_eq!(contents(dir.path()), BTreeMap::from([("object".to_owned(), b"onetwo".to_vec())]));
    assert_eq!(mode(&dir.path().join("object")), 0o600);
}

#[test]
fn a_pack_costs_one_sync_of_the_file_and_one_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let pack = vec![7; 32 * 1024 * 1024];
    let frames: Vec<&[u8]> = pack.chunks(1_000_003).collect();
    probe::start(None);
    publish(dir.path(), "pack", &frames).unwrap();
    let calls = probe::calls();
    assert_eq!(calls.iter().filter(|call| call.ends_with("sync")).count(), 2, "{calls:?}");
    assert_eq!(calls.iter().filter(|call| *call == "write").count(), 8, "4 MiB at a time: {calls:?}");
    assert!(fs::read(dir.path().join("pack")).unwrap() == pack);
}

#[test]
fn a_file_system_that_refuses_direct_writes_gets_plain_ones() {
    let pack: Vec<u8> = (0_u32..).flat_map(u32::to_le_bytes).take(9_000_001).collect();
    // The first piece, and one in the middle.
    for refused in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        probe::start(Some((refused, Errno::INVAL.raw_os_error())));
        publish(dir.path(), "pack", &[&pack[..5], &pack[5..]]).unwrap();
        assert!(fs::read(dir.path().join("pack")).unwrap() == pack, "write {refused} refused");
    }
}

#[test]
fn a_failed_publish_leaves_nothing_and_touches_nothing() {
    let before = |dir: &Path| fs::write(dir.join("other"), "other").unwrap();
    fail_each_call(
        before,
        |dir| publish(dir, "object", &[b"content"]),
        |dir, call, _| {
            let mut left = contents(dir);
            assert_eq!(left.remove("other").as_deref(), Some(&b"other"[..]));
            // A temporary name that cannot be removed stays, invisible to every listing.
            left.retain(|name, _| call != "unlink *" || !name.starts_with(UNFINISHED_PREFIX));
            assert_eq!(left, BTreeMap::new(), "{call} failed");
            publish(dir, "object", &[b"content"]).expect("the name is free for another try");
        },
    );
}

#[test]
fn a_failed_write_is_never_synced() {
    let dir = tempfile::tempdir().unwrap();
    probe::start(Some((1, Errno::NOSPC.raw_os_error())));
    let error = publish(dir.path(), "object", &[b"content"]).expect_err("no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(probe::calls(), ["create *", "write", "unlink *"]);
}

#[test]
fn a_failed_sync_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    probe::start(Some((2, Errno::IO.raw_os_error())));
    publish(dir.path(), "object", &[b"content"]).expect_err("the medium is bad");
    assert_eq!(probe::calls(), ["create *", "write", "fdatasync", "unlink *"]);
}

#[test]
fn a_taken_name_keeps_its_contents() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("target");
    fs::write(&target, "target").unwrap();
    fs::write(dir.path().join("file"), "file").unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    symlink(&target, dir.path().join("link")).unwrap();
    for name in ["file", "folder", "link"] {
        for error in [
            publish(dir.path(), name, &[b"mine"]).expect_err(name),
            write_new_file(&dir.path().join(name), b"mine").expect_err(name),
            create_file(&dir.path().join(name)).map(|_| ()).expect_err(name),
        ] {
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
        }
    }
    assert_eq!(fs::read(&target).unwrap(), b"target");
    assert_eq!(contents(dir.path()), BTreeMap::from([("file".to_owned(), b"file".to_vec())]));
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_one() {
    let path = |dir: &Path| dir.join("file");
    fail_each_call(
        |dir| fs::write(path(dir), "old").unwrap(),
        |dir| replace_file(&path(dir), b"new"),
        |dir, call, _| {
            let left = contents(dir);
            let expect: &[u8] = if call == "fsync" { b"new" } else { b"old" };
            assert_eq!(left, BTreeMap::from([("file".to_owned(), expect.to_vec())]), "{call} failed");
        },
    );
}

#[test]
fn a_file_has_its_mode_before_it_has_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "old").unwrap();
    probe::start(None);
    replace_file_prepared(&path, b"new", |file| {
        assert_eq!(fs::read(&path)?, b"old");
        file.set_permissions(fs::Permissions::from_mode(0o640))
    })
    .unwrap();
    assert_eq!(probe::calls(), ["create *", "write", "fdatasync", "rename file", "fsync"]);
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), 0o640));

    replace_file_prepared(&path, b"newer", |_| Err(io::ErrorKind::PermissionDenied.into()))
        .expect_err("refused");
    assert_eq!(contents(dir.path()), BTreeMap::from([("file".to_owned(), b"new".to_vec())]));
}

#[test]
fn each_new_folder_is_synced_into_its_parent_before_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b/c");
    probe::start(None);
    create_dir_all_durable(&deep).unwrap();
    assert_eq!(probe::calls(), ["mkdir a", "fsync", "mkdir b", "fsync", "mkdir c", "fsync"]);
    assert_eq!(mode(&deep), 0o700);
    probe::start(None);
    create_dir_all_durable(&deep).unwrap();
    assert_eq!(probe::calls(), [""; 0]);

    fs::write(deep.join("file"), "").unwrap();
    let below_a_file = create_dir_all_durable(&deep.join("file/below")).expect_err("a file is no folder");
    assert_eq!(below_a_file.kind(), io::ErrorKind::NotADirectory);
}

#[test]
fn a_failed_folder_is_an_error() {
    fail_each_call(
        |_| (),
        |dir| create_dir_all_durable(&dir.join("a/b")),
        |dir, call, _| assert!(!dir.join("a/b").exists() || call == "fsync", "{call} failed"),
    );
}

#[test]
fn renaming_and_removing_are_synced() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { dir.path().join(name) };
    fs::write(path("a"), "a").unwrap();
    fs::write(path("b"), "b").unwrap();
    fs::create_dir(path("folder")).unwrap();

    probe::start(None);
    rename(&path("a"), &path("b")).unwrap();
    assert_eq!(probe::calls(), ["rename b", "fsync"]);
    assert_eq!(contents(dir.path()), BTreeMap::from([("b".to_owned(), b"a".to_vec())]));

    probe::start(None);
    rename(&path("b"), &path("folder/c")).unwrap();
    assert_eq!(probe::calls(), ["rename c", "fsync", "fsync"], "both folders");

    probe::start(None);
    remove_file(&path("folder/c")).unwrap();
    assert_eq!(probe::calls(), ["unlink c", "fsync"]);
    assert_eq!(remove_file(&path("folder/c")).unwrap_err().kind(), io::ErrorKind::NotFound);
    rename(&path("gone"), &path("b")).expect_err("nothing to rename");
}

#[test]
fn a_path_without_a_name_is_refused() {
    for path in ["", "/", ".."] {
        let error = write_new_file(Path::new(path), b"").expect_err(path);
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path:?}");
    }
}
