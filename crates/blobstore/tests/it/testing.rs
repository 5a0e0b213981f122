//! The stores that other crates' tests lean on do what they say.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use blobstore::{
    BlobStore, CrashStore, Fault, FaultyStore, MemoryStore, Operation, Stall, StoreError, Trigger,
};

use crate::key;

fn faulty(trigger: Trigger, fault: Fault) -> FaultyStore<MemoryStore> {
    let store = FaultyStore::new(MemoryStore::new());
    store.inner().put(&key("old"), &[b"old"]).unwrap();
    store.inject(trigger, fault);
    store
}

#[test]
fn the_nth_call_fails_and_no_other() {
    let store = faulty(Trigger::any().nth(3), Fault::Fail(ErrorKind::TimedOut));
    store.put(&key("1"), &[]).unwrap();
    store.size(&key("1")).unwrap();
    store.put(&key("3"), &[]).expect_err("the third");
    assert_eq!(store.inner().size(&key("3")).unwrap(), None);
    store.put(&key("4"), &[]).unwrap();
    let calls: Vec<Operation> = store.log().into_iter().map(|(operation, _)| operation).collect();
    assert_eq!(calls, [Operation::Put, Operation::Size, Operation::Put, Operation::Put]);
}

#[test]
fn a_trigger_chooses_by_kind_and_name() {
    let store = faulty(Trigger::on(Operation::Put).of("pack-").after(1), Fault::Full);
    store.put(&key("s/pack-1"), &[]).unwrap();
    store.put(&key("s/begin"), &[]).unwrap();
    store.size(&key("s/pack-2")).unwrap();
    assert!(matches!(store.put(&key("s/pack-2"), &[]), Err(StoreError::Full { .. })));
    assert!(matches!(store.put(&key("s/pack-3"), &[]), Err(StoreError::Full { .. })));
    store.mend();
    store.put(&key("s/pack-3"), &[]).unwrap();
}

#[test]
fn a_lying_store_says_that_all_is_well() {
    let lied = |fault, expect: Option<&[u8]>| {
        let store = faulty(Trigger::on(Operation::Put), fault);
        store.put(&key("new"), &[b"con", b"tent"]).expect("it says so");
        let stored = store.inner().get(&key("new"), 100).ok();
        assert_eq!(stored.as_deref(), expect);
    };
    lied(Fault::Lost, None);
    lied(Fault::Cut(4), Some(b"cont"));
    lied(Fault::Flip(0), Some(b"bontent"));
    lied(Fault::Flip(7 + 1), Some(b"cnntent"));

    let store = faulty(Trigger::on(Operation::Delete), Fault::Lost);
    store.delete(&key("old")).expect("it says so");
    assert_eq!(store.inner().get(&key("old"), 10).unwrap(), b"old");

    let store = faulty(Trigger::on(Operation::GetFromMedium), Fault::Flip(2));
    assert_eq!(store.get_from_medium(&key("old"), 10).unwrap(), b"ole");
    assert_eq!(store.get(&key("old"), 10).unwrap(), b"old");
}

#[test]
fn a_doubled_call_is_done_twice() {
    let store = faulty(Trigger::any(), Fault::Twice);
    assert!(matches!(store.put(&key("new"), &[b"new"]), Err(StoreError::Exists { .. })));
    assert_eq!(store.inner().get(&key("new"), 10).unwrap(), b"new");
    let names: Vec<String> =
        store.list("", None).unwrap().entries.iter().map(|entry| entry.key.to_string()).collect();
    assert_eq!(names, ["new", "new", "old", "old"]);
    store.delete(&key("new")).unwrap();
}

#[test]
fn a_stalled_call_waits_and_goes_on() {
    let stall = Stall::new();
    let store = faulty(Trigger::on(Operation::Put), Fault::Stall(stall.clone()));
    thread::scope(|scope| {
        let put = scope.spawn(|| store.put(&key("new"), &[b"new"]));
        assert!(stall.reached(Duration::from_mins(1)), "the put did not arrive");
        assert_eq!(store.inner().size(&key("new")).unwrap(), None);
        stall.release();
        put.join().unwrap().unwrap();
    });
    assert_eq!(store.inner().get(&key("new"), 10).unwrap(), b"new");
    store.put(&key("next"), &[]).expect("an open gate holds nobody");
}

#[test]
fn nothing_works_after_a_crash_and_both_survivors_are_whole() {
    let before = MemoryStore::new();
    before.put(&key("old"), &[b"old"]).unwrap();
    let store = CrashStore::holding(&before).stopping_after(2);
    store.put(&key("1"), &[b"1"]).unwrap();
    store.get(&key("1"), 10).unwrap();
    store.delete(&key("old")).unwrap();
    store.list("", None).expect("reading is no change");
    assert!(!store.crashed());
    store.put(&key("2"), &[b"2"]).expect_err("the crash");
    assert!(store.crashed());
    store.get(&key("1"), 10).expect_err("down");
    store.list("", None).expect_err("down");
    store.put(&key("3"), &[b"3"]).expect_err("down");
    store.delete(&key("1")).expect_err("down");
    assert_eq!(store.changes(), 2);

    assert_eq!(store.after_crash().keys(), [key("1")]);
    let lucky = store.after_crash_with_last_change();
    assert_eq!(lucky.keys(), [key("1"), key("2")]);
    assert_eq!(lucky.get(&key("2"), 10).unwrap(), b"2");
    assert_eq!(before.keys(), [key("old")], "what it was made from is untouched");
}

#[test]
fn a_crash_in_a_delete_may_have_deleted() {
    let before = MemoryStore::new();
    before.put(&key("old"), &[b"old"]).unwrap();
    let store = CrashStore::holding(&before).stopping_after(0);
    store.delete(&key("old")).expect_err("the crash");
    assert_eq!(store.after_crash().keys(), [key("old")]);
    assert_eq!(store.after_crash_with_last_change().keys(), []);
}

#[test]
fn a_memory_store_fills_up_ages_and_is_damaged() {
    let store = MemoryStore::new().with_capacity_bytes(10);
    store.put(&key("a"), &[&[0; 8]]).unwrap();
    assert!(matches!(store.put(&key("b"), &[&[0; 3]]), Err(StoreError::Full { .. })));
    assert_eq!(store.space().unwrap().unwrap().free_bytes, 2);
    store.advance_clock(100);
    store.put(&key("b"), &[&[0; 2]]).unwrap();
    let entries = store.list("", None).unwrap().entries;
    assert_eq!(entries[1].stored_seconds, entries[0].stored_seconds + 100);

    let copy = store.copy();
    store.damage(&key("a"), |bytes| bytes[7] = 1);
    assert_eq!(store.get(&key("a"), 10).unwrap()[7], 1);
    assert_eq!(copy.get(&key("a"), 10).unwrap(), [0; 8], "a copy shares nothing");
    store.put(&key("a/b"), &[]).expect_err("a is an object");
}
