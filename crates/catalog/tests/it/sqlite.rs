//! SQLite: the suite, and what only an embedded catalog promises.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use catalog::{Catalog, Error};
use jiff::Timestamp;
use tempfile::TempDir;

fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().expect("a time")
}

fn url(home: &TempDir) -> String {
    format!("sqlite://{}", home.path().join("catalog.sqlite").display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_every_promise() {
    let home = tempfile::tempdir().expect("a directory");
    let mut count = 0;
    let empty_database = || {
        count += 1;
        format!("sqlite://{}", home.path().join(format!("{count} % ?.sqlite")).display())
    };
    catalog::conformance::run_all(empty_database).await;
}

#[tokio::test]
async fn only_the_owner_can_read_the_file() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("catalog.sqlite");
    fs::write(&file, "").expect("a file that was there before");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("readable by all");
    let catalog = Catalog::open(&url(&home)).await.expect("the catalog opens");
    let mut change = catalog.change(now()).await.expect("a change begins");
    change.put_setting("name", "value").await.expect("stored");
    change.commit().await.expect("committed");
    let modes: Vec<u32> = fs::read_dir(home.path())
        .expect("readable")
        .map(|entry| entry.expect("an entry").metadata().expect("metadata").permissions().mode() & 0o777)
        .collect();
    assert_eq!(modes, [0o600; 3], "the catalog, its log, and the log's index");
}

/// The files as a crash would leave them, while a change is under way and after it was committed.
#[tokio::test]
async fn a_crash_leaves_what_was_committed_and_nothing_else() {
    let home = tempfile::tempdir().expect("a directory");
    let catalog = Catalog::open(&url(&home)).await.expect("the catalog opens");
    let after_crash = async || {
        let copy = tempfile::tempdir().expect("a directory");
        for name in ["catalog.sqlite", "catalog.sqlite-wal"] {
            fs::copy(home.path().join(name), copy.path().join(name)).expect("a file of the catalog");
        }
        let survivor = Catalog::open(&url(&copy)).await.expect("the survivor opens");
        assert_eq!(survivor.id(), catalog.id());
        (survivor.setting("a").await.expect("readable"), survivor.setting("b").await.expect("readable"))
    };
    let mut change = catalog.change(now()).await.expect("a change begins");
    change.put_setting("a", "1").await.expect("stored");
    assert_eq!(after_crash().await, (None, None));
    change.put_setting("b", "1").await.expect("stored");
    assert_eq!(after_crash().await, (None, None));
    change.commit().await.expect("committed");
    assert_eq!(after_crash().await, (Some("1".to_owned()), Some("1".to_owned())));
}

#[tokio::test]
async fn an_address_of_neither_kind_is_refused_without_repeating_it() {
    for address in ["", "catalog.sqlite", "sqlite:catalog", "sqlite://relative", "mysql://root:secret@db/x"] {
        let refused = Catalog::open(address).await.expect_err(address);
        assert!(matches!(refused, Error::Url), "{refused}");
        assert!(!refused.to_string().contains("secret"));
    }
    let refused = Catalog::open("sqlite:///nonexistent/catalog.sqlite").await.expect_err("no such folder");
    assert!(matches!(&refused, Error::File { path, .. } if path.ends_with("catalog.sqlite")), "{refused}");
}
