//! What stops a sweep: whatever it cannot read, be told or trust, it leaves alone.

use std::sync::Arc;

use blobstore::{Fault, FaultyStore, ObjectKey, Operation, Trigger};
use engine::{Reuse, SetWriter};
use repository::{JobLife, SweepError, execute_sweep};

use super::world::{Unwatched, World, instance, place, place_of};

#[test]
fn nothing_is_touched_where_a_set_cannot_be_read_until_that_set_is_deleted() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.change("two");
    let second = world.back_up(Reuse::Parent);
    world.delete(&first);
    world.advance_days(3);
    let manifest: ObjectKey = format!("pg/sets/{}/manifest", place(&second).name).parse().expect("key");
    world.store.damage(&manifest, |bytes| bytes[100] ^= 1);
    let plan = world.plan(JobLife::Over);
    let refused = plan.instances[0].refused.clone().expect("refused");
    assert!(refused.contains(manifest.as_str()) && plan.is_empty(), "{refused}");
    assert!(plan.to_string().contains(manifest.as_str()));
    let whole = world.objects();
    world.execute(&plan);
    assert_eq!(world.objects(), whole);
    world.delete(&second);
    world.advance_days(3);
    world.sweep(JobLife::Over);
    assert_eq!(world.objects(), [""; 0]);
}

#[test]
fn nothing_is_touched_where_a_begin_cannot_be_read_for_seven_days() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    let repository = world.repository();
    let request = world.new_request(Reuse::Parent);
    drop(SetWriter::begin(&repository, &request).expect("begin"));
    world.delete(&first);
    let begin = format!("pg/sets/{}/begin", place_of(&request).name);
    world.store.damage(&begin.parse().expect("key"), |bytes| bytes[100] ^= 1);
    world.advance_days(6);
    let plan = world.plan(JobLife::Over);
    assert!(plan.instances[0].refused.as_ref().expect("refused").contains(&begin) && plan.is_empty());
    world.advance_days(1);
    world.sweep(JobLife::Over);
    assert_eq!(world.objects_of(&first), [""; 0]);
}

#[test]
fn a_tombstone_that_cannot_be_read_deletes_nothing() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.delete(&first);
    let tombstone = format!("pg/tombstones/{}", place(&first).name);
    world.store.damage(&tombstone.parse().expect("key"), |bytes| bytes[100] ^= 1);
    world.advance_days(30);
    let plan = world.plan(JobLife::Over);
    assert!(plan.is_empty() && plan.instances[0].doubtful[0].contains(&tombstone));
}

#[test]
fn clocks_that_disagree_stop_the_sweep() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.delete(&first);
    let now = world.now();
    world.advance_days(3);
    let jobs = |_: &repository::Origin| Ok(JobLife::Over);
    let grace = repository::TOMBSTONE_GRACE;
    let options = repository::SweepOptions { instance: None, grace, now, jobs: &jobs };
    let planned = repository::plan_sweep(&world.repository(), &options);
    assert!(matches!(planned, Err(SweepError::Clocks { .. })), "{planned:?}");
}

#[test]
fn a_catalog_that_does_not_answer_stops_the_sweep() {
    let mut world = World::new();
    let request = world.new_request(Reuse::Nothing);
    let repository = world.repository();
    drop(SetWriter::begin(&repository, &request).expect("begin"));
    let jobs = |_: &repository::Origin| Err("it is away".into());
    let (grace, now) = (repository::TOMBSTONE_GRACE, world.now());
    let options = repository::SweepOptions { instance: None, grace, now, jobs: &jobs };
    let planned = repository::plan_sweep(&repository, &options);
    assert!(matches!(planned, Err(SweepError::Jobs(_))), "{planned:?}");
}

#[test]
fn a_store_that_may_not_delete_keeps_and_says_so() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.delete(&first);
    world.advance_days(3);
    let store = Arc::new(FaultyStore::new(world.store.copy()));
    let repository = World::repository_in(store.clone());
    let plan = world.try_plan(&repository, JobLife::Over).expect("plan");
    store.inject(
        Trigger::on(Operation::Delete).of("pack-000000"),
        Fault::Fail(std::io::ErrorKind::PermissionDenied),
    );
    let report = execute_sweep(&repository, &plan, world.now(), &Unwatched).expect("execute");
    assert!(report.skipped.len() == 1 && report.attempts == 0, "{report:?}");
    let marked = repository.attempts(&instance()).expect("attempts");
    assert!(marked.len() == 1 && marked[0].tombstone && !marked[0].published, "{marked:?}");
    store.mend();
    let plan = world.try_plan(&repository, JobLife::Over).expect("plan");
    execute_sweep(&repository, &plan, world.now(), &Unwatched).expect("execute");
    assert_eq!(repository.attempts(&instance()).expect("attempts"), []);
}

#[test]
fn a_listing_that_lacks_attempts_stops_the_instance() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.back_up(Reuse::Parent);
    world.delete(&first);
    world.advance_days(3);
    let store = Arc::new(FaultyStore::new(world.store.copy()));
    let repository = World::repository_in(store.clone());
    store.inject(Trigger::on(Operation::List).of("pg/sets").first(1), Fault::Lost);
    let plan = world.try_plan(&repository, JobLife::Over).expect("plan");
    assert!(plan.instances[0].refused.is_some() && plan.is_empty(), "{plan}");
}
