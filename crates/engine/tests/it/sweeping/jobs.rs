//! Sweeps beside jobs: what a running one may refer to stays, and a dead one publishes nothing.

use std::cell::RefCell;

use engine::{BackupError, Reuse, SetWriter};
use repository::{Ancestor, AttemptId, Begin, BeginKind, JobLife, Origin, RepositoryError};

use super::pack;
use super::world::{World, place, place_of, publish};

#[test]
fn a_running_job_keeps_its_parent_however_long_it_runs() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    let request = world.new_request(Reuse::Parent);
    let repository = world.repository();
    let mut set = SetWriter::begin(&repository, &request).expect("begin");
    world.delete(&first);
    let whole = world.objects();
    for _ in 0..10 {
        world.advance_days(1);
        assert!(repository.renew_begin(&place_of(&request)).expect("renewed"));
        // With a catalog that knows the job, and without any.
        for life in [JobLife::Running, JobLife::Unknown] {
            let report = world.sweep(life);
            assert_eq!((report.objects, report.tombstones_put), (0, 0));
        }
    }
    assert!(whole.iter().all(|object| world.objects().contains(object)));
    world.copy(&mut set).expect("copy");
    let second = publish(set).expect("publish");
    assert_eq!(second.totals.reused_bytes, second.totals.source_bytes);
    world.keep(&second);
    world.sweep(JobLife::Over);
    world.check();
}

#[test]
fn a_job_that_begins_after_the_tombstone_refers_to_nothing_of_the_set() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.delete(&first);
    world.advance_days(3);
    let plan = world.plan(JobLife::Over);
    let second = world.back_up(Reuse::Parent);
    assert_eq!(second.parent, None);
    world.execute(&plan);
    assert_eq!(world.objects_of(&first), [""; 0]);
    world.check();
}

/// The job chose its parent, was stopped for days, and wrote its `begin` only after the plan was made.
#[test]
fn whoever_comes_between_plan_and_execution_is_seen() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.delete(&first);
    world.advance_days(3);
    let plan = world.plan(JobLife::Over);
    let reading = world.repository().begin_reading(&first, world.now()).expect("begin");
    let report = world.execute(&plan);
    assert_eq!((report.objects, report.skipped.len()), (0, 1));
    assert!(world.objects_of(&first).contains(&pack(&first, 0)));
    reading.end().expect("end");
    assert!(world.execute(&plan).objects > 0);
}

/// It publishes after it was listed, and its job is over when the catalog is asked.
#[test]
fn a_job_that_publishes_while_a_sweep_is_planned_keeps_what_it_refers_to() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    let repository = world.repository();
    let request = world.new_request(Reuse::Parent);
    let mut set = SetWriter::begin(&repository, &request).expect("begin");
    world.copy(&mut set).expect("copy");
    world.delete(&first);
    world.advance_days(3);
    let (set, published) = (RefCell::new(Some(set)), RefCell::new(None));
    let jobs = |_: &repository::Origin| {
        let set = set.borrow_mut().take().expect("it is asked once");
        *published.borrow_mut() = Some(publish(set).expect("publish"));
        Ok(JobLife::Over)
    };
    let (grace, now) = (repository::TOMBSTONE_GRACE, world.now());
    let options = repository::SweepOptions { instance: None, grace, now, jobs: &jobs };
    let plan = repository::plan_sweep(&repository, &options).expect("plan");
    assert!(plan.instances[0].bury.is_empty(), "{plan}");
    let second = published.take().expect("it was asked");
    world.keep(&second);
    world.execute(&plan);
    world.check();
}

#[test]
fn a_begin_that_names_a_set_keeps_what_that_set_refers_to() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.change("two");
    let second = world.back_up(Reuse::Parent);
    let origin = Origin { attempt: AttemptId::random(), ..second.origin.clone() };
    let ancestors = vec![Ancestor { set: second.origin.set, attempt: second.origin.attempt }];
    let begin = Begin { origin, started: world.now(), kind: BeginKind::Reader, ancestors };
    drop(world.repository().begin(&begin, None).expect("begin"));
    world.delete(&first);
    world.delete(&second);
    world.advance_days(3);
    world.sweep(JobLife::Over);
    assert!(world.objects_of(&first).contains(&pack(&first, 0)), "the second set needs it");
    assert!(world.objects_of(&second).iter().any(|object| object.ends_with("/manifest")));
    world.check();
}

#[test]
fn a_job_that_was_not_renewed_for_seven_days_may_not_publish() {
    let mut world = World::new();
    world.back_up(Reuse::Nothing);
    let repository = world.repository();
    for days in [6, 7] {
        let request = world.new_request(Reuse::Nothing);
        let mut set = SetWriter::begin(&repository, &request).expect("begin");
        world.copy(&mut set).expect("copy");
        world.advance_days(days);
        let outcome = publish(set);
        if days < 7 {
            world.keep(&outcome.expect("young enough"));
            continue;
        }
        assert!(matches!(outcome, Err(BackupError::Repository { .. })), "{outcome:?}");
        let renewed = repository.renew_begin(&place_of(&request));
        assert!(matches!(renewed, Err(RepositoryError::Outlived { .. })), "{renewed:?}");
    }
    world.sweep(JobLife::Unknown);
    world.check();
}

#[test]
fn an_attempt_with_a_tombstone_may_not_publish() {
    let mut world = World::new();
    let repository = world.repository();
    let request = world.new_request(Reuse::Nothing);
    let mut set = SetWriter::begin(&repository, &request).expect("begin");
    world.copy(&mut set).expect("copy");
    repository.put_tombstone(&place_of(&request), "its job is over", world.now()).expect("tombstone");
    assert!(matches!(publish(set), Err(BackupError::Repository { .. })));
    assert!(!world.objects().iter().any(|object| object.ends_with("/manifest")));
}

#[test]
fn a_dead_attempt_gets_a_tombstone_and_its_own_grace() {
    for life in [JobLife::Over, JobLife::Unknown] {
        let mut world = World::new();
        world.back_up(Reuse::Nothing);
        let repository = world.repository();
        let request = world.new_request(Reuse::Nothing);
        let mut set = SetWriter::begin(&repository, &request).expect("begin");
        world.copy(&mut set).expect("copy");
        drop(set);
        let own = request.attempt.to_string();
        let left = |world: &World| world.objects().into_iter().filter(|o| o.contains(&own)).count();
        let stored = left(&world);
        if life == JobLife::Unknown {
            world.advance_days(6);
            assert_eq!(world.sweep(life).tombstones_put, 0, "it may be at work");
            world.advance_days(1);
        }
        assert_eq!(world.sweep(life).tombstones_put, 1);
        assert_eq!((left(&world), world.sweep(life).objects), (stored + 1, 0));
        world.advance_days(3);
        world.sweep(life);
        assert_eq!(left(&world), 0);
        world.check();
    }
}

/// An older pack that goes while a job runs costs that attempt; the next one copies its blocks again.
#[test]
fn an_older_pack_that_is_gone_before_publishing_is_copied_again() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    let repository = world.repository();
    let mut request = world.new_request(Reuse::Parent);
    let mut set = SetWriter::begin(&repository, &request).expect("begin");
    world.copy(&mut set).expect("copy");
    blobstore::BlobStore::delete(&*world.store, &place(&first).pack(0)).expect("lost");
    let error = publish(set).expect_err("a pack is gone");
    assert_eq!(error.retry(), engine::Retry::Later, "{error}");
    request.dead_attempts.push(request.attempt);
    request.attempt = repository::AttemptId::random();
    let mut set = SetWriter::begin(&repository, &request).expect("begin");
    world.copy(&mut set).expect("copy");
    let second = publish(set).expect("publish");
    assert!(second.totals.reused_bytes > 0, "what is left of the parent is referred to");
    world.keep(&second);
    world.delete(&first);
    world.advance_days(3);
    world.sweep(JobLife::Over);
    world.check();
}
