//! The sweep: what tombstones let go is gone, and nothing that anybody needs.

mod interruptions;
mod jobs;
mod readers;
mod refusals;
mod world;

use engine::Reuse;
use repository::{JobLife, Manifest};

use self::world::{World, place};

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
