//! Deciding what a sweep does. Reads, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use blobstore::StoreError;
use jiff::Timestamp;

use super::listing::{self, Attempt};
use super::reach::Reach;
use super::{CLOCKS_APART_MAX, JobLife, SweepError, SweepOptions, chain};
use crate::begin::BeginObject;
use crate::format::bytes::FormatError;
use crate::format::frame::{AttemptName, PackId};
use crate::format::header::ObjectKind;
use crate::format::manifest::{Begin, BeginKind, PackRange, Tombstone};
use crate::{InstanceId, Place, Repository, RepositoryError};

/// What a sweep will do. Its `Display` is what `--dry-run` prints.
#[derive(Debug, Clone, Default)]
pub struct SweepPlan {
    /// The instances, in the order of their names.
    pub instances: Vec<InstanceSweep>,
}

/// What a sweep will do with one instance.
#[derive(Debug, Clone)]
pub struct InstanceSweep {
    /// The instance.
    pub instance: InstanceId,
    /// Why nothing of it is touched: an object that cannot be read, and what is wrong with it.
    pub refused: Option<String>,
    /// Attempts that get a tombstone.
    pub bury: Vec<Burial>,
    /// Attempts of which something is deleted, in this order.
    pub delete: Vec<AttemptSweep>,
    /// Attempts whose tombstone cannot be read; they count as if they had none.
    pub doubtful: Vec<String>,
    /// Attempts with a tombstone in its grace, which keep all that they refer to.
    pub waiting: usize,
    /// The attempts that were looked at, and whether each had published: whoever else comes is a newcomer.
    pub(super) known: BTreeMap<AttemptName, bool>,
}

/// An attempt that is over, made no set, and has no tombstone.
#[derive(Debug, Clone)]
pub struct Burial {
    /// The attempt.
    pub place: Place,
    /// Why it counts as over.
    pub reason: &'static str,
    /// When the newest of what says that it is at work was stored.
    pub(super) newest_seconds: u64,
}

/// What is deleted of one attempt, in the order of these fields.
#[derive(Debug, Clone)]
pub struct AttemptSweep {
    /// The attempt.
    pub place: Place,
    /// Size of its manifest, where that is still there.
    pub manifest_bytes: Option<u64>,
    /// Packs that nothing reaches.
    pub packs: Vec<PackRange>,
    /// Packs that others need; then `begin` and tombstone stay too.
    pub packs_kept: u64,
    /// Numbers and sizes of the renewals of its `begin`.
    pub(super) renewals: Vec<(u32, u64)>,
    /// Size of `begin`, where that is still there and goes.
    pub(super) begin_bytes: Option<u64>,
    /// Whether nothing is left, so that the tombstone goes too.
    pub whole: bool,
}

impl AttemptSweep {
    /// Objects that go, the tombstone not counted.
    pub fn objects(&self) -> u64 {
        let packs: usize = self.packs.iter().map(|range| range.bytes.len()).sum();
        let others = usize::from(self.manifest_bytes.is_some()) + usize::from(self.begin_bytes.is_some());
        (packs + others + self.renewals.len()) as u64
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        let packs =
            self.packs.iter().flat_map(|range| &range.bytes).map(|bytes| u64::from(*bytes)).sum::<u64>();
        let renewals = self.renewals.iter().map(|(_, bytes)| bytes).sum::<u64>();
        packs + renewals + self.manifest_bytes.unwrap_or(0) + self.begin_bytes.unwrap_or(0)
    }
}

impl SweepPlan {
    /// Is there nothing to do?
    pub fn is_empty(&self) -> bool {
        self.instances.iter().all(|instance| instance.bury.is_empty() && instance.delete.is_empty())
    }

    /// Objects that go, tombstones not counted.
    pub fn objects(&self) -> u64 {
        self.instances.iter().flat_map(|instance| &instance.delete).map(AttemptSweep::objects).sum()
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.instances.iter().flat_map(|instance| &instance.delete).map(AttemptSweep::bytes).sum()
    }
}

/// Plans a sweep.
///
/// # Errors
/// Clocks are apart → `Clocks`; `options.jobs` fails → `Jobs`; the store fails. What is damaged is in the plan.
pub fn plan_sweep(repository: &Repository, options: &SweepOptions<'_>) -> Result<SweepPlan, SweepError> {
    let store = &**repository.store();
    let now_seconds = store.clock_seconds()?;
    check_clocks(options.now, now_seconds)?;
    let instances = match options.instance {
        Some(instance) => vec![instance.clone()],
        None => listing::instances(store)?,
    };
    let mut plan = SweepPlan::default();
    for instance in instances {
        let planned = Planner { repository, options, instance: &instance, now_seconds }.plan()?;
        plan.instances.push(planned);
    }
    Ok(plan)
}

fn check_clocks(node: Timestamp, store_seconds: u64) -> Result<(), SweepError> {
    let seconds = i64::try_from(store_seconds).unwrap_or(i64::MAX);
    let apart = node.as_second().abs_diff(seconds);
    if apart <= CLOCKS_APART_MAX.as_secs() {
        return Ok(());
    }
    Err(SweepError::Clocks { node, store: Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX) })
}

/// An attempt that published nothing.
enum Standing {
    /// It may publish yet; its `begin` says what it may refer to.
    AtWork(Box<Begin>),
    /// It published after it was listed.
    Published,
    /// Its own worker deleted it after it was listed.
    Gone,
    Over(&'static str),
}

struct Planner<'a> {
    repository: &'a Repository,
    options: &'a SweepOptions<'a>,
    instance: &'a InstanceId,
    now_seconds: u64,
}

impl Planner<'_> {
    fn plan(&self) -> Result<InstanceSweep, SweepError> {
        let mut plan = InstanceSweep {
            instance: self.instance.clone(),
            refused: None,
            bury: Vec::new(),
            delete: Vec::new(),
            doubtful: Vec::new(),
            waiting: 0,
            known: BTreeMap::new(),
        };
        match self.decide(&mut plan) {
            Err(SweepError::Repository(error)) if error.is_damage() => {
                plan.bury.clear();
                plan.delete.clear();
                plan.refused = Some(chain(&error));
                Ok(plan)
            }
            Err(error) => Err(error),
            Ok(()) => Ok(plan),
        }
    }

    fn decide(&self, plan: &mut InstanceSweep) -> Result<(), SweepError> {
        let store = &**self.repository.store();
        // Tombstones first: whoever begins after this listing sees those that are due, and refers to none.
        let tombstones = listing::tombstones(store, self.instance)?;
        let due = self.due(&tombstones, plan)?;
        plan.waiting = tombstones.len() - due.len();
        let attempts = listing::attempts(store, self.instance)?;
        let mut reach = Reach::default();
        for (name, attempt) in &attempts {
            plan.known.insert(*name, attempt.published);
            if due.contains(name) {
                continue;
            }
            let standing =
                if attempt.published { Standing::Published } else { self.standing(*name, attempt)? };
            match standing {
                Standing::Published => {
                    plan.known.insert(*name, true);
                    reach.add_set(&self.repository.manifest(&self.place(*name))?);
                }
                Standing::AtWork(begin) => reach.add_begin(&begin),
                Standing::Over(reason) if !tombstones.contains_key(name) => {
                    let newest_seconds = attempt.newest_seconds;
                    plan.bury.push(Burial { place: self.place(*name), reason, newest_seconds });
                }
                Standing::Over(_) | Standing::Gone => {}
            }
        }
        // What is named as a whole keeps what its own manifest refers to.
        for name in &due {
            let published = attempts.get(name).is_some_and(|attempt| attempt.published);
            if published && reach.whole.contains(&name.attempt) {
                reach.add_set(&self.repository.manifest(&self.place(*name))?);
            }
        }
        // Newest first: sets refer to older ones, and no manifest should lack packs, not even one that is to go.
        for name in due.iter().rev().filter(|name| !reach.whole.contains(&name.attempt)) {
            let sweep = self.attempt_sweep(*name, &reach)?;
            // A listing that left out one attempt may have left out others, which need what this would delete.
            if sweep.as_ref().is_some_and(|sweep| sweep.objects() > 0) && !attempts.contains_key(name) {
                let object = self.place(*name).begin();
                let source = FormatError::new("listing", "it did not have this attempt".to_owned());
                return Err(RepositoryError::Damaged { object, source }.into());
            }
            plan.delete.extend(sweep);
        }
        Ok(())
    }

    /// The tombstones whose grace is over.
    fn due(
        &self,
        tombstones: &BTreeMap<AttemptName, u64>,
        plan: &mut InstanceSweep,
    ) -> Result<BTreeSet<AttemptName>, SweepError> {
        let mut due = BTreeSet::new();
        for (name, stored_seconds) in tombstones {
            if self.now_seconds.saturating_sub(*stored_seconds) < self.options.grace.as_secs() {
                continue;
            }
            match self.tombstone(*name) {
                Ok(()) => {
                    due.insert(*name);
                }
                Err(error) if error.is_damage() => plan.doubtful.push(chain(&error)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(due)
    }

    /// Reads a tombstone, which must be what its name says.
    fn tombstone(&self, name: AttemptName) -> Result<(), RepositoryError> {
        let object = self.place(name).tombstone();
        let Tombstone { instance, of, .. } = self.repository.read_record(&object, ObjectKind::Tombstone)?;
        if instance == *self.instance && of.set == name.set && of.attempt == name.attempt {
            return Ok(());
        }
        let source = FormatError::new("tombstone", format!("it is that of set {} of {instance}", of.set));
        Err(RepositoryError::Damaged { object, source })
    }

    fn standing(&self, name: AttemptName, attempt: &Attempt) -> Result<Standing, SweepError> {
        let place = self.place(name);
        let outlived = match attempt.begun {
            Some(begun) => begun.is_outlived(self.now_seconds),
            None => self.now_seconds.saturating_sub(attempt.newest_seconds) >= crate::BEGIN_LIFE.as_secs(),
        };
        let begin: Result<Begin, _> = self.repository.read_record(&place.begin(), ObjectKind::Begin);
        let begin = match begin {
            Err(RepositoryError::Store(StoreError::Absent { .. })) if attempt.has_begin => {
                return Ok(Standing::Gone);
            }
            // It can no longer make a set, so it does not matter what it named.
            Err(error) if outlived && error.is_damage() => None,
            other => Some(other?),
        };
        let life = match &begin {
            Some(Begin { origin, kind: BeginKind::Backup, .. }) => {
                (self.options.jobs)(origin).map_err(SweepError::Jobs)?
            }
            // A reader is no job of the catalog's.
            Some(Begin { kind: BeginKind::Reader, .. }) | None => JobLife::Unknown,
        };
        let reason = match life {
            JobLife::Over => "its job is over, and it made no set",
            JobLife::Unknown if outlived => "its `begin` was not renewed for 7 days",
            JobLife::Running | JobLife::Unknown => {
                let begin =
                    begin.ok_or_else(|| RepositoryError::Absent { what: place.begin().to_string() })?;
                return Ok(Standing::AtWork(Box::new(begin)));
            }
        };
        // A job that is over by now may have published after the listing.
        let published = self.repository.store().size(&place.manifest())?.is_some();
        Ok(if published { Standing::Published } else { Standing::Over(reason) })
    }

    /// What goes of an attempt whose tombstone is due; `None` when others need all that is left of it.
    fn attempt_sweep(&self, name: AttemptName, reach: &Reach) -> Result<Option<AttemptSweep>, SweepError> {
        let place = self.place(name);
        let mut sweep = AttemptSweep {
            place: place.clone(),
            manifest_bytes: None,
            packs: Vec::new(),
            packs_kept: 0,
            renewals: Vec::new(),
            begin_bytes: None,
            whole: false,
        };
        let mut unknown = 0u64;
        listing::for_each(&**self.repository.store(), &place.folder(), |entry| {
            let file = entry.key.file_name();
            match (BeginObject::named(file), pack_number(file)) {
                (Some(BeginObject::Begin), _) => sweep.begin_bytes = Some(entry.bytes),
                (Some(BeginObject::Renewal(number)), _) => sweep.renewals.push((number, entry.bytes)),
                (None, Some(number)) if reach.contains(PackId { attempt: name.attempt, number }) => {
                    sweep.packs_kept += 1;
                }
                (None, Some(number)) => add_pack(&mut sweep.packs, number, entry.bytes),
                (None, None) if file == "manifest" => sweep.manifest_bytes = Some(entry.bytes),
                // Names that are not known are left alone.
                (None, None) => unknown += 1,
            }
        })?;
        sweep.whole = sweep.packs_kept == 0 && unknown == 0;
        if !sweep.whole {
            sweep.begin_bytes = None;
            sweep.renewals.clear();
        }
        Ok((sweep.whole || sweep.objects() > 0).then_some(sweep))
    }

    fn place(&self, name: AttemptName) -> Place {
        Place { instance: self.instance.clone(), name }
    }
}

/// The number of the pack of that name.
fn pack_number(file: &str) -> Option<u32> {
    let digits = file.strip_prefix("pack-")?;
    let number: u32 = digits.parse().ok()?;
    (format!("{number:06}") == digits).then_some(number)
}

/// Packs come in the order of their names, which is not always that of their numbers.
fn add_pack(ranges: &mut Vec<PackRange>, number: u32, bytes: u64) {
    // A pack has at most 32 MiB; what lies there instead is deleted all the same.
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    match ranges.last_mut() {
        Some(range) if u64::from(range.first) + range.bytes.len() as u64 == u64::from(number) => {
            range.bytes.push(bytes);
        }
        Some(_) | None => ranges.push(PackRange { first: number, bytes: vec![bytes] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_that_a_writer_gives_are_packs() {
        for (file, number) in [("pack-000000", Some(0)), ("pack-1234567", Some(1_234_567))] {
            assert_eq!(pack_number(file), number);
        }
        for file in ["pack-1", "pack-0000001", "pack-+00001", "pack-", "pack-00000a", "manifest"] {
            assert_eq!(pack_number(file), None, "{file}");
        }
    }

    #[test]
    fn clocks_may_be_five_minutes_apart() {
        let node: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let seconds = u64::try_from(node.as_second()).unwrap();
        check_clocks(node, seconds + 300).unwrap();
        check_clocks(node, seconds - 300).unwrap();
        for seconds in [seconds + 301, seconds - 301, 0, u64::MAX] {
            assert!(matches!(check_clocks(node, seconds), Err(SweepError::Clocks { .. })));
        }
    }
}
