//! Verifying a repository: everything is read and proven, and what is broken is named together with
//! the sets and files that it touches.
//!
//! Memory: one pack for each thread, the numbers of blocks of one attempt's frames, and what is broken.

mod touched;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use blobstore::{ObjectKey, StoreError};

use crate::format::frame::{AttemptName, FrameId, PackId};
use crate::format::header::ObjectKind;
use crate::format::manifest::{Begin, Manifest, Reference, Tombstone};
use crate::prove::Depth;
use crate::{InstanceId, Place, Repository, RepositoryError};

pub use self::touched::Touched;

/// Something broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The object.
    pub object: String,
    /// What is wrong with it.
    pub problem: String,
    /// The sets and files that need it.
    pub touched: Vec<Touched>,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Objects read.
    pub objects: u64,
    /// Frames proven.
    pub frames: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Live sets.
    pub sets: u64,
    /// What is broken; empty when all is well.
    pub faults: Vec<Fault>,
}

/// How a verification goes.
#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions {
    /// Threads that read packs; each holds one.
    pub threads: usize,
    /// Percent of the packs that are read, chosen by their names and `seed`; 100 is everything.
    pub sample_percent: u32,
    /// Chooses another sample each time.
    pub seed: u64,
}

/// Watches a verification. Used by many threads at once.
pub trait VerifyProgress: Sync {
    /// So many bytes of packs are to be read.
    fn plan(&self, bytes: u64);
    /// So many more were.
    fn advance(&self, bytes: u64);
}

/// What is broken so far.
#[derive(Debug, Default)]
pub(crate) struct Broken {
    /// Packs of which nothing can be read, or that are absent.
    packs: BTreeSet<PackId>,
    frames: BTreeSet<FrameId>,
    faults: Vec<(Option<PackId>, Fault)>,
}

impl Repository {
    /// Reads and proves all objects: identity, keys, `begin`s, manifests, tombstones, packs; and that
    /// every reference of a live set leads to a block that is there.
    ///
    /// # Errors
    /// The store fails altogether. What is broken is in the report.
    pub fn verify(
        &self,
        instance: Option<&InstanceId>,
        options: &VerifyOptions,
        progress: &dyn VerifyProgress,
    ) -> Result<VerifyReport, RepositoryError> {
        let mut report = VerifyReport::default();
        let mut broken = Broken::default();
        self.verify_roots(&mut report, &mut broken)?;
        let instances = match instance {
            Some(instance) => vec![instance.clone()],
            None => self.instances()?,
        };
        let mut packs = Vec::new();
        let mut sets = Vec::new();
        for instance in &instances {
            self.verify_records(instance, &mut report, &mut broken, &mut sets)?;
            packs.extend(self.list_packs(instance)?);
        }
        verify_listed(&sets, &packs, &mut broken);
        let named = sets.iter().flat_map(|set| &set.references).flat_map(Reference::packs);
        let named = named.map(|(pack, _)| pack).collect();
        self.verify_packs(&packs, &named, options, progress, &mut report, &mut broken)?;
        report.sets = sets.len() as u64;
        let Broken { packs, frames, faults } = broken;
        report.faults = faults.iter().map(|(_, fault)| fault.clone()).collect();
        let walked = touched::walk(self, &sets, &packs, &frames);
        report.faults.extend(walked.faults);
        for (fault, (pack, _)) in report.faults.iter_mut().zip(&faults) {
            let Some(pack) = pack else { continue };
            fault.touched = walked.touched.get(pack).cloned().unwrap_or_default();
        }
        Ok(report)
    }

    /// `repository.json` and the keys, both of which were read when the repository was opened; they are
    /// read again, for they may have been damaged since.
    fn verify_roots(&self, report: &mut VerifyReport, broken: &mut Broken) -> Result<(), RepositoryError> {
        let identity = Self::identify(&**self.store());
        match identity {
            Ok(Some(identity)) if identity.repository() == self.id() => {}
            Ok(_) => broken.fault("repository.json", "it is not that of this repository"),
            Err(RepositoryError::Damaged { object, source }) => {
                broken.fault(object.as_str(), &source.problem);
            }
            Err(error) => return Err(error),
        }
        match self.reload_keys() {
            Ok(()) => {
                for (object, source) in self.damaged_wraps() {
                    broken.fault(object.as_str(), &source.to_string());
                }
            }
            Err(error) if error.is_damage() => broken.fault("keys", &chain(&error)),
            Err(error) => return Err(error),
        }
        report.objects += 1 + self.keys().iter().map(|key| key.wraps.len() as u64).sum::<u64>();
        Ok(())
    }

    fn verify_records(
        &self,
        instance: &InstanceId,
        report: &mut VerifyReport,
        broken: &mut Broken,
        sets: &mut Vec<Manifest>,
    ) -> Result<(), RepositoryError> {
        for attempt in self.attempts(instance)? {
            let place = &attempt.place;
            let begin = self.read_record::<Begin>(&place.begin(), ObjectKind::Begin);
            match begin {
                // A sweep, or its own worker, has deleted the attempt meanwhile.
                Err(error) if is_absent(&error) && self.is_empty(place)? => continue,
                begin => broken.record(&place.begin(), begin.map(|_| ()))?,
            }
            report.objects += 1;
            if attempt.published {
                report.objects += 1;
                match self.manifest(place) {
                    Ok(manifest) if !attempt.tombstone => sets.push(manifest),
                    // A sweep has deleted it meanwhile.
                    Err(error) if attempt.tombstone && is_absent(&error) => {}
                    other => broken.record(&place.manifest(), other.map(|_| ()))?,
                }
            }
            if attempt.tombstone {
                report.objects += 1;
                let tombstone = self.read_record::<Tombstone>(&place.tombstone(), ObjectKind::Tombstone);
                broken.record(&place.tombstone(), tombstone.map(|_| ()))?;
            }
        }
        Ok(())
    }

    fn is_empty(&self, place: &Place) -> Result<bool, RepositoryError> {
        let page = self.store().list(&place.folder(), None)?;
        Ok(page.entries.is_empty())
    }

    fn list_packs(&self, instance: &InstanceId) -> Result<Vec<(PackId, Place, u64)>, RepositoryError> {
        let mut packs = Vec::new();
        for attempt in self.attempts(instance)? {
            for (number, bytes) in self.pack_sizes(&attempt.place)? {
                let pack = PackId { attempt: attempt.place.name.attempt, number };
                packs.push((pack, attempt.place.clone(), bytes));
            }
        }
        Ok(packs)
    }

    fn verify_packs(
        &self,
        packs: &[(PackId, Place, u64)],
        named: &HashSet<PackId>,
        options: &VerifyOptions,
        progress: &dyn VerifyProgress,
        report: &mut VerifyReport,
        broken: &mut Broken,
    ) -> Result<(), RepositoryError> {
        let chosen: Vec<_> = packs.iter().filter(|(pack, ..)| is_chosen(*pack, options)).collect();
        progress.plan(chosen.iter().map(|(_, _, bytes)| bytes).sum());
        let next = AtomicUsize::new(0);
        let shared = Mutex::new((report, broken, None));
        let work = || -> Result<(), RepositoryError> {
            while let Some((pack, place, bytes)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                let object = place.pack(pack.number);
                let proof = self.prove_pack(&object, Depth::Everything);
                let mut shared = shared.lock().expect("no thread panics while it holds this");
                let (report, broken, _) = &mut *shared;
                report.objects += 1;
                match proof {
                    Ok(proof) => {
                        report.bytes += proof.bytes;
                        report.frames += u64::from(proof.frames);
                        for (number, problem) in proof.broken {
                            broken.frame(FrameId { pack: *pack, number }, &object, &problem);
                        }
                    }
                    // No set needs it: a sweep, or its own worker, has deleted it meanwhile.
                    Err(error) if is_absent(&error) && !named.contains(pack) => {}
                    Err(error) if error.is_damage() => broken.pack(*pack, object.as_str(), &chain(&error)),
                    Err(error) => return Err(error),
                }
                drop(shared);
                progress.advance(*bytes);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            for _ in 0..options.threads.max(1) {
                scope.spawn(|| {
                    if let Err(error) = work() {
                        next.store(chosen.len(), Ordering::Relaxed);
                        shared.lock().expect("no thread panics while it holds this").2.get_or_insert(error);
                    }
                });
            }
        });
        let (_, _, failure) = shared.into_inner().expect("no thread panics while it holds this");
        failure.map_or(Ok(()), Err)
    }
}

/// Every pack that a set names must be there, as large as it was.
fn verify_listed(sets: &[Manifest], packs: &[(PackId, Place, u64)], broken: &mut Broken) {
    let sizes: HashMap<PackId, u64> = packs.iter().map(|(pack, _, bytes)| (*pack, *bytes)).collect();
    let mut named = BTreeMap::new();
    for manifest in sets {
        for reference in &manifest.references {
            let name = AttemptName { set: reference.of.set, attempt: reference.of.attempt };
            let place = Place { instance: manifest.origin.instance.clone(), name };
            named.extend(reference.packs().map(|(pack, bytes)| (pack, (place.pack(pack.number), bytes))));
        }
    }
    for (pack, (object, bytes)) in named {
        let problem = match sizes.get(&pack) {
            Some(size) if *size == u64::from(bytes) => continue,
            Some(size) => format!("it has {size} bytes, not {bytes}"),
            None => "it is absent".to_owned(),
        };
        broken.pack(pack, object.as_str(), &problem);
    }
}

impl Broken {
    fn fault(&mut self, object: &str, problem: &str) {
        self.add(None, object, problem);
    }

    fn pack(&mut self, pack: PackId, object: &str, problem: &str) {
        if self.packs.insert(pack) {
            self.add(Some(pack), object, problem);
        }
    }

    fn frame(&mut self, frame: FrameId, object: &ObjectKey, problem: &str) {
        self.frames.insert(frame);
        self.add(Some(frame.pack), object.as_str(), &format!("frame {}: {problem}", frame.number));
    }

    fn add(&mut self, pack: Option<PackId>, object: &str, problem: &str) {
        let fault = Fault { object: object.to_owned(), problem: problem.to_owned(), touched: Vec::new() };
        self.faults.push((pack, fault));
    }

    fn record(
        &mut self,
        object: &ObjectKey,
        read: Result<(), RepositoryError>,
    ) -> Result<(), RepositoryError> {
        match read {
            Ok(()) => Ok(()),
            Err(error) if error.is_damage() => {
                self.fault(object.as_str(), &chain(&error));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Is the object itself not there?
fn is_absent(error: &RepositoryError) -> bool {
    matches!(
        error,
        RepositoryError::Store(StoreError::Absent { .. })
            | RepositoryError::Absent { .. }
            | RepositoryError::NoSuchSet { .. }
    )
}

/// Is the pack in the sample?
fn is_chosen(pack: PackId, options: &VerifyOptions) -> bool {
    let mut name = options.seed.to_le_bytes().to_vec();
    name.extend_from_slice(pack.attempt.as_bytes());
    name.extend_from_slice(&pack.number.to_le_bytes());
    let hash = blake3::hash(&name);
    let (first, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    u64::from(u32::from_le_bytes(*first)) * 100 < u64::from(options.sample_percent) << 32
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
