//! Requirements of listings.

use super::Folder;
use crate::{BlobStore, ObjectKey};

/// All objects in `folder`, page by page, with what every page must be.
fn all(store: &dyn BlobStore, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut after: Option<ObjectKey> = None;
    loop {
        let page = store.list(folder, after.as_ref()).expect("list");
        for entry in &page.entries {
            assert_eq!(store.size(&entry.key).expect("size"), Some(entry.bytes), "size of {}", entry.key);
        }
        names.extend(page.entries.iter().map(|entry| entry.key.to_string()));
        if !page.more {
            return names;
        }
        after = Some(page.entries.last().expect("a page before others is not empty").key.clone());
    }
}

/// The names as whole, sorted names.
fn sorted(folder: &Folder, names: &[&str]) -> Vec<String> {
    let mut whole: Vec<String> = names.iter().map(|name| folder.key(name).to_string()).collect();
    whole.sort_unstable();
    whole
}

pub(super) fn order(store: &dyn BlobStore, folder: &Folder) {
    // `-` and `.` come before `/`, digits, capitals, `_` and small letters after it.
    let names =
        ["a/z", "a-b", "a.b/c", "a0", "aA", "a_", "ab", "a/0/1", "B", "b", "a/a-/x", "a/a/x", "a/a.x"];
    folder.put_all(store, &names);
    assert_eq!(all(store, folder.name()), sorted(folder, &names));
}

pub(super) fn folder(store: &dyn BlobStore, folder: &Folder) {
    folder.put_all(store, &["set/a", "set/b/c", "set-2/a", "set.b", "sett/a", "se"]);
    assert_eq!(all(store, &format!("{}/set", folder.name())), sorted(folder, &["set/a", "set/b/c"]));
    assert_eq!(all(store, &format!("{}/s", folder.name())), Vec::<String>::new());
    assert_eq!(all(store, &format!("{}/se", folder.name())), Vec::<String>::new(), "an object is no folder");
    assert_eq!(all(store, &format!("{}/nowhere/at/all", folder.name())), Vec::<String>::new());
    let top = all(store, "");
    assert!(sorted(folder, &["se", "set/a", "sett/a"]).iter().all(|name| top.contains(name)));
}

pub(super) fn pages(store: &dyn BlobStore, folder: &Folder) {
    let flat: Vec<String> = (0..230).map(|index| format!("flat/{index}")).collect();
    let nested: Vec<String> =
        (0..30).flat_map(|a| (0..3).map(move |b| format!("nested/{a}/{b}/x"))).collect();
    let names: Vec<&str> = flat.iter().chain(&nested).map(String::as_str).collect();
    folder.put_all(store, &names);
    assert_eq!(all(store, folder.name()), sorted(folder, &names));
}

pub(super) fn after(store: &dyn BlobStore, folder: &Folder) {
    let names = ["b/b", "b/d", "d"];
    folder.put_all(store, &names);
    let whole = sorted(folder, &names);
    let before_all: ObjectKey = "A".parse().expect("key");
    let after_all: ObjectKey = "zzz".parse().expect("key");
    let inside = ["a", "b", "b/a", "b/b", "b/b/b", "b/c", "b/d", "b/e", "b-", "b0", "c", "d", "d/d", "e"];
    for after in inside.iter().map(|name| folder.key(name)).chain([before_all, after_all]) {
        let expect: Vec<&String> = whole.iter().filter(|name| name.as_str() > after.as_str()).collect();
        let page = store.list(folder.name(), Some(&after)).expect("list");
        let got: Vec<String> = page.entries.iter().map(|entry| entry.key.to_string()).collect();
        assert_eq!(got.iter().collect::<Vec<_>>(), expect, "after {after}");
    }
}

pub(super) fn names(store: &dyn BlobStore, folder: &Folder) {
    folder.put_all(store, &["a/b/c", "a/b/d", "a/e", "a-", "b", "c/d"]);
    let listed = |prefix: &str| store.list_folder(prefix).expect("list folder");
    assert_eq!(listed(folder.name()), ["a-", "a/", "b", "c/"]);
    assert_eq!(listed(&format!("{}/a", folder.name())), ["b/", "e"]);
    assert_eq!(listed(&format!("{}/b", folder.name())), [""; 0]);
    assert_eq!(listed(&format!("{}/nowhere", folder.name())), [""; 0]);
    assert!(listed("").contains(&format!("{}/", folder.name())));
}

pub(super) fn emptied(store: &dyn BlobStore, folder: &Folder) {
    folder.put_all(store, &["a/b/c", "a/d"]);
    store.delete(&folder.key("a/b/c")).expect("delete");
    assert_eq!(store.list_folder(&format!("{}/a", folder.name())).expect("list folder"), ["d"]);
    store.delete(&folder.key("a/d")).expect("delete");
    assert_eq!(store.list_folder(folder.name()).expect("list folder"), [""; 0]);
    folder.put_all(store, &["a/b/c"]);
    assert_eq!(all(store, folder.name()), sorted(folder, &["a/b/c"]));
}

pub(super) fn refused(store: &dyn BlobStore, _folder: &Folder) {
    for prefix in ["/", "a/", "/a", "a//b", "..", "a/../b", ".", ".hidden", "a b"] {
        store.list(prefix, None).expect_err(prefix);
        store.list_folder(prefix).expect_err(prefix);
    }
}
