//! Stores against a map, under random sequences of calls.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use blobstore::{BlobStore, LocalStore, MemoryStore, ObjectKey, StoreError};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Call {
    Put(ObjectKey, Vec<u8>),
    Delete(ObjectKey),
    Get(ObjectKey),
    List(String),
    ListFolder(String),
}

/// Folders and objects draw on different words, so that no object's name is a folder; the words differ in the
/// characters around `/`.
fn folder() -> impl Strategy<Value = String> {
    vec(prop::sample::select(vec!["a", "a-", "a.b", "a0", "B"]), 0..3).prop_map(|words| words.join("/"))
}

fn object_key() -> impl Strategy<Value = ObjectKey> {
    (folder(), prop::sample::select(vec!["x", "a-x", "a.x", "a_x", "Z", "a1"])).prop_map(|(folder, name)| {
        let name = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        name.parse().expect("built of words")
    })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        5 => (object_key(), vec(any::<u8>(), 0..20)).prop_map(|(key, bytes)| Call::Put(key, bytes)),
        2 => object_key().prop_map(Call::Delete),
        1 => object_key().prop_map(Call::Get),
        1 => folder().prop_map(Call::List),
        1 => folder().prop_map(Call::ListFolder),
    ]
}

type Model = BTreeMap<ObjectKey, Vec<u8>>;

fn start_of(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}

fn list_all(store: &dyn BlobStore, folder: &str) -> Vec<(ObjectKey, u64)> {
    let mut all: Vec<(ObjectKey, u64)> = Vec::new();
    loop {
        let page = store.list(folder, all.last().map(|(key, _)| key)).expect("list");
        all.extend(page.entries.into_iter().map(|entry| (entry.key, entry.bytes)));
        if !page.more {
            return all;
        }
    }
}

fn expect_listing(store: &dyn BlobStore, model: &Model, folder: &str) {
    let start = start_of(folder);
    let expect: Vec<(ObjectKey, u64)> = model
        .iter()
        .filter(|(key, _)| key.as_str().starts_with(&start))
        .map(|(key, bytes)| (key.clone(), bytes.len() as u64))
        .collect();
    assert_eq!(list_all(store, folder), expect, "list {folder:?}");
}

fn expect_folder(store: &dyn BlobStore, model: &Model, folder: &str) {
    let start = start_of(folder);
    let mut expect: Vec<String> = model
        .keys()
        .filter_map(|key| key.as_str().strip_prefix(&start))
        .map(|rest| rest.split_inclusive('/').next().expect("a name is not empty").to_owned())
        .collect();
    expect.sort();
    expect.dedup();
    assert_eq!(store.list_folder(folder).expect("list folder"), expect, "list folder {folder:?}");
}

fn run(store: &dyn BlobStore, calls: Vec<Call>) {
    let mut model = Model::new();
    for call in calls {
        match call {
            Call::Put(key, bytes) => match store.put(&key, &[&bytes]) {
                Ok(()) => assert_eq!(model.insert(key, bytes), None, "a taken name was given away"),
                Err(StoreError::Exists { key: taken, .. }) => {
                    assert!(taken == key && model.contains_key(&key), "{key} is free");
                }
                Err(other) => panic!("put {key}: {other:?}"),
            },
            Call::Delete(key) => {
                store.delete(&key).expect("delete");
                model.remove(&key);
            }
            Call::Get(key) => match store.get(&key, 100) {
                Ok(bytes) => assert_eq!(Some(&bytes), model.get(&key)),
                Err(StoreError::Absent { .. }) => assert_eq!(None, model.get(&key)),
                Err(other) => panic!("get {key}: {other:?}"),
            },
            Call::List(folder) => expect_listing(store, &model, &folder),
            Call::ListFolder(folder) => expect_folder(store, &model, &folder),
        }
    }
    expect_listing(store, &model, "");
    expect_folder(store, &model, "");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_local_store_is_a_map(calls in vec(call(), 0..60), page in 1_usize..6) {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path()).unwrap().with_page_entries(NonZeroUsize::new(page).unwrap());
        run(&store, calls);
    }
}

proptest! {
    #[test]
    fn a_memory_store_is_a_map(calls in vec(call(), 0..200), page in 1_usize..6) {
        run(&MemoryStore::new().with_page_entries(NonZeroUsize::new(page).unwrap()), calls);
    }

    #[test]
    fn a_key_is_its_text_and_stays_below_the_root(text in "[a-zA-Z0-9._/\\-é ]{0,40}") {
        if let Ok(key) = text.parse::<ObjectKey>() {
            prop_assert_eq!(key.as_str(), &text);
            prop_assert!(!text.starts_with('/') && text.split('/').all(|s| !s.is_empty() && !s.starts_with('.')));
            let joined = if key.folder().is_empty() {
                key.file_name().to_owned()
            } else {
                format!("{}/{}", key.folder(), key.file_name())
            };
            prop_assert_eq!(joined, text);
        }
    }
}
