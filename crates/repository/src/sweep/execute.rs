//! Doing what a plan says, and looking again before each attempt.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use blobstore::{ObjectKey, StoreError};
use jiff::Timestamp;

use super::plan::{AttemptSweep, Burial, InstanceSweep, SweepPlan};
use super::reach::Reach;
use super::{SweepError, chain, listing};
use crate::begin::BeginObject;
use crate::format::frame::AttemptName;
use crate::format::header::ObjectKind;
use crate::format::manifest::Begin;
use crate::{Place, Repository, RepositoryError};

/// Watches a sweep.
pub trait SweepWatch {
    /// Asked before each attempt; `false` ends the sweep.
    fn goes_on(&self) -> bool;
    /// An object is gone.
    fn deleted(&self, object: &ObjectKey, bytes: u64);
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Objects that it deleted, tombstones not counted.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Attempts of which nothing is left.
    pub attempts: u64,
    /// Tombstones that it put.
    pub tombstones_put: u64,
    /// What was planned and not done.
    pub skipped: Vec<Skipped>,
}

/// An attempt that was left alone although the plan names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The attempt.
    pub place: Place,
    /// Why.
    pub why: String,
}

/// Executes a plan, and nothing but that. What is gone already counts as done, so it can be run again.
///
/// # Errors
/// The watch ends it → `Stopped`; the store fails. What a store refuses to delete is skipped.
pub fn execute_sweep(
    repository: &Repository,
    plan: &SweepPlan,
    now: Timestamp,
    watch: &dyn SweepWatch,
) -> Result<SweepReport, SweepError> {
    let mut report = SweepReport::default();
    for instance in &plan.instances {
        for burial in &instance.bury {
            bury(repository, burial, now, &mut report)?;
        }
        let mut newcomers = Newcomers::new(instance);
        for sweep in &instance.delete {
            if !watch.goes_on() {
                return Err(SweepError::Stopped);
            }
            if let Some(why) = reason_to_keep(repository, sweep, &mut newcomers)? {
                report.skip(&sweep.place, why);
                continue;
            }
            Deletion { repository, sweep, watch, report: &mut report }.run()?;
        }
    }
    Ok(report)
}

impl SweepReport {
    fn skip(&mut self, place: &Place, why: impl Into<String>) {
        self.skipped.push(Skipped { place: place.clone(), why: why.into() });
    }
}

/// Puts the tombstone on an attempt that is over, unless it shows life after all.
fn bury(
    repository: &Repository,
    burial: &Burial,
    now: Timestamp,
    report: &mut SweepReport,
) -> Result<(), SweepError> {
    let Burial { place, reason, newest_seconds } = burial;
    let mut newest = 0;
    listing::for_each(&**repository.store(), &place.folder(), |entry| {
        newest = newest.max(entry.stored_seconds);
    })?;
    if newest == *newest_seconds {
        repository.put_tombstone(place, reason, now)?;
        report.tombstones_put += 1;
    } else if newest > 0 {
        report.skip(place, "it has stored something since the plan was made");
    }
    Ok(())
}

fn reason_to_keep(
    repository: &Repository,
    sweep: &AttemptSweep,
    newcomers: &mut Newcomers<'_>,
) -> Result<Option<String>, SweepError> {
    match newcomers.look(repository) {
        Err(error) if error.is_damage() => return Ok(Some(format!("somebody new cannot be read: {error}"))),
        other => other?,
    }
    if newcomers.reach.names(sweep.place.name.attempt) {
        return Ok(Some("somebody new names it".to_owned()));
    }
    // Last, for another sweep may be at it.
    let marked = repository.has_tombstone(&sweep.place)?;
    Ok((!marked).then(|| "its tombstone is gone".to_owned()))
}

/// Attempts that came, or published, after the plan was made.
struct Newcomers<'a> {
    instance: &'a InstanceSweep,
    known: BTreeMap<AttemptName, bool>,
    reach: Reach,
}

impl<'a> Newcomers<'a> {
    fn new(instance: &'a InstanceSweep) -> Self {
        Self { instance, known: instance.known.clone(), reach: Reach::default() }
    }

    fn look(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let instance = &self.instance.instance;
        let names = repository.store().list_folder(&format!("{instance}/sets"))?;
        for name in names.iter().filter_map(|name| name.strip_suffix('/')?.parse::<AttemptName>().ok()) {
            let known = self.known.get(&name).copied();
            if known == Some(true) {
                continue;
            }
            let place = Place { instance: instance.clone(), name };
            if repository.store().size(&place.manifest())?.is_some() {
                self.reach.add_set(&repository.manifest(&place)?);
                self.known.insert(name, true);
            } else if known.is_none() {
                match repository.read_record::<Begin>(&place.begin(), ObjectKind::Begin) {
                    Ok(begin) => self.reach.add_begin(&begin),
                    // It is about to begin, and lists tombstones after that.
                    Err(RepositoryError::Store(StoreError::Absent { .. })) => continue,
                    Err(error) => return Err(error),
                }
                self.known.insert(name, false);
            }
        }
        Ok(())
    }
}

struct Deletion<'a> {
    repository: &'a Repository,
    sweep: &'a AttemptSweep,
    watch: &'a dyn SweepWatch,
    report: &'a mut SweepReport,
}

impl Deletion<'_> {
    fn run(mut self) -> Result<(), SweepError> {
        match self.delete() {
            Ok(()) => Ok(()),
            // Under object lock, or without the right to delete: a later sweep goes on.
            Err(error) if is_forbidden(&error) => {
                self.report.skip(&self.sweep.place, format!("the store does not delete: {}", chain(&error)));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The order of a plan's fields: see the module.
    fn delete(&mut self) -> Result<(), StoreError> {
        let place = &self.sweep.place;
        if let Some(bytes) = self.sweep.manifest_bytes {
            self.object(&place.manifest(), bytes)?;
        }
        for range in &self.sweep.packs {
            for (number, bytes) in (range.first..).zip(&range.bytes) {
                self.object(&place.pack(number), u64::from(*bytes))?;
            }
        }
        if !self.sweep.whole || !self.is_empty_but_for_begin()? {
            return Ok(());
        }
        for (number, bytes) in &self.sweep.renewals {
            self.object(&place.renewal(*number), *bytes)?;
        }
        if let Some(bytes) = self.sweep.begin_bytes {
            self.object(&place.begin(), bytes)?;
        }
        let tombstone = place.tombstone();
        self.repository.store().delete(&tombstone)?;
        self.report.attempts += 1;
        self.watch.deleted(&tombstone, 0);
        Ok(())
    }

    /// Whether nothing came into the attempt's folder since the plan was made.
    fn is_empty_but_for_begin(&self) -> Result<bool, StoreError> {
        let mut others = false;
        listing::for_each(&**self.repository.store(), &self.sweep.place.folder(), |entry| {
            let known = match BeginObject::named(entry.key.file_name()) {
                Some(BeginObject::Begin) => self.sweep.begin_bytes.is_some(),
                Some(BeginObject::Renewal(number)) => self.sweep.renewals.iter().any(|(n, _)| *n == number),
                None => false,
            };
            others |= !known;
        })?;
        Ok(!others)
    }

    fn object(&mut self, object: &ObjectKey, bytes: u64) -> Result<(), StoreError> {
        self.repository.store().delete(object)?;
        self.report.objects += 1;
        self.report.bytes += bytes;
        self.watch.deleted(object, bytes);
        Ok(())
    }
}

/// Does the store refuse to delete, although it works?
fn is_forbidden(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. }
        if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem))
}
