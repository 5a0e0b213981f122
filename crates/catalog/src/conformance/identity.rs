//! Which catalog it is, and the numbers it issues.

use repository::{BackupJobId, BackupSetId, RepositoryId};

use super::{Database, at, enqueue, one_job, plain_backup, plain_instance, register};
use crate::{EnqueueError, Error};

pub(super) async fn migrating_again_changes_nothing(database: &Database) {
    let first = database.node().await;
    let job = one_job(&first).await;
    let second = database.node().await;
    assert_eq!(second.id(), first.id());
    assert_eq!(second.find_job(job).await.expect("readable").expect("still there").id, job);
}

pub(super) async fn two_nodes_that_open_at_once_agree_on_the_id(database: &Database) {
    let (first, second) = tokio::join!(database.node(), database.node());
    assert_eq!(first.id(), second.id());
}

pub(super) async fn a_catalog_is_tied_to_one_repository(database: &Database) {
    let catalog = database.node().await;
    let (own, other) = (RepositoryId::random(), RepositoryId::random());
    assert_eq!(catalog.repository().await.expect("readable"), None);
    catalog.bind_repository(own).await.expect("the first one");
    catalog.bind_repository(own).await.expect("the same again");
    let refused = catalog.bind_repository(other).await.expect_err("another one");
    assert!(
        matches!(refused, Error::RepositoryMismatch { recorded, given } if recorded == own && given == other)
    );
    assert_eq!(catalog.repository().await.expect("readable"), Some(own));
}

pub(super) async fn a_setting_is_replaced(database: &Database) {
    let catalog = database.node().await;
    for value in ["one", "two"] {
        let mut change = catalog.change(at(0)).await.expect("a change begins");
        change.put_setting("name", value).await.expect("stored");
        change.commit().await.expect("committed");
    }
    assert_eq!(catalog.setting("name").await.expect("readable").as_deref(), Some("two"));
    assert_eq!(catalog.setting("other").await.expect("readable"), None);
}

pub(super) async fn counters_go_on_above_what_was_found(database: &Database) {
    let catalog = database.node().await;
    for highest in [20_000, 5] {
        let mut change = catalog.change(at(0)).await.expect("a change begins");
        change
            .raise_counters(BackupJobId::new(highest), BackupSetId::new(highest + 1))
            .await
            .expect("raised");
        change.commit().await.expect("committed");
    }
    let job = one_job(&catalog).await;
    assert_eq!(job.get(), 30_000);
    let reserved = catalog.find_job(job).await.expect("readable").expect("there").reserved_set;
    assert_eq!(reserved, BackupSetId::new(30_001));
    register(&catalog, plain_instance("pg-2")).await;
    assert_eq!(enqueue(&catalog, plain_backup("pg-2")).await.get(), 30_001);
}

pub(super) async fn numbers_end_below_two_to_the_31(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    change.raise_counters(BackupJobId::new((1 << 31) - 1), None).await.expect("raised");
    let refused = change.enqueue_backup(plain_backup("pg-1")).await.expect_err("no number is left");
    assert!(
        matches!(refused, EnqueueError::Catalog(Error::NumbersExhausted { counter: "job" })),
        "{refused}"
    );
}
