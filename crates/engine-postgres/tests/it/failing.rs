//! Backups that cannot succeed: they fail with the cause, soon, and leave no set.

use std::sync::Arc;

use engine::{BackupError, Interrupted, Retry, Stage};

use crate::harness::{Control, ROLE, Store, builder, pgbench_init, start, version_15};

#[test]
fn a_killed_walsender_fails_the_backup_while_it_copies() {
    let cluster = Arc::new(start(&builder(&version_15())));
    pgbench_init(&cluster, 5);
    let store = Store::new();
    let theirs = cluster.clone();
    let control = Control::default().and_at_first_read(move |_| {
        let killed = theirs.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_replication");
        assert_eq!(killed.expect("the superuser may do that"), "1");
        // Long enough for the receiver to notice; the copy itself would be done sooner than that.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while theirs.psql("SELECT count(*) FROM pg_stat_replication").expect("a count") != "0" {
            assert!(std::time::Instant::now() < deadline, "the walsender lives on");
        }
        Ok(())
    });
    let error = store.back_up_with(&cluster, 1, &control).expect_err("no WAL, no set");
    let BackupError::Server { action, retry, .. } = &error else { panic!("another error: {error:?}") };
    assert_eq!((action.as_str(), *retry), ("receive WAL", Retry::Later));
    assert_eq!(store.sets(), 0);
    store.back_up(&cluster, 2);
}

#[test]
fn a_killed_session_fails_the_backup_at_its_stop_at_the_latest() {
    let cluster = Arc::new(start(&builder(&version_15())));
    let store = Store::new();
    let theirs = cluster.clone();
    let control = Control::default().and_at_first_read(move |_| {
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE usename = '{ROLE}' AND backend_type = 'client backend'"
        );
        assert_eq!(theirs.psql(&sql).expect("the superuser may do that"), "1");
        Ok(())
    });
    let error = store.back_up_with(&cluster, 1, &control).expect_err("no session, no set");
    let BackupError::Server { action, .. } = &error else { panic!("another error: {error:?}") };
    assert_eq!(action, "stop the backup on the server");
    assert_eq!(error.retry(), Retry::Later);
    assert_eq!(store.sets(), 0);
}

#[test]
fn a_backup_is_cancelled_in_every_stage() {
    let cluster = start(&builder(&version_15()));
    pgbench_init(&cluster, 1);
    let store = Store::new();
    for (set, stage) in
        (1..).zip([Stage::Checking, Stage::Preparing, Stage::Waiting, Stage::Copying, Stage::Proving])
    {
        let control = Control::at_check(move |control| {
            if control.stage() == Some(stage) { Err(Interrupted::Cancelled) } else { Ok(()) }
        });
        let error = store.back_up_with(&cluster, set, &control).expect_err("cancelled");
        assert!(matches!(error, BackupError::Interrupted(Interrupted::Cancelled)), "{stage:?}: {error:?}");
        assert_eq!(store.sets(), 0, "{stage:?}");
        let left = "SELECT count(*) FROM pg_replication_slots WHERE active";
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while cluster.psql(left).expect("a count") != "0" {
            assert!(std::time::Instant::now() < deadline, "{stage:?}: the slot lives on");
        }
    }
}

#[test]
fn a_spread_checkpoint_is_waited_for_and_can_be_cancelled() {
    let cluster = start(&builder(&version_15()).setting("checkpoint_timeout", "1h"));
    pgbench_init(&cluster, 5);
    let store = Store::new();
    let mut request = store.request(1);
    request.manual = false;
    let begin = std::time::Instant::now();
    let control = Control::at_check(move |control| {
        let is_waiting = control.stage() == Some(Stage::Waiting);
        if is_waiting && begin.elapsed().as_secs() >= 3 { Err(Interrupted::Cancelled) } else { Ok(()) }
    });
    let engine = crate::harness::engine_for(&cluster);
    let outcome = engine::BackupEngine::back_up(&engine, &store.repository, &request, &control);
    let error = outcome.expect_err("cancelled while waiting");
    assert!(matches!(error, BackupError::Interrupted(Interrupted::Cancelled)), "{error:?}");
    assert!(begin.elapsed().as_secs() < 30, "{:?}", begin.elapsed());
}

#[test]
fn a_tablespace_made_during_the_copy_fails_the_attempt() {
    let cluster = Arc::new(start(&builder(&version_15())));
    let space = cluster.directory("space").expect("a folder");
    let store = Store::new();
    let theirs = cluster.clone();
    let control = Control::at_stage(Stage::Copying, move |_| {
        theirs.psql(&format!("CREATE TABLESPACE late LOCATION '{}'", space.display())).expect("made");
        Ok(())
    });
    let error = store.back_up_with(&cluster, 1, &control).expect_err("replay would make it at its old place");
    assert_eq!(error.retry(), Retry::Later);
    assert_eq!(store.sets(), 0);
}
