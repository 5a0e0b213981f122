//! The pipeline: files of a source → read → check → hash → compare → compress → seal → pack.
//!
//! The calling thread lists files in order, and hands out work of up to 8 MiB; each worker reads,
//! hashes, compares with the parent and compresses by itself. Results come back in any order and go
//! into the table in the order of the files. Bounded: work handed out, entries waiting for the table,
//! and packs in memory.

mod frame_writer;
mod gather;
mod older;
mod pending;
mod sparse;
mod worker;

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use repository::{Content, FRAME_BYTES_MAX, SHARED_FILE_BYTES};

use self::frame_writer::FrameWriter;
pub(crate) use self::older::OlderCursor;
use self::older::OlderFile;
use self::pending::{Pending, Settled};
use self::worker::{Part, Region, SmallFile, Work, Worker};
use crate::set_writer::head;
use crate::{BackupError, EntryKind, JobControl, SetWriter, Source, SourceEntry};

/// Bytes of one file in one piece of work: enough that changed blocks of a stretch share frames.
const REGION_BYTES: u64 = 8 * FRAME_BYTES_MAX as u64;
/// Files in one piece of work, at most; as many as a frame has blocks.
const BATCH_FILES_MAX: usize = 128;
/// Entries that wait for the table before an unfilled batch is sent off.
const PENDING_SOFT_MAX: usize = 1024;
/// Entries that wait for the table, at most; each is some hundred bytes.
const PENDING_MAX: usize = 16 * 1024;

impl SetWriter<'_> {
    /// Copies all files of `source` into the set. Paths must come after those added before.
    ///
    /// # Errors
    /// The source, the store or the job's end; no thread is left running.
    pub fn copy(&mut self, source: &dyn Source, control: &dyn JobControl) -> Result<(), BackupError> {
        let threads = self.request.threads.get();
        let stop = AtomicBool::new(false);
        self.look_for_sparse_packs(control)?;
        let defragment = AtomicI64::new(i64::try_from(self.anew_bytes_left).unwrap_or(i64::MAX));
        let reader = self.parent.as_ref().map(|parent| Arc::clone(parent.set().reader()));
        let (work_tx, work_rx) = bounded::<Work>(threads * 2);
        let (part_tx, part_rx) = unbounded();
        let mut workers = Vec::new();
        for _ in 0..threads {
            workers.push(Worker::new(
                source,
                control,
                FrameWriter::new(Arc::clone(&self.attempt), self.encoder()?, Arc::clone(&self.dead)),
                reader.clone(),
                self.repository,
                &defragment,
            ));
        }
        let copied = std::thread::scope(|scope| {
            for (number, mut worker) in workers.into_iter().enumerate() {
                let (work_rx, part_tx, stop) = (work_rx.clone(), part_tx.clone(), &stop);
                let name = format!("copy-{number}");
                let run = move || run_worker(&mut worker, &work_rx, &part_tx, stop);
                std::thread::Builder::new().name(name).spawn_scoped(scope, run).expect("a thread starts");
            }
            drop((work_rx, part_tx));
            let outcome = Coordinator {
                set: self,
                source,
                control,
                work: work_tx,
                parts: part_rx,
                pending: VecDeque::new(),
                first: 0,
                outstanding: 0,
                outstanding_max: threads * 4,
                batch: Vec::new(),
                batch_bytes: 0,
            }
            .run();
            stop.store(outcome.is_err(), Ordering::Relaxed);
            outcome
        });
        self.anew_bytes_left = u64::try_from(defragment.into_inner()).unwrap_or(0);
        copied
    }

    /// Once for all copies of the set.
    fn look_for_sparse_packs(&mut self, control: &dyn JobControl) -> Result<(), BackupError> {
        if self.sparse.is_some() {
            return Ok(());
        }
        self.sparse = Some(match &self.parent {
            Some(parent) => sparse::sparse_packs(parent, &mut self.anew_bytes_left, control)?,
            None => HashSet::new(),
        });
        Ok(())
    }
}

type Outcome = Result<Vec<Part>, BackupError>;

fn run_worker(worker: &mut Worker<'_>, work: &Receiver<Work>, parts: &Sender<Outcome>, stop: &AtomicBool) {
    for work in work {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // A panic must come back as an outcome, or the lister would wait for it for ever.
        let outcome = catch_unwind(AssertUnwindSafe(|| worker.run(work)));
        let outcome = outcome.unwrap_or(Err(BackupError::Panicked));
        // What failed half-way leaves a worker that is good for nothing more.
        let failed = outcome.is_err();
        // The receiver is gone only when the copy has failed already.
        if parts.send(outcome).is_err() || failed {
            return;
        }
    }
}

struct Coordinator<'c, 'r> {
    set: &'c mut SetWriter<'r>,
    source: &'c dyn Source,
    control: &'c dyn JobControl,
    work: Sender<Work>,
    parts: Receiver<Outcome>,
    pending: VecDeque<Pending>,
    /// Number of the first pending entry; entries are numbered as they are listed.
    first: u64,
    outstanding: usize,
    outstanding_max: usize,
    batch: Vec<SmallFile>,
    batch_bytes: u64,
}

impl Coordinator<'_, '_> {
    fn run(mut self) -> Result<(), BackupError> {
        for entry in self.source.entries() {
            self.control.check()?;
            self.take(entry?)?;
            self.settle()?;
            if self.pending.len() >= PENDING_SOFT_MAX {
                self.send_batch()?;
            }
            while self.pending.len() >= PENDING_MAX {
                self.receive()?;
            }
        }
        self.send_batch()?;
        while self.outstanding > 0 {
            self.receive()?;
        }
        self.settle()
    }

    fn take(&mut self, entry: SourceEntry) -> Result<(), BackupError> {
        let number = self.first + self.pending.len() as u64;
        let bytes = match &entry.kind {
            EntryKind::Directory => {
                self.pending.push_back(Pending::other(head(&entry), Content::Directory));
                return Ok(());
            }
            EntryKind::Symlink { target } => {
                let content = Content::Symlink { target: target.clone() };
                self.pending.push_back(Pending::other(head(&entry), content));
                return Ok(());
            }
            EntryKind::File { bytes } => *bytes,
        };
        let older = self.set.older_file(&entry.path)?.map(Arc::new);
        if bytes == 0 {
            self.pending.push_back(Pending::file(head(&entry), older, 0));
            Ok(())
        } else if bytes < SHARED_FILE_BYTES {
            self.pending.push_back(Pending::file(head(&entry), older.clone(), 1));
            self.take_small(SmallFile { number, entry, older }, bytes)
        } else {
            self.take_large(number, entry, older.as_ref())
        }
    }

    fn take_small(&mut self, file: SmallFile, bytes: u64) -> Result<(), BackupError> {
        if self.batch.len() == BATCH_FILES_MAX || self.batch_bytes + bytes > FRAME_BYTES_MAX as u64 {
            self.send_batch()?;
        }
        self.batch.push(file);
        self.batch_bytes += bytes;
        Ok(())
    }

    fn take_large(
        &mut self,
        number: u64,
        entry: SourceEntry,
        older: Option<&Arc<OlderFile>>,
    ) -> Result<(), BackupError> {
        let Some(file) = self.source.open(&entry)? else {
            return Ok(()); // Gone: it was dropped since it was listed.
        };
        let bytes = file.bytes();
        let regions = bytes.div_ceil(REGION_BYTES);
        let parts = usize::try_from(regions).expect("the parts of a file fit in memory");
        self.pending.push_back(Pending::file(head(&entry), older.cloned(), parts));
        let entry = Arc::new(entry);
        for region in 0..regions {
            let offset = region * REGION_BYTES;
            let (file, entry, older) = (Arc::clone(&file), Arc::clone(&entry), older.cloned());
            let bytes = REGION_BYTES.min(bytes - offset);
            self.send(Work::Region(Region { number, entry, file, offset, bytes, older }))?;
        }
        Ok(())
    }

    fn send_batch(&mut self) -> Result<(), BackupError> {
        self.batch_bytes = 0;
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.send(Work::Batch(batch))
    }

    fn send(&mut self, work: Work) -> Result<(), BackupError> {
        while self.outstanding >= self.outstanding_max {
            self.receive()?;
        }
        self.outstanding += 1;
        match self.work.send(work) {
            Ok(()) => Ok(()),
            // Every worker is gone, after a failure, which its outcome tells, or a panic.
            Err(_) => self.receive(),
        }
    }

    /// Waits for one outcome and takes it.
    fn receive(&mut self) -> Result<(), BackupError> {
        let outcome = self.parts.recv().map_err(|_| BackupError::Panicked)?;
        self.outstanding -= 1;
        for part in outcome? {
            self.set.reused_bytes += part.reused_bytes;
            let position = usize::try_from(part.number - self.first).expect("pending entries fit in memory");
            if let Some(pending) = self.pending.get_mut(position) {
                pending.add(part);
            }
        }
        self.settle()
    }

    /// Moves whole entries from the front into the table.
    fn settle(&mut self) -> Result<(), BackupError> {
        while self.pending.front().is_some_and(Pending::is_whole) {
            let Some(pending) = self.pending.pop_front() else { break };
            self.first += 1;
            let set = &mut *self.set;
            match pending.settle() {
                Settled::Gone => {}
                Settled::Other { head, content } => {
                    set.table.push(&set.attempt, head, content).map_err(BackupError::table)?;
                }
                Settled::File { head, bytes, runs, kept, bad } => {
                    if !bad.is_empty() {
                        set.bad_blocks.push((head.path.clone(), bad));
                    }
                    let pushed = set.table.push_file(&set.attempt, head, bytes, &runs, kept.as_deref());
                    pushed.map_err(BackupError::table)?;
                }
            }
        }
        Ok(())
    }
}
