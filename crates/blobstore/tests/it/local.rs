//! What is special about a local folder.

use std::fs;
use std::io::IoSliceMut;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use blobstore::{BlobStore, LocalStore, StoreError, durable};
use rustix::io::{Errno, ReadWriteFlags};

use crate::key;

fn store() -> (tempfile::TempDir, LocalStore) {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::create(&root.path().join("a/repository")).unwrap();
    (root, store)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn folders_and_objects_belong_to_their_owner_alone() {
    let (root, store) = store();
    store.put(&key("sets/1/pack"), &[b"pack"]).unwrap();
    for folder in ["a", "a/repository", "a/repository/sets", "a/repository/sets/1"] {
        assert_eq!(mode(&root.path().join(folder)), 0o700, "{folder}");
    }
    assert_eq!(mode(&root.path().join("a/repository/sets/1/pack")), 0o600);
}

#[test]
fn a_root_that_is_no_folder_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    LocalStore::open(&root.path().join("absent")).expect_err("absent");
    assert!(!root.path().join("absent").exists(), "opening creates nothing");
    LocalStore::open(&file).expect_err("a file");
    let error = LocalStore::create(&file).expect_err("a file");
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

#[test]
fn a_symbolic_link_is_refused_and_never_followed() {
    let (root, store) = store();
    let repository = root.path().join("a/repository");
    let outside = root.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    fs::create_dir(repository.join("sets")).unwrap();
    symlink(outside.join("secret"), repository.join("sets/file-link")).unwrap();
    symlink(&outside, repository.join("sets/folder-link")).unwrap();

    for name in ["sets/file-link", "sets/folder-link/secret", "sets/folder-link"] {
        let key = key(name);
        for error in [
            store.get(&key, 100).map(|_| ()).expect_err(name),
            store.get_range(&key, 0..1).map(|_| ()).expect_err(name),
            store.get_from_medium(&key, 100).map(|_| ()).expect_err(name),
            store.size(&key).map(|_| ()).expect_err(name),
            store.delete(&key).expect_err(name),
        ] {
            assert!(matches!(error, StoreError::Io { .. }), "{name}: {error:?}");
        }
        store.put(&key, &[b"mine"]).expect_err(name);
    }
    store.put(&key("sets/folder-link/new"), &[b"mine"]).expect_err("below a link");
    store.list("", None).expect_err("a listing that skipped it would be a lie");
    store.list_folder("sets").expect_err("a listing that skipped it would be a lie");
    store.list("sets/folder-link", None).expect_err("the folder is a link");
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read_dir(repository.join("sets")).unwrap().count(), 2, "the links are still there");
}

#[test]
fn what_is_no_object_is_left_alone() {
    let (root, store) = store();
    let repository = root.path().join("a/repository");
    store.put(&key("object"), &[b"object"]).unwrap();
    fs::create_dir(repository.join("lost+found")).unwrap();
    fs::write(repository.join(".hidden"), "").unwrap();
    fs::create_dir(repository.join("empty")).unwrap();
    assert!(Command::new("mkfifo").arg(repository.join("pipe")).status().unwrap().success());

    assert_eq!(store.list_folder("").unwrap(), ["object"]);
    assert_eq!(store.list("", None).unwrap().entries.len(), 1);
    for name in ["pipe", "empty"] {
        assert!(matches!(store.get(&key(name), 100), Err(StoreError::Absent { .. })), "{name}");
        assert_eq!(store.size(&key(name)).unwrap(), None);
        store.delete(&key(name)).unwrap();
        assert!(repository.join(name).exists(), "{name} is not ours to remove");
    }
}

#[test]
fn an_objects_name_cannot_also_be_a_folder() {
    let (_root, store) = store();
    store.put(&key("a/b"), &[b"b"]).unwrap();
    assert!(matches!(store.put(&key("a/b/c"), &[b"c"]), Err(StoreError::Io { .. })));
    store.put(&key("a"), &[b"a"]).expect_err("a is a folder");
    assert_eq!(store.get(&key("a/b"), 10).unwrap(), b"b");
    assert_eq!(store.list("", None).unwrap().entries.len(), 1);
}

#[test]
fn bytes_come_from_the_medium_not_from_the_cache() {
    let (root, store) = store();
    let content = vec![1; 3 << 20];
    store.put(&key("pack"), &[&content]).unwrap();
    // Somebody else changed the file through the cache: the change reaches the medium and is seen.
    let path = root.path().join("a/repository/pack");
    let mut changed = content.clone();
    changed[2 << 20] = 2;
    fs::write(&path, &changed).unwrap();
    assert!(store.get_from_medium(&key("pack"), 1 << 30).unwrap() == changed);
}

/// In the file system that lives in memory the cache is the medium.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Whether the kernel can give the file's first block without asking the medium.
fn is_cached(path: &Path) -> Result<bool, Errno> {
    let file = fs::File::open(path).unwrap();
    let mut block = [0; 4096];
    let mut buffers = [IoSliceMut::new(&mut block)];
    match rustix::io::preadv2(&file, &mut buffers, 0, ReadWriteFlags::NOWAIT) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[test]
fn a_pack_is_proven_past_the_cache() {
    let (root, store) = store();
    let path = root.path().join("a/repository/pack");
    if rustix::fs::statfs(root.path()).unwrap().f_type.cast_unsigned() == TMPFS_MAGIC {
        return;
    }
    let content = vec![1; 3 << 20];
    store.put(&key("pack"), &[&content]).unwrap();
    store.get(&key("pack"), 1 << 30).unwrap();
    // Some file systems cannot be asked.
    if is_cached(&path) != Ok(true) {
        return;
    }
    assert!(store.get_from_medium(&key("pack"), 1 << 30).unwrap() == content);
    assert_eq!(is_cached(&path), Ok(false), "the bytes came through the cache");
}

#[test]
fn space_is_the_file_systems() {
    let (root, store) = store();
    let space = store.space().unwrap().expect("a disk has an end");
    let reported = rustix::fs::statvfs(root.path()).unwrap();
    assert_eq!(space.total_bytes, reported.f_blocks * reported.f_frsize);
}

#[test]
fn folders_emptied_by_one_thread_do_not_fail_another() {
    let (_root, store) = store();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let key = key(&format!("shared/folder/{thread}"));
                for _ in 0..50 {
                    store.put(&key, &[b"object"]).expect("put");
                    store.delete(&key).expect("delete");
                }
            });
        }
    });
    assert_eq!(store.list_folder("").unwrap(), [""; 0]);
}

#[test]
fn objects_written_through_durable_are_objects() {
    let (root, store) = store();
    durable::write_new_file(&root.path().join("a/repository/object"), b"content").unwrap();
    assert_eq!(store.get(&key("object"), 100).unwrap(), b"content");
}
