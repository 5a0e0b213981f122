//! A plain directory as a source, and comparison of trees.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    BackupError, BackupRequest, BadBlocks, EntryKind, ExtractError, ExtractOptions, ExtractReport, Owner,
    Reuse, SetRecord, SetTimes, SetWriter, Source, SourceEntry, SourceError, SourceFile, Uncontrolled,
    extract,
};
use jiff::Timestamp;
use repository::{
    AttemptId, BackupJobId, BackupSetId, CatalogId, Compression, FencingEpoch, KeySecret, Manifest, Place,
    Repository, StoredPath,
};

#[derive(Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

#[derive(Debug)]
struct OpenFile(File, u64);

impl SourceFile for OpenFile {
    fn bytes(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.0.read_at(&mut buffer[read..], offset + read as u64)? {
                0 => break,
                count => read += count,
            }
        }
        Ok(read)
    }
}

impl Directory {
    fn path(&self, path: &StoredPath) -> PathBuf {
        let inside = path.within("data").expect("in data");
        self.0.join(std::str::from_utf8(inside).expect("plain"))
    }
}

fn walk(folder: &Path, prefix: &str, out: &mut Vec<SourceEntry>) {
    let mut names: Vec<_> =
        fs::read_dir(folder).expect("folder").map(|e| e.expect("entry").file_name()).collect();
    names.sort();
    for name in names {
        let name = name.to_str().expect("plain name").to_owned();
        let path = folder.join(&name);
        let stored = format!("{prefix}/{name}");
        let meta = fs::symlink_metadata(&path).expect("entry");
        let kind = if meta.is_dir() { EntryKind::Directory } else { EntryKind::File { bytes: meta.len() } };
        let is_dir = meta.is_dir();
        let entry = SourceEntry {
            path: StoredPath::new(stored.clone()).expect("path"),
            kind,
            mode: meta.mode() & 0o7777,
            owner: meta.uid(),
            group: meta.gid(),
        };
        out.push(entry);
        if is_dir {
            walk(&path, &stored, out);
        }
    }
}

impl Source for Directory {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<SourceEntry, SourceError>> + Send + '_> {
        let mut out = Vec::new();
        walk(&self.0, "data", &mut out);
        Box::new(out.into_iter().map(Ok))
    }

    fn open(&self, entry: &SourceEntry) -> Result<Option<Arc<dyn SourceFile>>, SourceError> {
        let path = self.path(&entry.path);
        match File::open(&path) {
            Ok(file) => {
                let bytes = file.metadata().expect("metadata").len();
                Ok(Some(Arc::new(OpenFile(file, bytes))))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SourceError { action: "open", path: path.display().to_string(), source }),
        }
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

pub(crate) fn repository(root: &Path) -> Repository {
    let store = Arc::new(blobstore::LocalStore::create(root).expect("store"));
    Repository::create(store, secret(), CatalogId::random(), Timestamp::UNIX_EPOCH).expect("repository")
}

/// The key file of every test repository.
pub(crate) fn secret() -> KeySecret {
    KeySecret::File([7; 32])
}

pub(crate) fn request(set: u32, reuse: Reuse) -> BackupRequest {
    BackupRequest {
        instance: "pg".parse().expect("id"),
        set: BackupSetId::new(set).expect("id"),
        job: BackupJobId::new(set).expect("id"),
        epoch: FencingEpoch::new(1),
        catalog: CatalogId::from_bytes([1; 16]),
        attempt: AttemptId::random(),
        dead_attempts: Vec::new(),
        manual: true,
        retention_days: Some(7),
        reuse,
        threads: NonZeroUsize::new(2).expect("two"),
        compression: Compression::Zstd(1),
        now: Timestamp::UNIX_EPOCH,
        free_space_floor_bytes: Some(0),
        own_directories: Vec::new(),
    }
}

pub(crate) fn back_up(repository: &Repository, source: &Path, request: &BackupRequest) -> Manifest {
    try_back_up(repository, source, request).expect("backup")
}

pub(crate) fn try_back_up(
    repository: &Repository,
    source: &Path,
    request: &BackupRequest,
) -> Result<Manifest, BackupError> {
    let mut set = SetWriter::begin(repository, request)?;
    set.plan(1 << 30);
    set.copy(&Directory(source.to_owned()), &Uncontrolled)?;
    let now = Timestamp::UNIX_EPOCH;
    let record = SetRecord {
        engine: "test".to_owned(),
        server_version: "1".to_owned(),
        record: serde_json::Value::Null,
        times: SetTimes { started: now, ended: now, consistent: now },
        proven: now,
    };
    set.prove_and_publish(record, &Uncontrolled)
}

pub(crate) fn restore(repository: &Repository, manifest: &Manifest, target: &Path) {
    try_restore(repository, manifest, target).expect("extract");
}

pub(crate) fn try_restore(
    repository: &Repository,
    manifest: &Manifest,
    target: &Path,
) -> Result<ExtractReport, ExtractError> {
    let name = repository::AttemptName { set: manifest.origin.set, attempt: manifest.origin.attempt };
    let place = Place { instance: manifest.origin.instance.clone(), name };
    let set = repository.open_set(&place).expect("open");
    let options = ExtractOptions { threads: NonZeroUsize::new(2).expect("two"), owner: Owner::Runner };
    let to = |path: &StoredPath| Some(target.join(std::str::from_utf8(path.within("data")?).ok()?));
    extract(&set, &to, &options, &Uncontrolled)
}

/// Every path below `root` with its content; folders have none.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut out = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folder") {
            let path = entry.expect("entry").path();
            let name = path.strip_prefix(root).expect("below").display().to_string();
            let content = path.is_file().then(|| fs::read(&path).expect("file"));
            if content.is_none() {
                folders.push(path);
            }
            out.insert(name, content);
        }
    }
    out
}
