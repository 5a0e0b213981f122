//! How the sweep sees that somebody is at work: `begin`, and the objects that renew it.
//!
//! An attempt that makes a set renews its `begin` every day, and may not publish once the newest renewal is
//! [`BEGIN_LIFE`] old: by then a sweep that knows of no catalog counts it as dead. A reader makes no set and only
//! keeps alive what it names. Ages are measured by the store's clock.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use blobstore::ObjectKey;
use jiff::Timestamp;

use crate::attempt::RENEWAL_PREFIX;
use crate::format::frame::AttemptName;
use crate::format::header::ObjectKind;
use crate::format::manifest::{Ancestor, Begin, BeginKind, Manifest, Origin};
use crate::{AttemptId, Place, Repository, RepositoryError};

/// So old a `begin` or its newest renewal may be before its attempt counts as dead, where no catalog says better.
pub const BEGIN_LIFE: Duration = Duration::from_hours(7 * 24);
/// How often a `begin` is renewed: six renewals may fail before the attempt is given up.
pub const RENEW_BEGIN_EVERY: Duration = Duration::from_hours(24);
/// Wait after a renewal failed.
const TRY_AGAIN_AFTER: Duration = Duration::from_mins(10);

/// What an attempt's folder says of its `begin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    /// When `begin` or its newest renewal was stored, in seconds since 1970.
    pub(crate) newest_seconds: u64,
    /// Number of the next renewal.
    pub(crate) next_renewal: u32,
}

impl Begun {
    /// Takes in one more of the attempt's objects of this kind.
    pub(crate) fn add(begun: &mut Option<Self>, object: BeginObject, stored_seconds: u64) {
        let begun = begun.get_or_insert(Self { newest_seconds: 0, next_renewal: 0 });
        begun.newest_seconds = begun.newest_seconds.max(stored_seconds);
        if let BeginObject::Renewal(number) = object {
            begun.next_renewal = begun.next_renewal.max(number.saturating_add(1));
        }
    }

    /// Is it too old for its attempt to go on?
    pub(crate) fn is_outlived(&self, now_seconds: u64) -> bool {
        now_seconds.saturating_sub(self.newest_seconds) >= BEGIN_LIFE.as_secs()
    }
}

/// An object that shows that somebody is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BeginObject {
    Begin,
    Renewal(u32),
}

impl BeginObject {
    /// What an object of that name in an attempt's folder is.
    pub(crate) fn named(file_name: &str) -> Option<Self> {
        if file_name == "begin" {
            return Some(Self::Begin);
        }
        let digits = file_name.strip_prefix(RENEWAL_PREFIX)?;
        let number = digits.parse().ok()?;
        // Only the one way to write a number names it.
        (format!("{number:06}") == digits).then_some(Self::Renewal(number))
    }
}

impl Repository {
    /// Renews the `begin` of an attempt that is at work. `false`: it has not begun yet.
    ///
    /// # Errors
    /// The newest renewal is too old, or the attempt has a tombstone → `Outlived`; the store fails.
    pub fn renew_begin(&self, place: &Place) -> Result<bool, RepositoryError> {
        let Some(begun) = self.begun(place)? else { return Ok(false) };
        self.check(place, begun)?;
        let begin: Begin = self.read_record(&place.begin(), ObjectKind::Begin)?;
        self.write_record(&place.renewal(begun.next_renewal), ObjectKind::Begin, &begin)?;
        Ok(true)
    }

    /// Says that a set is being read, so that the sweep leaves it and all that it refers to in place until the
    /// answer is dropped, however long that takes. Renewed by a thread of its own.
    ///
    /// # Errors
    /// The store fails, or is for reading only.
    pub fn begin_reading(&self, manifest: &Manifest, now: Timestamp) -> Result<Reading, RepositoryError> {
        let read = &manifest.origin;
        let origin = Origin { attempt: AttemptId::random(), ..read.clone() };
        let name = AttemptName { set: origin.set, attempt: origin.attempt };
        let place = Place { instance: origin.instance.clone(), name };
        let own = Ancestor { set: read.set, attempt: read.attempt };
        let others = manifest.references.iter().map(|reference| reference.of).filter(|of| *of != own);
        let ancestors = std::iter::once(own).chain(others).collect();
        let begin = Begin { origin, started: now, kind: BeginKind::Reader, ancestors };
        self.write_record(&place.begin(), ObjectKind::Begin, &begin)?;
        Ok(Reading::new(self.clone(), place))
    }

    /// Refuses an attempt that may not make a set any more.
    pub(crate) fn check_begin(&self, place: &Place) -> Result<(), RepositoryError> {
        let gone = RepositoryError::Outlived { name: place.name, why: "its `begin` is gone" };
        self.check(place, self.begun(place)?.ok_or(gone)?)
    }

    fn check(&self, place: &Place, begun: Begun) -> Result<(), RepositoryError> {
        let outlived = |why| Err(RepositoryError::Outlived { name: place.name, why });
        if begun.is_outlived(self.store().clock_seconds()?) {
            outlived("its `begin` was not renewed for 7 days, so what it refers to may be gone")
        } else if self.has_tombstone(place)? {
            outlived("it has a tombstone")
        } else {
            Ok(())
        }
    }

    /// What says that the attempt is at work; `None` when nothing does.
    fn begun(&self, place: &Place) -> Result<Option<Begun>, RepositoryError> {
        let mut begun = None;
        let mut after: Option<ObjectKey> = None;
        loop {
            let page = self.store().list(&place.folder(), after.as_ref())?;
            for entry in &page.entries {
                match BeginObject::named(entry.key.file_name()) {
                    Some(object) => Begun::add(&mut begun, object, entry.stored_seconds),
                    // Names are sorted, and those of other objects come later.
                    None if entry.key.file_name() > RENEWAL_PREFIX => return Ok(begun),
                    None => {}
                }
            }
            after = page.entries.into_iter().next_back().map(|entry| entry.key);
            if !page.more {
                return Ok(begun);
            }
        }
    }
}

/// Keeps a set in place while it is read; over when dropped.
#[derive(Debug)]
pub struct Reading {
    repository: Repository,
    place: Place,
    over: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Reading {
    fn new(repository: Repository, place: Place) -> Self {
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        let renew = {
            let (repository, place, over) = (repository.clone(), place.clone(), Arc::clone(&over));
            move || renew_until(&repository, &place, &over)
        };
        let thread = std::thread::Builder::new().name("renew-begin".to_owned()).spawn(renew);
        // Without the thread the `begin` counts for 7 days all the same.
        Self { repository, place, over, thread: thread.ok() }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// The store does not delete; then the sweep does, in 7 days and the grace.
    pub fn end(mut self) -> Result<(), RepositoryError> {
        self.stop();
        self.repository.discard(&self.place)
    }

    fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        *self.over.0.lock().expect("no thread panics while it holds this") = true;
        self.over.1.notify_all();
        // A panic in there has left a `begin` that is not renewed.
        let _ = thread.join();
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
            // What cannot be deleted is left to the sweep.
            let _ = self.repository.discard(&self.place);
        }
    }
}

fn renew_until(repository: &Repository, place: &Place, over: &(Mutex<bool>, Condvar)) {
    let (over, changed) = over;
    let mut wait = RENEW_BEGIN_EVERY;
    loop {
        let guard = over.lock().expect("no thread panics while it holds this");
        let waited = changed.wait_timeout_while(guard, wait, |over| !*over);
        let (guard, timeout) = waited.expect("no thread panics while it holds this");
        if !timeout.timed_out() {
            return;
        }
        drop(guard);
        wait = match repository.renew_begin(place) {
            Ok(_) => RENEW_BEGIN_EVERY,
            Err(_) => TRY_AGAIN_AFTER,
        };
    }
}
