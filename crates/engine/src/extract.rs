//! From a set back into directories.
//!
//! The calling thread lists the set's entries, makes folders and empty files, and hands out stretches
//! of blocks; workers fetch frames, several in one request, and write them where they belong. A frame
//! that holds many small files is fetched once. Large files are written past the kernel's cache. When it returns,
//! everything is on disk: one sync of the file system, for one of each file costs more as soon as there are some.

mod worker;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use blobstore::durable::{self, Way};
use crossbeam_channel::{Receiver, Sender, bounded};
use repository::{
    BLOCK_BYTES, Content, Entry, FrameBuffers, FrameId, OpenSet, RepositoryError, Run, StoredPath,
};

use self::worker::{Piece, Target, Worker};
use crate::Interrupted;

/// Frames in one piece of work: 8 MiB of content.
const FRAMES_MAX: usize = 8;
/// Stretches in one piece of work; more only when a single frame holds more.
const PIECES_MAX: usize = 1024;

/// Workers for each thread that was asked for: half of them wait for the disk while the others decompress.
const WORKERS_PER_THREAD: usize = 2;
/// Files whose runs are as long as this, on average, go past the kernel's cache.
const DIRECT_RUN_BYTES_MIN: u64 = 128 * 1024;

/// How a set is extracted.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Threads that fetch and decompress at the same time; as many again write meanwhile.
    pub threads: NonZeroUsize,
    /// Who owns what is made.
    pub owner: Owner,
}

/// Who owns extracted files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The owner and group that the set names; only root can do that.
    OfSet,
    /// Whoever runs this.
    Runner,
}

/// Watches an extraction. Used by many threads at once.
pub trait ExtractProgress: Sync {
    /// So many bytes more were written.
    fn advance(&self, bytes: u64);

    /// Asked between pieces of work.
    ///
    /// # Errors
    /// The extraction is to end.
    fn check(&self) -> Result<(), Interrupted>;
}

/// What was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtractReport {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why an extraction failed. What it has made is left for the caller to name or remove.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The repository failed, or a frame is damaged.
    #[error("read {path} from the repository")]
    Repository {
        /// The file, or the set.
        path: String,
        /// The cause.
        #[source]
        source: RepositoryError,
    },
    /// A file or folder cannot be made or written.
    #[error("{action} {}", path.display())]
    Write {
        /// What was being done, as a verb.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It was to end.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// A thread of ours panicked: a bug.
    #[error("a worker thread panicked; please report this with the log")]
    Panicked,
}

/// Writes the entries of `set` for which `place` gives a path. Files must not exist; folders may.
///
/// # Errors
/// See [`ExtractError`]; no thread is left running.
pub fn extract(
    set: &OpenSet,
    place: &dyn Fn(&StoredPath) -> Option<PathBuf>,
    options: &ExtractOptions,
    progress: &dyn ExtractProgress,
) -> Result<ExtractReport, ExtractError> {
    let threads = options.threads.get() * WORKERS_PER_THREAD;
    let stop = AtomicBool::new(false);
    let (work_tx, work_rx) = bounded::<Vec<Piece>>(threads * 2);
    let (fail_tx, fail_rx) = bounded(threads);
    let report = std::thread::scope(|scope| {
        for number in 0..threads {
            let mut worker = Worker::new(Arc::clone(set.reader()), progress)?;
            let (work_rx, fail_tx, stop) = (work_rx.clone(), fail_tx.clone(), &stop);
            let run = move || run_worker(&mut worker, &work_rx, &fail_tx, stop);
            let thread = std::thread::Builder::new().name(format!("extract-{number}"));
            thread.spawn_scoped(scope, run).expect("a thread starts");
        }
        drop((work_rx, fail_tx));
        let mut lister = Lister { options, work: work_tx, failures: fail_rx, ..Lister::new(set, options)? };
        let outcome = lister.run(place, progress);
        stop.store(outcome.is_err(), Ordering::Relaxed);
        let Lister { work, failures, report, roots, folders, .. } = lister;
        drop(work);
        // The channel of failures ends when the last worker has ended.
        let failure = failures.recv().ok();
        match (failure, outcome) {
            (Some(error), _) | (None, Err(error)) => Err(error),
            (None, Ok(())) => Ok((report, roots, folders)),
        }
    });
    let (report, roots, folders) = report?;
    for (path, mode) in folders.iter().rev() {
        set_mode(path, *mode)?;
    }
    for (path, folder) in roots {
        durable::sync_filesystem(&folder).map_err(write_error("sync", &path))?;
    }
    Ok(report)
}

fn run_worker(
    worker: &mut Worker<'_>,
    work: &Receiver<Vec<Piece>>,
    failures: &Sender<ExtractError>,
    stop: &AtomicBool,
) {
    for pieces in work {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| worker.run(pieces)));
        if let Err(error) = outcome.unwrap_or(Err(ExtractError::Panicked)) {
            stop.store(true, Ordering::Relaxed);
            // There is room for one failure of each worker.
            let _ = failures.send(error);
            return;
        }
    }
}

/// Lists the set and makes what is listed.
struct Lister<'a> {
    set: &'a OpenSet,
    options: &'a ExtractOptions,
    work: Sender<Vec<Piece>>,
    failures: Receiver<ExtractError>,
    buffers: FrameBuffers,
    pieces: Vec<Piece>,
    frames: usize,
    last_frame: Option<FrameId>,
    report: ExtractReport,
    /// One open folder of each file system written to: held since before the first write, so that
    /// syncing it tells of every write that was lost.
    roots: Vec<(PathBuf, fs::File)>,
    devices: BTreeSet<u64>,
    /// The folder whose file system was noted last.
    noted: PathBuf,
    /// Folders that get a mode in which nothing more could be made in them.
    folders: Vec<(PathBuf, u32)>,
}

impl<'a> Lister<'a> {
    fn new(set: &'a OpenSet, options: &'a ExtractOptions) -> Result<Self, ExtractError> {
        let (work, _) = bounded(0);
        let (_, failures) = bounded(0);
        Ok(Self {
            set,
            options,
            work,
            failures,
            buffers: worker::new_buffers()?,
            pieces: Vec::new(),
            frames: 0,
            last_frame: None,
            report: ExtractReport::default(),
            roots: Vec::new(),
            devices: BTreeSet::new(),
            noted: PathBuf::new(),
            folders: Vec::new(),
        })
    }

    fn run(
        &mut self,
        place: &dyn Fn(&StoredPath) -> Option<PathBuf>,
        progress: &dyn ExtractProgress,
    ) -> Result<(), ExtractError> {
        let entries = self.set.entries().map_err(|source| self.set_error(source))?;
        for entry in entries {
            progress.check()?;
            let entry = entry.map_err(|source| self.set_error(source))?;
            if let Some(path) = place(&entry.path) {
                self.make(&entry, &path)?;
            }
        }
        self.send()
    }

    fn set_error(&self, source: RepositoryError) -> ExtractError {
        ExtractError::Repository { path: format!("set {}", self.set.manifest().origin.set), source }
    }

    fn make(&mut self, entry: &Entry, path: &Path) -> Result<(), ExtractError> {
        match &entry.content {
            Content::Directory => {
                make_folder(path)?;
                self.own(entry, path)?;
                if entry.mode & 0o300 == 0o300 {
                    set_mode(path, entry.mode)?;
                } else {
                    self.folders.push((path.to_owned(), entry.mode));
                }
                self.note_device(path)
            }
            Content::Symlink { target } => {
                let target = Path::new(std::ffi::OsStr::from_bytes(target));
                std::os::unix::fs::symlink(target, path).map_err(write_error("link", path))?;
                self.own(entry, path)
            }
            Content::File { bytes, .. } => self.make_file(entry, path, *bytes),
        }
    }

    fn make_file(&mut self, entry: &Entry, path: &Path, bytes: u64) -> Result<(), ExtractError> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let file = durable::create_file(path).or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            fs::create_dir_all(parent).and_then(|()| durable::create_file(path))
        });
        let file = file.map_err(write_error("create", path))?;
        let mode = fs::Permissions::from_mode(entry.mode & 0o7777);
        file.set_permissions(mode).map_err(write_error("set the mode of", path))?;
        self.own(entry, path)?;
        self.note_device(path)?;
        self.report.files += 1;
        self.report.bytes += bytes;
        let runs = self.set.runs(entry, &mut self.buffers);
        let runs =
            runs.map_err(|source| ExtractError::Repository { path: entry.path.to_string(), source })?;
        let way = way(bytes, runs.len());
        durable::set_length(&file, bytes, way).map_err(write_error("size", path))?;
        let target = Arc::new(Target { path: path.into(), way });
        for run in runs {
            self.add(&target, run, bytes)?;
        }
        Ok(())
    }

    fn add(&mut self, target: &Arc<Target>, run: Run, bytes: u64) -> Result<(), ExtractError> {
        if self.last_frame != Some(run.frame) {
            if self.frames == FRAMES_MAX || self.pieces.len() >= PIECES_MAX {
                self.send()?;
            }
            self.last_frame = Some(run.frame);
            self.frames += 1;
        }
        let offset = run.first_block * BLOCK_BYTES as u64;
        let length = bytes.min(run.end_block() * BLOCK_BYTES as u64) - offset;
        self.pieces.push(Piece { target: Arc::clone(target), run, offset, length });
        Ok(())
    }

    fn send(&mut self) -> Result<(), ExtractError> {
        self.frames = 0;
        self.last_frame = None;
        let pieces = std::mem::take(&mut self.pieces);
        if pieces.is_empty() {
            return Ok(());
        }
        if let Ok(failure) = self.failures.try_recv() {
            return Err(failure);
        }
        // No worker is left: the first of them has said why.
        self.work.send(pieces).map_err(|_| self.failures.try_recv().unwrap_or(ExtractError::Panicked))
    }

    fn own(&self, entry: &Entry, path: &Path) -> Result<(), ExtractError> {
        match self.options.owner {
            Owner::Runner => Ok(()),
            Owner::OfSet => std::os::unix::fs::lchown(path, Some(entry.owner), Some(entry.group))
                .map_err(write_error("set the owner of", path)),
        }
    }

    fn note_device(&mut self, path: &Path) -> Result<(), ExtractError> {
        use std::os::unix::fs::MetadataExt as _;
        let folder = path.parent().unwrap_or(path);
        if folder == self.noted {
            return Ok(());
        }
        let device = fs::metadata(folder).map_err(write_error("look at", folder))?.dev();
        if self.devices.insert(device) {
            let open = fs::File::open(folder).map_err(write_error("open", folder))?;
            self.roots.push((folder.to_owned(), open));
        }
        folder.clone_into(&mut self.noted);
        Ok(())
    }
}

/// How a file is written: by all workers the same way, which also is why one with an odd end goes through the cache.
fn way(bytes: u64, runs: usize) -> Way {
    let is_whole = bytes.is_multiple_of(BLOCK_BYTES as u64);
    let is_long = runs > 0 && bytes / runs as u64 >= DIRECT_RUN_BYTES_MIN;
    if is_whole && is_long { Way::PastCache } else { Way::ThroughCache }
}

fn make_folder(path: &Path) -> Result<(), ExtractError> {
    match fs::create_dir(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path).map_err(write_error("create", path))
        }
        Err(error) => Err(write_error("create", path)(error)),
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), ExtractError> {
    let mode = fs::Permissions::from_mode(mode & 0o7777);
    fs::set_permissions(path, mode).map_err(write_error("set the mode of", path))
}

fn write_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExtractError {
    let path = path.to_owned();
    move |source| ExtractError::Write { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_of_whole_blocks_pass_by_the_cache() {
        const GIB: u64 = 1 << 30;
        for (bytes, runs, expected) in [
            (GIB, 1024, Way::PastCache),
            (GIB, 8192, Way::PastCache),
            (GIB, 8193, Way::ThroughCache),
            (GIB + 1, 1025, Way::ThroughCache),
            (GIB - 4096, 1024, Way::ThroughCache),
            (128 * 1024, 1, Way::PastCache),
            (120 * 1024, 1, Way::ThroughCache),
            (0, 0, Way::ThroughCache),
        ] {
            assert_eq!(way(bytes, runs), expected, "{bytes} bytes in {runs} runs");
        }
    }
}
