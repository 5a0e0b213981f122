//! The end of a set: table, proof, manifest.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use blobstore::ObjectKey;
use jiff::Timestamp;
use repository::{
    Ancestor, AttemptId, AttemptName, Depth, JobMode, Manifest, PackId, PackRange, PackUse, Place, ReadBack,
    Reference, Repository, RepositoryError, TableFrame, Totals, WrittenTable,
};

use super::parent::missing_packs;
use super::{SetWriter, origin};
use crate::set_writer::SetTimes;
use crate::{BackupError, JobControl, Stage, failpoint};

/// Of the frames a job stored each seal is checked, and of one in so many the content too.
const SAMPLE_EVERY: u32 = 16;

/// What the engine adds to a set's root.
#[derive(Debug, Clone)]
pub struct SetRecord {
    /// The engine, like `postgresql`.
    pub engine: String,
    /// The server's version, like `15.18`.
    pub server_version: String,
    /// What a restore needs; opaque to the repository.
    pub record: serde_json::Value,
    /// The set's moments.
    pub times: SetTimes,
    /// When the proof ends, that is when the manifest is written; by the worker's clock.
    pub proven: Timestamp,
}

impl SetWriter<'_> {
    /// Writes what is open, proves what this attempt stored, lists what it refers to, and publishes
    /// the manifest. Afterwards the set counts.
    ///
    /// # Errors
    /// The store fails, what was stored does not read back, an older pack is gone, or the job must end.
    pub fn prove_and_publish(
        self,
        record: SetRecord,
        control: &dyn JobControl,
    ) -> Result<Manifest, BackupError> {
        let Self { repository, request, attempt, table, parent, reused_bytes, dead, .. } = self;
        let table = table.finish(&attempt).map_err(BackupError::table)?;
        attempt.flush().map_err(BackupError::attempt)?;
        let sizes = attempt.pack_sizes();
        let new_frames = attempt.frames();
        // The pack buffers go before the proof needs buffers of its own.
        drop(attempt);
        failpoint::pass("engine.stored");
        control.enter(Stage::Proving)?;
        let own = Ancestor { set: request.set, attempt: request.attempt };
        let size_of = |pack: PackId| match usize::try_from(pack.number) {
            Ok(number) if pack.attempt == own.attempt => sizes.get(number).copied(),
            Ok(_) | Err(_) => {
                let older = parent.as_ref().and_then(|parent| parent.pack_bytes(pack));
                older.or_else(|| dead.pack_bytes(pack))
            }
        };
        let ancestor = |attempt: AttemptId| {
            let own = Some(own).filter(|own| own.attempt == attempt).or_else(|| dead.ancestor(attempt));
            let older = || parent.as_ref()?.reference(attempt).map(|r| (r.of, r.proven));
            own.map(|own| (own, record.proven)).or_else(older)
        };
        let references = references(&table.packs, size_of, ancestor)?;
        // What dead attempts of this job stored was never proven: it is now.
        let unproven = references.iter().filter(|r| r.of == own || dead.ancestor(r.of.attempt).is_some());
        let unproven = unproven.flat_map(|r| {
            let name = AttemptName { set: r.of.set, attempt: r.of.attempt };
            let place = Place { instance: request.instance.clone(), name };
            r.packs().map(move |(pack, bytes)| (place.pack(pack.number), bytes))
        });
        let unproven: Vec<(ObjectKey, u32)> = unproven.collect();
        prove(repository, &unproven, request.threads.get(), control)?;
        failpoint::pass("engine.proven");
        let manifest = Manifest {
            origin: origin(&request),
            mode: if request.manual { JobMode::Manual } else { JobMode::Automated },
            retention_days: request.retention_days,
            started: record.times.started,
            ended: record.times.ended,
            consistent: record.times.consistent,
            engine: record.engine,
            server_version: record.server_version,
            record: record.record,
            parent: parent.as_ref().map(super::Parent::ancestor),
            totals: totals(&table, &references, own, reused_bytes, new_frames),
            table: table_frames(&table, &references)?,
            read_back: ReadBack::Frames,
            oldest_proof: references.iter().filter(|r| r.of != own).map(|r| r.proven).min(),
            references,
        };
        if let Some(pack) = missing_packs(repository, &manifest)?.first() {
            let what = format!("pack-{:06} of attempt {}, which the set needs,", pack.number, pack.attempt);
            return Err(BackupError::repository("list the set's packs", RepositoryError::Absent { what }));
        }
        control.check()?;
        failpoint::pass("engine.publishing");
        repository
            .publish(&manifest, record.proven)
            .map_err(|e| BackupError::repository("publish the manifest", e))?;
        failpoint::pass("engine.published");
        Ok(manifest)
    }
}

/// Fetches back and proves packs, a few at a time.
fn prove(
    repository: &Repository,
    packs: &[(ObjectKey, u32)],
    threads: usize,
    control: &dyn JobControl,
) -> Result<(), BackupError> {
    let next = AtomicUsize::new(0);
    let done = AtomicU64::new(0);
    let total = packs.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
    let failure = Mutex::new(None);
    let work = || -> Result<(), BackupError> {
        loop {
            control.check()?;
            let Some((object, bytes)) = packs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            prove_pack(repository, object, *bytes)?;
            let bytes = u64::from(*bytes);
            control.prove(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
        }
    };
    // Each thread holds one pack, so their number bounds the memory too.
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, 2) {
            scope.spawn(|| {
                if let Err(error) = work() {
                    next.store(packs.len(), Ordering::Relaxed);
                    failure.lock().expect("no thread panics while it holds this").get_or_insert(error);
                }
            });
        }
    });
    failure.into_inner().expect("no thread panics while it holds this").map_or(Ok(()), Err)
}

fn prove_pack(repository: &Repository, object: &ObjectKey, bytes: u32) -> Result<(), BackupError> {
    let unproven = |what: String| BackupError::Unproven { what };
    let proof = match repository.prove_pack(object, Depth::Sample(SAMPLE_EVERY)) {
        Ok(proof) => proof,
        Err(RepositoryError::Store(error)) => {
            return Err(BackupError::repository("fetch back what was stored", error));
        }
        Err(error) => return Err(unproven(error_chain(&error))),
    };
    match proof.broken.first() {
        Some((frame, problem)) => Err(unproven(format!("frame {frame} of {object}: {problem}"))),
        None if proof.bytes == u64::from(bytes) => Ok(()),
        None => Err(unproven(format!("{object} has {} bytes, not {bytes}", proof.bytes))),
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn references(
    packs: &PackUse,
    size_of: impl Fn(PackId) -> Option<u32>,
    ancestor: impl Fn(AttemptId) -> Option<(Ancestor, Timestamp)>,
) -> Result<Vec<Reference>, BackupError> {
    let absent =
        |what| BackupError::repository("name the packs of the set", RepositoryError::Absent { what });
    let mut references = Vec::new();
    for (attempt, numbers) in packs.iter() {
        let (of, proven) = ancestor(attempt).ok_or_else(|| absent(format!("attempt {attempt}")))?;
        let mut ranges: Vec<PackRange> = Vec::new();
        for number in numbers {
            let size = size_of(PackId { attempt, number });
            let size = size.ok_or_else(|| absent(format!("pack-{number:06} of attempt {attempt}")))?;
            match ranges.last_mut() {
                Some(range) if u64::from(range.first) + range.bytes.len() as u64 == u64::from(number) => {
                    range.bytes.push(size);
                }
                Some(_) | None => ranges.push(PackRange { first: number, bytes: vec![size] }),
            }
        }
        references.push(Reference { of, proven, packs: ranges });
    }
    Ok(references)
}

fn table_frames(table: &WrittenTable, references: &[Reference]) -> Result<Vec<TableFrame>, BackupError> {
    let numbers: BTreeMap<AttemptId, u32> = references.iter().map(|r| r.of.attempt).zip(0..).collect();
    let frame = |(id, digest): &(repository::FrameId, [u8; 16])| {
        let absent = || RepositoryError::Absent { what: id.to_string() };
        let reference = numbers.get(&id.pack.attempt).copied();
        let reference =
            reference.ok_or_else(|| BackupError::repository("name the table's frames", absent()))?;
        Ok(TableFrame { reference, pack: id.pack.number, frame: id.number, digest: *digest })
    };
    table.frames.iter().map(frame).collect()
}

fn totals(
    table: &WrittenTable,
    references: &[Reference],
    own: Ancestor,
    reused_bytes: u64,
    new_frames: u64,
) -> Totals {
    let sum = |references: &mut dyn Iterator<Item = &Reference>| {
        references.flat_map(Reference::packs).map(|(_, bytes)| u64::from(bytes)).sum::<u64>()
    };
    Totals {
        entries: table.entries,
        files: table.files,
        source_bytes: table.source_bytes,
        reused_bytes,
        new_frames,
        new_bytes: sum(&mut references.iter().filter(|r| r.of == own)),
        stored_bytes: sum(&mut references.iter()),
    }
}
