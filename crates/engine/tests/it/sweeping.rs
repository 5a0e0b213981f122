//! The sweep: what tombstones let go is gone, and nothing that anybody needs.

mod world;

use std::cell::RefCell;
use std::sync::Arc;

use blobstore::{CrashStore, Fault, FaultyStore, ObjectKey, Operation, Trigger};
use engine::{BackupError, Reuse, SetWriter};
use proptest::prelude::*;
use repository::{
    Ancestor, AttemptId, Begin, BeginKind, JobLife, Manifest, Origin, RepositoryError, SweepError,
    SweepWatch, VerifyOptions, VerifyProgress, execute_sweep,
};

use self::world::{Unwatched, World, instance, place, place_of, publish};

fn pack(set: &Manifest, number: u32) -> String {
    place(set).pack(number).to_string()
}

#[test]
fn a_set_goes_after_the_grace_but_for_what_a_kept_set_needs() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.change("two");
    let second = world.back_up(Reuse::Parent);
    assert!(second.references.iter().any(|reference| reference.of.attempt == first.origin.attempt));
    world.delete(&first);
    world.advance_days(2);
    let whole = world.objects();
    assert!(world.plan(JobLife::Over).is_empty());
    world.sweep(JobLife::Over);
    assert_eq!(world.objects(), whole, "the grace is not over");

    world.advance_days(1);
    let plan = world.plan(JobLife::Over);
    assert_eq!(world.objects(), whole, "a plan changes nothing");
    let report = world.execute(&plan);
    assert_eq!((report.objects, report.bytes), (plan.objects(), plan.bytes()));
    let left = world.objects_of(&first);
    assert!(left.contains(&pack(&first, 0)), "its first part is referred to");
    assert!(!left.contains(&pack(&first, 1)), "its second part changed");
    assert!(!left.iter().any(|object| object.ends_with("/manifest")) && report.attempts == 0, "{left:?}");
    world.check();
    assert!(world.plan(JobLife::Over).is_empty(), "there is nothing more to do");

    world.delete(&second);
    world.advance_days(3);
    world.sweep(JobLife::Over);
    assert_eq!(world.objects(), [""; 0]);
}

#[test]
fn a_plan_says_what_it_will_do() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.change("two");
    let second = world.back_up(Reuse::Parent);
    world.delete(&first);
    world.advance_days(3);
    let text = world.plan(JobLife::Over).to_string();
    let name = place(&first).name.to_string();
    assert!(text.contains(&format!("pg: delete of {name}: manifest, pack-000001")), "{text}");
    assert!(text.contains("others need") && !text.contains(&second.origin.attempt.to_string()), "{text}");
    world.sweep(JobLife::Over);
    assert_eq!(world.plan(JobLife::Over).to_string(), "nothing is to be swept\n");
}

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

#[test]
fn a_reader_keeps_a_set_that_was_deleted_meanwhile() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.change("two");
    let second = world.back_up(Reuse::Parent);
    let reading = world.repository().begin_reading(&second, world.now()).expect("begin");
    world.delete(&first);
    world.delete(&second);
    world.advance_days(6);
    // What a catalog says of jobs is not about readers.
    assert_eq!(world.sweep(JobLife::Over).objects, 0);
    reading.end().expect("end");
    world.sweep(JobLife::Over);
    assert_eq!(world.objects(), [""; 0]);
}

#[test]
fn a_reader_that_died_is_forgotten_after_seven_days() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    let reading = world.repository().begin_reading(&first, world.now()).expect("begin");
    // As a process that was killed leaves it.
    std::mem::forget(reading);
    world.delete(&first);
    world.advance_days(7);
    let report = world.sweep(JobLife::Over);
    assert!(report.tombstones_put == 1 && world.objects_of(&first).is_empty(), "{report:?}");
    world.advance_days(3);
    world.sweep(JobLife::Over);
    assert_eq!(world.objects(), [""; 0]);
}

#[test]
fn two_sweeps_at_once_do_what_one_does() {
    let mut world = World::new();
    let sets: Vec<Manifest> = (0..4)
        .map(|_| {
            world.change("one");
            world.back_up(Reuse::Parent)
        })
        .collect();
    sets[..3].iter().for_each(|set| world.delete(set));
    world.advance_days(3);
    let plans = [world.plan(JobLife::Over), world.plan(JobLife::Over)];
    std::thread::scope(|scope| {
        for plan in &plans {
            scope.spawn(|| world.execute(plan));
        }
    });
    world.check();
    assert!(world.plan(JobLife::Over).is_empty());
}

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

/// Sweeps when the verification has listed everything.
struct SweepMeanwhile<'a>(&'a World);

impl VerifyProgress for SweepMeanwhile<'_> {
    fn plan(&self, _bytes: u64) {
        assert!(self.0.sweep(JobLife::Over).objects > 0);
    }

    fn advance(&self, _bytes: u64) {}
}

#[test]
fn what_a_sweep_deletes_meanwhile_is_no_fault() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.change("two");
    world.back_up(Reuse::Parent);
    world.delete(&first);
    world.advance_days(3);
    let options = VerifyOptions { threads: 1, sample_percent: 100, seed: 0 };
    let report = world.repository().verify(None, &options, &SweepMeanwhile(&world)).expect("verify");
    assert_eq!(report.faults, []);
    world.check();
}

struct StopAtOnce;

impl SweepWatch for StopAtOnce {
    fn goes_on(&self) -> bool {
        false
    }

    fn deleted(&self, object: &ObjectKey, _bytes: u64) {
        panic!("{object} was deleted");
    }
}

#[test]
fn a_sweep_that_is_to_stop_stops_before_the_next_attempt() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.delete(&first);
    world.advance_days(3);
    let plan = world.plan(JobLife::Over);
    let outcome = execute_sweep(&world.repository(), &plan, world.now(), &StopAtOnce);
    assert!(matches!(outcome, Err(SweepError::Stopped)), "{outcome:?}");
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

#[test]
fn what_is_left_of_a_pack_is_copied_anew_so_that_the_pack_can_go() {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    let refers = |set: &Manifest, number: u32| {
        let packs = set.references.iter().flat_map(repository::Reference::packs);
        packs.into_iter().any(|(pack, _)| pack.attempt == first.origin.attempt && pack.number == number)
    };
    world.change_most("one");
    let second = world.back_up(Reuse::Parent);
    assert!(refers(&second, 0) && refers(&second, 1));
    let third = world.back_up(Reuse::Parent);
    assert!(!refers(&third, 0), "a few blocks of it were left");
    assert!(refers(&third, 1) && third.totals.reused_bytes > 0, "all of it is in use");
    world.delete(&first);
    world.delete(&second);
    world.advance_days(3);
    world.sweep(JobLife::Over);
    assert!(!world.objects_of(&first).contains(&pack(&first, 0)));
    world.check();
}

/// Sets that refer to each other, some with tombstones, and an attempt that died.
fn eventful() -> World {
    let mut world = World::new();
    let first = world.back_up(Reuse::Nothing);
    world.change("two");
    let second = world.back_up(Reuse::Parent);
    world.change("one");
    world.back_up(Reuse::Parent);
    let full = world.back_up(Reuse::Nothing);
    let request = world.new_request(Reuse::Parent);
    let repository = world.repository();
    let mut set = SetWriter::begin(&repository, &request).expect("begin");
    world.copy(&mut set).expect("copy");
    drop(set);
    repository.renew_begin(&place_of(&request)).expect("renewed");
    repository.put_tombstone(&place_of(&request), "its job failed", world.now()).expect("tombstone");
    for set in [first, second, full] {
        world.delete(&set);
    }
    world.advance_days(3);
    world
}

/// Stops the store after each change of a sweep in turn. Whatever survives verifies, and the next sweep leaves
/// what an undisturbed one does.
#[test]
fn the_next_sweep_finishes_what_a_crash_left() {
    for life in [JobLife::Over, JobLife::Unknown] {
        let mut world = eventful();
        let base = Arc::clone(&world.store);
        let counting = Arc::new(CrashStore::holding(&base));
        let repository = World::repository_in(counting.clone());
        let plan = world.try_plan(&repository, life).expect("plan");
        execute_sweep(&repository, &plan, world.now(), &Unwatched).expect("execute");
        let (steps, finished) = (counting.changes(), counting.after_crash().keys());
        assert!(steps > 10, "{steps}");
        for stop_after in 0..steps {
            let crashing = Arc::new(CrashStore::holding(&base).stopping_after(stop_after));
            let repository = World::repository_in(crashing.clone());
            let plan = world.try_plan(&repository, life).expect("plan");
            execute_sweep(&repository, &plan, world.now(), &Unwatched).expect_err("it crashes");
            for survivor in [crashing.after_crash(), crashing.after_crash_with_last_change()] {
                world.store = Arc::new(survivor);
                world.check();
                world.sweep(life);
                assert_eq!(world.store.keys(), finished, "stopped after {stop_after} of {steps}");
            }
        }
        world.check();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Change(bool),
    BackUp(bool),
    Die { renewed: bool },
    Delete(prop::sample::Index),
    Days(u64),
    Sweep { known: bool, crash: Option<(u64, bool)> },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => any::<bool>().prop_map(Step::Change),
        3 => prop::bool::weighted(0.2).prop_map(Step::BackUp),
        1 => any::<bool>().prop_map(|renewed| Step::Die { renewed }),
        2 => any::<prop::sample::Index>().prop_map(Step::Delete),
        2 => (1..5u64).prop_map(Step::Days),
        3 => (any::<bool>(), prop::option::of((0..12u64, any::<bool>())))
            .prop_map(|(known, crash)| Step::Sweep { known, crash }),
    ]
}

fn take(world: &mut World, step: &Step) {
    match step {
        Step::Change(one) => world.change(if *one { "one" } else { "two" }),
        Step::BackUp(full) => {
            world.back_up(if *full { Reuse::Nothing } else { Reuse::Parent });
        }
        Step::Die { renewed } => {
            let request = world.new_request(Reuse::Parent);
            let repository = world.repository();
            let mut set = SetWriter::begin(&repository, &request).expect("begin");
            world.copy(&mut set).expect("copy");
            drop(set);
            if *renewed {
                repository.renew_begin(&place_of(&request)).expect("renewed");
            }
        }
        Step::Delete(index) => {
            if !world.live.is_empty() {
                let sets: Vec<_> = world.live.values().map(|(set, _)| set.clone()).collect();
                world.delete(index.get(&sets));
            }
        }
        Step::Days(days) => world.advance_days(*days),
        Step::Sweep { known, crash } => {
            let life = if *known { JobLife::Over } else { JobLife::Unknown };
            let (stop_after, with_last) = crash.unwrap_or((u64::MAX, false));
            let store = Arc::new(CrashStore::holding(&world.store).stopping_after(stop_after));
            let repository = World::repository_in(store.clone());
            let plan = world.try_plan(&repository, life).expect("plan");
            let outcome = execute_sweep(&repository, &plan, world.now(), &Unwatched);
            assert!(outcome.is_ok() || store.crashed(), "{outcome:?}");
            let left = if with_last { store.after_crash_with_last_change() } else { store.after_crash() };
            world.store = Arc::new(left);
            world.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happened, and wherever sweeps crashed: what is to restore does, and in the end nothing is left
    /// that no set needs.
    #[test]
    fn no_history_loses_a_set_or_leaves_garbage(steps in prop::collection::vec(step(), 1..24)) {
        let mut world = World::new();
        world.back_up(Reuse::Nothing);
        for step in &steps {
            take(&mut world, step);
        }
        // Dead attempts get their tombstones, then all go.
        for _ in 0..2 {
            world.advance_days(8);
            world.sweep(JobLife::Unknown);
        }
        world.check();
        let needed: Vec<String> = world.live.values().flat_map(|(set, _)| {
            set.references.iter().flat_map(|reference| {
                let name = repository::AttemptName { set: reference.of.set, attempt: reference.of.attempt };
                let place = repository::Place { instance: instance(), name };
                reference.packs().map(move |(pack, _)| place.pack(pack.number).to_string())
            })
        }).collect();
        let packs = world.objects().into_iter().filter(|object| object.contains("/pack-"));
        for pack in packs {
            prop_assert!(needed.contains(&pack), "{} is left", pack);
        }
        if world.live.is_empty() {
            prop_assert_eq!(world.objects(), Vec::<String>::new());
        }
    }
}
