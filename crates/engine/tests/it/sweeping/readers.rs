//! Sweeps beside readers: restores, downloads and verifications.

use engine::Reuse;
use repository::{JobLife, VerifyOptions, VerifyProgress};

use super::world::World;

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
