//! Trying again and going slower.

use std::io::ErrorKind;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use blobstore::{
    BlobStore, Fault, FaultyStore, ManualTimer, MemoryStore, Operation, RetryPolicy, RetryStore, StoreError,
    ThrottleStore, Timer, Trigger,
};

use crate::key;

type Faulty = Arc<FaultyStore<MemoryStore>>;

fn retrying() -> (Faulty, Arc<ManualTimer>, RetryStore<Faulty>) {
    let faulty = Arc::new(FaultyStore::new(MemoryStore::new()));
    let timer = Arc::new(ManualTimer::new());
    let policy = RetryPolicy {
        attempts_max: NonZeroU32::new(5).unwrap(),
        delay_first: Duration::from_secs(1),
        delay_max: Duration::from_secs(3),
    };
    let store = RetryStore::new(Arc::clone(&faulty), policy, timer.clone());
    (faulty, timer, store)
}

fn seconds(seconds: &[u64]) -> Vec<Duration> {
    seconds.iter().copied().map(Duration::from_secs).collect()
}

#[test]
fn what_passes_is_waited_for() {
    let (faulty, timer, store) = retrying();
    faulty.inject(Trigger::on(Operation::Put).first(3), Fault::Fail(ErrorKind::TimedOut));
    store.put(&key("a"), &[b"a"]).unwrap();
    assert_eq!(timer.waits(), seconds(&[1, 2, 3]), "doubled up to the longest");
    assert_eq!(faulty.inner().get(&key("a"), 10).unwrap(), b"a");
}

#[test]
fn what_does_not_pass_is_given_up_with_its_cause() {
    let (faulty, timer, store) = retrying();
    faulty.inject(Trigger::any(), Fault::Fail(ErrorKind::ConnectionReset));
    let error = store.list("", None).expect_err("it never passes");
    let StoreError::Io { source, .. } = error else { panic!("{error:?}") };
    assert_eq!(source.kind(), ErrorKind::ConnectionReset);
    assert_eq!(faulty.log().len(), 5);
    assert_eq!(timer.waits(), seconds(&[1, 2, 3, 3]));
}

#[test]
fn final_answers_are_not_asked_for_twice() {
    let (faulty, timer, store) = retrying();
    store.put(&key("a"), &[b"a"]).unwrap();
    assert!(matches!(store.put(&key("a"), &[b"a"]), Err(StoreError::Exists { .. })), "no put of ours failed");
    assert!(matches!(store.get(&key("b"), 10), Err(StoreError::Absent { .. })));
    assert!(matches!(store.get(&key("a"), 0), Err(StoreError::TooLarge { .. })));
    faulty.inject(Trigger::on(Operation::Put).of("full"), Fault::Full);
    assert!(matches!(store.put(&key("full"), &[b""]), Err(StoreError::Full { .. })));
    faulty.inject(Trigger::on(Operation::Put).of("medium"), Fault::Fail(ErrorKind::Other));
    assert!(matches!(store.put(&key("medium"), &[b""]), Err(StoreError::Io { .. })));
    assert_eq!(faulty.log().len(), 6);
    assert_eq!(timer.waits(), seconds(&[]));
}

#[test]
fn a_put_whose_answer_was_lost_has_succeeded() {
    let (faulty, timer, store) = retrying();
    faulty.inject(Trigger::on(Operation::Put).nth(1), Fault::FailAfter(ErrorKind::TimedOut));
    store.put(&key("a"), &[b"con", b"tent"]).unwrap();
    assert_eq!(faulty.inner().get(&key("a"), 10).unwrap(), b"content");
    assert_eq!(timer.waits().len(), 1);
}

#[test]
fn a_name_that_another_took_meanwhile_is_still_an_alarm() {
    for other in [&b"contend"[..], b"content!", b"conten", b""] {
        let (faulty, _, store) = retrying();
        faulty.inner().put(&key("a"), &[other]).unwrap();
        faulty.inject(Trigger::on(Operation::Put).nth(1), Fault::Fail(ErrorKind::TimedOut));
        let refused = store.put(&key("a"), &[b"con", b"tent"]);
        assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
        assert_eq!(faulty.inner().get(&key("a"), 10).unwrap(), other);
    }
}

#[test]
fn a_stopped_timer_ends_the_tries() {
    let (faulty, timer, store) = retrying();
    faulty.inject(Trigger::any(), Fault::Fail(ErrorKind::TimedOut));
    timer.stop();
    store.delete(&key("a")).expect_err("the first error");
    assert_eq!(faulty.log().len(), 1);
}

fn throttled(bytes_per_second: u64) -> (Arc<ManualTimer>, ThrottleStore<MemoryStore>) {
    let timer = Arc::new(ManualTimer::new());
    let rate = NonZeroU64::new(bytes_per_second).unwrap();
    (timer.clone(), ThrottleStore::new(MemoryStore::new(), rate, timer))
}

#[test]
fn bytes_in_and_out_take_their_time() {
    let (timer, store) = throttled(100);
    store.put(&key("a"), &[&[0; 150], &[0; 50]]).unwrap();
    assert_eq!(timer.elapsed(), Duration::from_secs(2));
    store.get(&key("a"), 1000).unwrap();
    store.get_range(&key("a"), 50..100).unwrap();
    store.get_from_medium(&key("a"), 1000).unwrap();
    assert_eq!(timer.elapsed(), Duration::from_millis(6500));
    store.list("", None).unwrap();
    store.size(&key("a")).unwrap();
    assert_eq!(timer.elapsed(), Duration::from_millis(6500), "only contents count");
}

#[test]
fn idle_time_is_not_saved_up() {
    let (timer, store) = throttled(100);
    timer.advance(Duration::from_hours(1));
    store.put(&key("a"), &[&[0; 100]]).unwrap();
    store.put(&key("b"), &[&[0; 100]]).unwrap();
    assert_eq!(timer.waits(), seconds(&[1, 1]));
}

#[test]
fn threads_share_one_rate() {
    let (timer, store) = throttled(1000);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || store.put(&key(&format!("{thread}")), &[&[0; 500]]).unwrap());
        }
    });
    assert!(timer.elapsed() >= Duration::from_secs(2), "{:?}", timer.elapsed());
}

#[test]
fn a_stopped_timer_ends_a_throttled_put_before_it_stores() {
    let (timer, store) = throttled(1);
    timer.stop();
    store.put(&key("a"), &[b"aa"]).expect_err("stopped");
    assert_eq!(store.size(&key("a")).unwrap(), None);
}
