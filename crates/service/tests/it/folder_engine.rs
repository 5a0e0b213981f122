//! A real engine over the files of one plain folder, which a test can hold at any stage and make fail.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use catalog::{EngineKind, Instance};
use engine::{
    Archive, ArchiveError, ArchiveShape, BackupEngine, BackupError, BackupRequest, BadBlocks, Checked,
    EntryKind, FinishedSet, Interrupted, JobControl, MadeMember, Retry, SetRecord, SetTimes, SetWriter,
    Source, SourceEntry, SourceError, SourceFile, Stage,
};
use repository::{Entry, OpenSet, Repository, StoredPath};
use service::{EngineError, Engines};

/// What a test tells the engines of a service.
#[derive(Debug, Default)]
pub(crate) struct Script {
    held: Mutex<HashSet<&'static str>>,
    changed: Condvar,
    /// So many attempts fail, as if the server went away.
    pub(crate) failures_left: AtomicU32,
    /// Each attempt panics.
    pub(crate) panics: AtomicBool,
    /// Asking whether an engine is supported panics.
    pub(crate) support_panics: AtomicBool,
}

/// The error of an attempt that a test lets fail.
#[derive(Debug, thiserror::Error)]
#[error("the server closed the connection unexpectedly")]
struct ServerGone;

impl Script {
    /// Attempts wait at `point` from now on.
    pub(crate) fn hold(&self, point: &'static str) {
        self.held.lock().expect("held").insert(point);
    }

    pub(crate) fn release(&self, point: &'static str) {
        self.held.lock().expect("held").remove(point);
        self.changed.notify_all();
    }

    fn pass(&self, point: &'static str, control: &dyn JobControl) -> Result<(), Interrupted> {
        let mut held = self.held.lock().expect("held");
        while held.contains(point) {
            control.check()?;
            // An interruption notifies nobody here.
            (held, _) = self.changed.wait_timeout(held, Duration::from_millis(5)).expect("held");
        }
        control.check()
    }
}

/// Engines over the folder that an instance has as its data directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct FolderEngines {
    pub(crate) script: Arc<Script>,
}

impl Engines for FolderEngines {
    fn supports(&self, kind: EngineKind) -> bool {
        assert!(!self.script.support_panics.load(Ordering::Relaxed), "as the test wants it");
        kind == EngineKind::Postgresql
    }

    fn engine_for(
        &self,
        instance: &Instance,
        _password: Option<zeroize::Zeroizing<String>>,
    ) -> Result<Box<dyn BackupEngine>, EngineError> {
        let folder = instance.data_directory.clone().unwrap_or_default().into();
        Ok(Box::new(FolderEngine { folder, script: Arc::clone(&self.script) }))
    }

    fn archive(&self, set: &OpenSet) -> Result<Archive, ArchiveError> {
        Archive::measure(set, Box::new(FolderShape))
    }
}

/// An archive of the folder's files alone.
#[derive(Debug)]
struct FolderShape;

impl ArchiveShape for FolderShape {
    fn path(&self, entry: &Entry) -> Option<Vec<u8>> {
        entry.path.within("data").map(<[u8]>::to_vec)
    }

    fn made(&self) -> &[MadeMember] {
        &[]
    }
}

#[derive(Debug)]
pub(crate) struct FolderEngine {
    pub(crate) folder: PathBuf,
    pub(crate) script: Arc<Script>,
}

impl BackupEngine for FolderEngine {
    fn check(&self, _control: &dyn JobControl) -> Result<Checked, BackupError> {
        let findings = if self.folder.is_dir() {
            Vec::new()
        } else {
            let problem = format!("{} is no folder", self.folder.display());
            vec![engine::Finding { problem, remedy: "make it".to_owned() }]
        };
        Ok(Checked { server_version: "15.18".to_owned(), major_version: "15".to_owned(), findings })
    }

    fn back_up(
        &self,
        repository: &Repository,
        request: &BackupRequest,
        control: &dyn JobControl,
    ) -> Result<FinishedSet, BackupError> {
        control.enter(Stage::Checking)?;
        self.script.pass("checking", control)?;
        assert!(!self.script.panics.load(Ordering::Relaxed), "as the test wants it");
        control.enter(Stage::Preparing)?;
        self.script.pass("preparing", control)?;
        let source = FolderSource { folder: self.folder.clone() };
        control
            .plan(source.files().map_err(|e| source.error("list", e))?.iter().map(|(_, bytes)| bytes).sum());
        control.enter(Stage::Waiting)?;
        control.wait_for_slot()?;
        self.script.pass("waiting", control)?;
        let mut set = SetWriter::begin(repository, request)?;
        control.enter(Stage::Copying)?;
        self.script.pass("copying", control)?;
        set.copy(&source, control)?;
        set.flush()?;
        self.script.pass("copied", control)?;
        if self
            .script
            .failures_left
            .try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
        {
            let action = "ask the server for its stop position".to_owned();
            return Err(BackupError::Server { action, retry: Retry::Later, source: Box::new(ServerGone) });
        }
        let times = SetTimes { started: request.now, ended: request.now, consistent: request.now };
        let record = serde_json::json!({
            "system_identifier": "77",
            "databases": [
                { "oid": 5, "name": "postgres", "bytes": 0, "tables": [] },
                { "oid": 16_384, "name": "Shop", "bytes": 65_537, "tables": [
                    { "oid": 16_385, "schema": "public", "name": "orders", "kind": "r", "relation": 1, "bytes": 9 },
                    { "oid": 16_386, "schema": "audit", "name": "log", "kind": "r", "relation": 2, "bytes": 8 },
                ] },
            ],
        });
        let record = SetRecord {
            engine: "postgresql".to_owned(),
            server_version: "15.18".to_owned(),
            record,
            times,
            proven: request.now,
        };
        let proving = Proving { control, script: &self.script };
        let manifest = set.prove_and_publish(record, &proving)?;
        Ok(FinishedSet {
            started: manifest.started,
            ended: manifest.ended,
            consistent: manifest.consistent,
            source_bytes: manifest.totals.source_bytes,
            stored_bytes: manifest.totals.stored_bytes,
            new_bytes: manifest.totals.new_bytes,
            server_version: manifest.server_version,
            report: serde_json::json!({ "warnings": ["the folder is no database"] }),
            record: manifest.record,
        })
    }
}

/// Passes everything on, and can be held once the proof has begun.
#[derive(Debug)]
struct Proving<'a> {
    control: &'a dyn JobControl,
    script: &'a Script,
}

impl JobControl for Proving<'_> {
    fn enter(&self, stage: Stage) -> Result<(), Interrupted> {
        self.control.enter(stage)?;
        self.script.pass("proving", self.control)
    }

    fn plan(&self, bytes_planned: u64) {
        self.control.plan(bytes_planned);
    }

    fn advance(&self, bytes: u64) {
        self.control.advance(bytes);
    }

    fn prove(&self, done: u64, total: u64) {
        self.control.prove(done, total);
    }

    fn check(&self) -> Result<(), Interrupted> {
        self.control.check()
    }

    fn wait_for_slot(&self) -> Result<(), Interrupted> {
        self.control.wait_for_slot()
    }

    fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
        self.control.throttle(bytes)
    }
}

#[derive(Debug)]
struct FolderSource {
    folder: PathBuf,
}

impl FolderSource {
    fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            files.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
        }
        files.sort();
        Ok(files)
    }

    fn error(&self, action: &'static str, source: io::Error) -> SourceError {
        SourceError { action, path: self.folder.display().to_string(), source }
    }
}

impl Source for FolderSource {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<SourceEntry, SourceError>> + Send + '_> {
        let files = match self.files() {
            Ok(files) => files,
            Err(error) => return Box::new(std::iter::once(Err(self.error("list", error)))),
        };
        Box::new(files.into_iter().map(|(name, bytes)| {
            let path = StoredPath::new(format!("data/{name}").into_bytes()).expect("a plain name");
            Ok(SourceEntry { path, kind: EntryKind::File { bytes }, mode: 0o600, owner: 0, group: 0 })
        }))
    }

    fn open(&self, entry: &SourceEntry) -> Result<Option<Arc<dyn SourceFile>>, SourceError> {
        let text = entry.path.to_string();
        let path = self.folder.join(text.strip_prefix("data/").expect("a path of ours"));
        let file = File::open(path).map_err(|error| self.error("open a file of", error))?;
        Ok(Some(Arc::new(PlainFile(file))))
    }

    fn prove(
        &self,
        _entry: &SourceEntry,
        _file: &dyn SourceFile,
        _offset: u64,
        _bytes: &mut [u8],
    ) -> Result<BadBlocks, SourceError> {
        Ok(BadBlocks::default())
    }
}

#[derive(Debug)]
struct PlainFile(File);

impl SourceFile for PlainFile {
    fn bytes(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.size())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], offset + filled as u64)? {
                0 => break,
                bytes => filled += bytes,
            }
        }
        Ok(filled)
    }
}
