//! A thread that panics fails the job; nobody waits for it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use engine::{
    BackupError, BadBlocks, Reuse, SetWriter, Source, SourceEntry, SourceError, SourceFile, Uncontrolled,
};

use crate::directory::{Directory, repository, request};

/// Panics when it proves the blocks of the first of many files.
#[derive(Debug)]
struct Panicking(Directory);

impl Source for Panicking {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<SourceEntry, SourceError>> + Send + '_> {
        self.0.entries()
    }

    fn open(&self, entry: &SourceEntry) -> Result<Option<Arc<dyn SourceFile>>, SourceError> {
        self.0.open(entry)
    }

    fn prove(
        &self,
        entry: &SourceEntry,
        _file: &dyn SourceFile,
        _offset: u64,
        _bytes: &mut [u8],
    ) -> Result<BadBlocks, SourceError> {
        assert!(entry.path.to_string() != "data/f0", "as the test wants it");
        Ok(BadBlocks::default())
    }
}

#[test]
fn a_panic_in_a_worker_is_the_jobs_error() {
    let dir = tempfile::tempdir().expect("dir");
    let source: PathBuf = dir.path().join("source");
    fs::create_dir_all(&source).expect("folder");
    for file in 0..20 {
        fs::write(source.join(format!("f{file}")), vec![1; 100_000]).expect("file");
    }
    let repository = repository(&dir.path().join("repository"));
    let mut set = SetWriter::begin(&repository, &request(1, Reuse::Nothing)).expect("begin");
    let error = set.copy(&Panicking(Directory(source)), &Uncontrolled).expect_err("a panic");
    assert!(matches!(error, BackupError::Panicked), "{error}");
}
