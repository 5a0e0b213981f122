//! Work that is interrupted between any two of its statements.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use serde_json::json;

use super::{Database, at, claimed, enqueue, instance_id, plain_backup, plain_instance, plain_set, register};
use crate::{BackupJobQuery, Failure, JobPhase, Nonce, NonceHash};

/// More than any operation waits; that many without an end is a hang.
const POLLS_MAX: u32 = 1_000;

/// Polls `work` up to `polls` times and then drops it, wherever it is. `None`: it had not ended.
async fn interrupted<T>(work: impl Future<Output = T>, polls: u32) -> Option<T> {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let polled = work.as_mut().poll(context).map(Some);
        if polled.is_pending() && left == 0 {
            return Poll::Ready(None);
        }
        polled
    })
    .await
}

pub(super) async fn a_finish_that_is_dropped_anywhere_is_whole_or_absent(database: &Database) {
    let catalog = database.sole_node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let watched = async |job| {
        let query = BackupJobQuery { instance: instance_id("pg-1"), job: Some(job), phase: None, mode: None };
        catalog.watch_backup_jobs(&query).await.expect("watchable")[0].phase
    };
    let mut absent = 0;
    for polls in 1..POLLS_MAX {
        let job = enqueue(&catalog, plain_backup("pg-1")).await;
        let claim = claimed(&catalog, "worker", at(1)).await;
        let (set, report) = (plain_set(claim.attempt), json!({}));
        assert_eq!(watched(job).await, JobPhase::Running);
        let ended = interrupted(catalog.finish_backup(&claim, &set, &report, None, at(2)), polls).await;

        // Whatever this sees, it must not be remembered.
        watched(job).await;
        let set = catalog.find_set(claim.reserved_set().expect("a number")).await.expect("readable");
        let report = catalog.find_job_report(job).await.expect("readable");
        let phase = catalog.find_job(job).await.expect("readable").expect("there").state.phase();
        if let Some(outcome) = ended {
            outcome.expect("the claim holds");
            assert_eq!((phase, set.is_some()), (JobPhase::Succeeded, true));
            assert!(absent > 0, "at least the first poll is before the commit");
            return;
        }
        // An undo that is still under way is waited for by the next writer; a commit may have got through.
        if catalog.fail(&claim, &Failure::cancelled(), None, None, at(3)).await.is_ok() {
            assert_eq!((phase, set, report), (JobPhase::Running, None, None), "dropped after {polls} polls");
            absent += 1;
        } else {
            let set = catalog.find_set(claim.reserved_set().expect("a number")).await.expect("readable");
            assert!(set.is_some(), "a finished job without a set after {polls} polls");
        }
        let stored = catalog.find_job(job).await.expect("readable").expect("there").state.phase();
        assert_eq!(watched(job).await, stored, "dropped after {polls} polls");
    }
    panic!("finishing did not end");
}

pub(super) async fn a_change_that_is_dropped_leaves_nothing(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let nonce = Nonce { key: "key".to_owned(), hash: NonceHash::from_bytes([1; 16]), expires: at(900) };
    for _ in 0..3 {
        let mut change = catalog.change(at(0)).await.expect("a change begins");
        change.remember_nonce(&nonce).await.expect("nothing of the time before is left");
        let job =
            change.enqueue_backup(plain_backup("pg-1")).await.expect("nothing of the time before is left");
        change.put_setting("name", "value").await.expect("stored");
        drop(change);
        assert_eq!(catalog.find_job(job).await.expect("readable"), None);
        assert_eq!(catalog.setting("name").await.expect("readable"), None);
    }
    let mut change = catalog.change(at(1)).await.expect("a change begins");
    change.deregister_instance(&instance_id("pg-1")).await.expect("no job is left");
}
