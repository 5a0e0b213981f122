//! Requirements of single objects.

use std::sync::Barrier;
use std::thread;

use super::Folder;
use crate::{BlobStore, ObjectKey, StoreError};

/// More than any object of the suite has.
const BYTES_MAX: u64 = 1 << 30;

#[track_caller]
fn expect_whole(store: &dyn BlobStore, key: &ObjectKey, expect: &[u8]) {
    let bytes = expect.len() as u64;
    assert_eq!(store.size(key).expect("size"), Some(bytes));
    assert!(store.get(key, BYTES_MAX).expect("get") == expect, "get: other bytes");
    assert!(store.get_from_medium(key, BYTES_MAX).expect("get from medium") == expect, "medium: other bytes");
    assert!(store.get_range(key, 0..bytes).expect("get range") == expect, "range: other bytes");
}

/// Bytes that differ at every place, so that a shift is seen.
fn pattern(len: usize) -> Vec<u8> {
    (0u32..).flat_map(u32::to_le_bytes).take(len).collect()
}

pub(super) fn whole(store: &dyn BlobStore, folder: &Folder) {
    let key = folder.key("object");
    store.put(&key, &[b"one, ", b"", b"two, ", b"three"]).expect("put");
    expect_whole(store, &key, b"one, two, three");
}

pub(super) fn empty(store: &dyn BlobStore, folder: &Folder) {
    for (name, parts) in [("no-parts", &[][..]), ("empty-parts", &[&b""[..], b""])] {
        let key = folder.key(name);
        store.put(&key, parts).expect("put");
        expect_whole(store, &key, b"");
        assert!(store.list(folder.name(), None).expect("list").entries.iter().any(|entry| entry.key == key));
    }
}

pub(super) fn large(store: &dyn BlobStore, folder: &Folder) {
    // Around the sizes at which a store may begin to write in another way, in parts that fit no block.
    for len in [4095, 4096, 1 << 20, (1 << 20) + 1, 4 << 20, (9 << 20) + 4096, (9 << 20) + 4097] {
        let bytes = pattern(len);
        let parts: Vec<&[u8]> = bytes.chunks(1_000_003).collect();
        let key = folder.key(&format!("{len}-bytes"));
        store.put(&key, &parts).expect("put");
        expect_whole(store, &key, &bytes);
        store.delete(&key).expect("delete");
    }
}

pub(super) fn create_only(store: &dyn BlobStore, folder: &Folder) {
    let key = folder.key("object");
    store.put(&key, &[b"first"]).expect("put");
    for content in [&b"second"[..], b"first", b""] {
        match store.put(&key, &[content]) {
            Err(StoreError::Exists { key: refused, .. }) => assert_eq!(refused, key),
            other => panic!("put to a taken name: {other:?}"),
        }
    }
    expect_whole(store, &key, b"first");
    assert_eq!(store.list(folder.name(), None).expect("list").entries.len(), 1, "the refused left something");
}

pub(super) fn absent(store: &dyn BlobStore, folder: &Folder) {
    folder.put_all(store, &["there/object"]);
    for name in ["object", "nowhere/object", "there", "there/object/below"] {
        let key = folder.key(name);
        let is_absent = |got: Result<Vec<u8>, StoreError>| matches!(got, Err(StoreError::Absent { key: k, .. }) if k == key);
        assert!(is_absent(store.get(&key, BYTES_MAX)), "get {key}");
        assert!(is_absent(store.get_range(&key, 0..1)), "get range of {key}");
        assert!(is_absent(store.get_from_medium(&key, BYTES_MAX)), "get {key} from medium");
        assert_eq!(store.size(&key).expect("size"), None, "{key}");
        store.delete(&key).expect("delete of an absent object");
    }
    expect_whole(store, &folder.key("there/object"), b"there/object");
}

pub(super) fn bounds(store: &dyn BlobStore, folder: &Folder) {
    let key = folder.key("object");
    store.put(&key, &[b"12345"]).expect("put");
    assert_eq!(store.get(&key, 5).expect("get"), b"12345");
    assert_eq!(store.get_from_medium(&key, 5).expect("get from medium"), b"12345");
    for got in [store.get(&key, 4), store.get_from_medium(&key, 4), store.get(&key, 0)] {
        assert!(matches!(got, Err(StoreError::TooLarge { bytes: 5, .. })), "{got:?}");
    }
}

pub(super) fn ranges(store: &dyn BlobStore, folder: &Folder) {
    let key = folder.key("object");
    let bytes = pattern(10_000);
    store.put(&key, &[&bytes]).expect("put");
    for (start, end) in [(0, 1), (1, 2), (4095, 4097), (9_999, 10_000), (0, 10_000), (0, 0), (10_000, 10_000)]
    {
        let got = store.get_range(&key, start as u64..end as u64).expect("get range");
        assert!(got == bytes[start..end], "{start}..{end}");
    }
    for range in [0..10_001, 9_999..10_001, 10_000..10_001, 20_000..30_000] {
        let wanted_end = range.end;
        match store.get_range(&key, range) {
            Err(StoreError::Short { bytes, wanted, .. }) => assert_eq!((bytes, wanted), (10_000, wanted_end)),
            other => panic!("a range to {wanted_end}: {other:?}"),
        }
    }
}

pub(super) fn deletion(store: &dyn BlobStore, folder: &Folder) {
    folder.put_all(store, &["a/object", "a/other"]);
    let key = folder.key("a/object");
    store.delete(&key).expect("delete");
    store.delete(&key).expect("delete again");
    assert_eq!(store.size(&key).expect("size"), None);
    let left: Vec<_> = store.list(folder.name(), None).expect("list").entries;
    assert_eq!(left.len(), 1);
    store.put(&key, &[b"anew"]).expect("put to a free name");
    expect_whole(store, &key, b"anew");
    expect_whole(store, &folder.key("a/other"), b"a/other");
}

pub(super) fn race(store: &dyn BlobStore, folder: &Folder) {
    for round in 0..8 {
        let key = folder.key(&format!("round-{round}/object"));
        let barrier = Barrier::new(8);
        let winners: Vec<u8> = thread::scope(|scope| {
            let (key, barrier) = (&key, &barrier);
            let writers: Vec<_> = (0u8..8)
                .map(|writer| {
                    scope.spawn(move || {
                        let content = [writer; 5_000];
                        barrier.wait();
                        match store.put(key, &[&content]) {
                            Ok(()) => Some(writer),
                            Err(StoreError::Exists { .. }) => None,
                            Err(other) => panic!("a writer who loses is told so: {other:?}"),
                        }
                    })
                })
                .collect();
            writers.into_iter().filter_map(|writer| writer.join().expect("writer")).collect()
        });
        assert_eq!(winners.len(), 1, "winners of round {round}: {winners:?}");
        expect_whole(store, &key, &[winners[0]; 5_000]);
        let listed = store.list(&format!("{}/round-{round}", folder.name()), None).expect("list");
        assert_eq!(listed.entries.len(), 1, "a loser left something");
    }
}

pub(super) fn clock(store: &dyn BlobStore, folder: &Folder) {
    let before = store.clock_seconds().expect("clock");
    folder.put_all(store, &["object"]);
    let after = store.clock_seconds().expect("clock");
    assert!(before > 1_700_000_000, "the clock counts from 1970: {before}");
    assert!(before <= after, "the clock fell from {before} to {after}");
    let listed = store.list(folder.name(), None).expect("list");
    let stored = listed.entries[0].stored_seconds;
    assert!((before..=after).contains(&stored), "stored at {stored}, not in {before}..={after}");
}

pub(super) fn space(store: &dyn BlobStore, _folder: &Folder) {
    if let Some(space) = store.space().expect("space") {
        assert!(space.free_bytes <= space.total_bytes, "{space:?}");
        assert!(space.total_bytes > 0, "{space:?}");
    }
}
