//! Sweeps that stop, crash or are repeated, in every state of the repository.

use std::sync::Arc;

use blobstore::{CrashStore, ObjectKey};
use engine::{Reuse, SetWriter};
use proptest::prelude::*;
use repository::{JobLife, SweepError, SweepWatch, execute_sweep};

use super::world::{Unwatched, World, instance, place_of};

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
