use std::fs;

use rustix::io::Errno;

use super::*;
use crate::Retry;
use crate::durable::probe;

fn key(name: &str) -> ObjectKey {
    name.parse().expect("the tests' names are names")
}

fn calls_of(action: impl FnOnce()) -> Vec<String> {
    probe::start(None);
    action();
    probe::calls()
}

/// Calls of a put into a folder that is known to be durable.
const PUT: [&str; 6] = ["create *", "write", "fdatasync", "link", "unlink *", "fsync"];

fn put_of(name: &str) -> Vec<String> {
    PUT.iter().map(|call| if *call == "link" { format!("link {name}") } else { (*call).to_owned() }).collect()
}

#[test]
fn a_folder_is_durable_before_its_first_object_and_synced_once() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    let first = calls_of(|| store.put(&key("a/b/1"), &[b"1"]).unwrap());
    assert_eq!(first[..4], ["mkdir a", "fsync", "mkdir b", "fsync"]);
    assert_eq!(first[4..], put_of("1"));
    assert_eq!(calls_of(|| store.put(&key("a/b/2"), &[b"2"]).unwrap()), put_of("2"));
}

/// Another process may have made the folder and not have synced it yet.
#[test]
fn a_folder_found_is_synced_before_it_is_trusted() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    let first = calls_of(|| store.put(&key("a/1"), &[b"1"]).unwrap());
    assert_eq!(first[0], "fsync");
    assert_eq!(first[1..], put_of("1"));
}

#[test]
fn a_folder_made_anew_is_synced_anew() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    store.put(&key("a/1"), &[b"1"]).unwrap();
    assert_eq!(calls_of(|| store.delete(&key("a/1")).unwrap()), ["unlink 1", "fsync", "rmdir a"]);
    let again = calls_of(|| store.put(&key("a/1"), &[b"1"]).unwrap());
    assert_eq!(again[..2], ["mkdir a", "fsync"]);

    // Made anew by another process, which may not have synced it.
    store.delete(&key("a/1")).unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    let found = calls_of(|| store.put(&key("a/1"), &[b"1"]).unwrap());
    assert_eq!(found[0], "fsync");
    assert_eq!(found[1..], put_of("1"));
}

#[test]
fn a_full_disk_is_full_at_every_step_and_keeps_what_it_has() {
    for errno in [Errno::NOSPC, Errno::DQUOT] {
        let steps = 2 + PUT.len();
        for step in 0..steps {
            let root = tempfile::tempdir().unwrap();
            let store = LocalStore::open(root.path()).unwrap();
            store.put(&key("old"), &[b"old"]).unwrap();

            probe::start(Some((step, errno.raw_os_error())));
            let error = store.put(&key("a/new"), &[b"new"]).expect_err("there is no room");
            assert!(
                matches!(&error, StoreError::Full { key: full, .. } if *full == key("a/new")),
                "{step}: {error:?}"
            );
            assert_eq!(error.retry(), Retry::AfterOperator);

            assert_eq!(store.size(&key("a/new")).unwrap(), None, "{step}");
            assert_eq!(store.list_folder("").unwrap(), ["old"], "{step}");
            assert_eq!(store.get_from_medium(&key("old"), 10).unwrap(), b"old");
            store.put(&key("a/new"), &[b"new"]).expect("there is room again");
            assert_eq!(store.get(&key("a/new"), 10).unwrap(), b"new");
        }
    }
}

#[test]
fn an_error_of_the_medium_is_named_and_not_called_full() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    for step in 0..PUT.len() {
        probe::start(Some((step, Errno::IO.raw_os_error())));
        let error = store.put(&key("object"), &[b"content"]).expect_err("the medium is bad");
        assert!(matches!(error, StoreError::Io { action: "put", .. }), "{error:?}");
        assert_eq!(store.list("", None).unwrap().entries, [], "step {step}");
    }
    store.put(&key("object"), &[b"content"]).unwrap();
    for step in 0..2 {
        probe::start(Some((step, Errno::IO.raw_os_error())));
        let error = store.delete(&key("object")).expect_err("the medium is bad");
        assert!(matches!(error, StoreError::Io { action: "delete", .. }), "{error:?}");
    }
}
