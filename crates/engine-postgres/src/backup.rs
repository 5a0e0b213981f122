//! One backup, from the check to the published set.
//!
//! ```text
//! Checking   examine server and host
//! Preparing  settings files, first walk (bytes planned), databases and tables; `begin` is written
//! Waiting    a slot of ours; slot with reserved WAL; start checkpoint
//! Copying    files in parallel, WAL beside them; pg_control last; stop; WAL up to the stop
//! Proving    read back, publish
//! ```
//!
//! Order is what makes the copy recoverable: WAL is reserved before the start, files are read after it, `pg_control`
//! after all other files, the stop after that.

mod finish;
mod prepare;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{
    BackupError, BackupRequest, EntryKind, FinishedSet, JobControl, Retry, SetWriter, SourceEntry,
    SourceError, Stage, failpoint,
};
use pgwire::TimelineHistoryFile;
use repository::{Repository, StoredPath};

use crate::backup_label::BackupLabel;
use crate::check::{examine, read_control};
use crate::control_file::ControlFile;
use crate::data_directory::{DataDirectory, PageChecks};
use crate::lost::{GuardedControl, Lost};
use crate::server::Server;
use crate::session::{StartCheckpoint, StartedBackup, StoppedBackup};
use crate::wal_receiver::{ReceivedSegment, ReservedWal};

use prepare::Prepared;

/// See the module.
pub(crate) fn back_up(
    server: &Server,
    repository: &Repository,
    request: &BackupRequest,
    control: &dyn JobControl,
) -> Result<FinishedSet, BackupError> {
    let mut clock = StageClock::start();
    control.enter(Stage::Checking)?;
    failpoint::pass("postgres.checking");
    let examination = examine(server, Some(request), control)?;
    let (facts, directory) = match (examination.findings, examination.facts, examination.directory) {
        (findings, Some(facts), Some(directory)) if findings.is_empty() => (facts, directory),
        (findings, _, _) => return Err(BackupError::Refused(findings)),
    };

    clock.enter("preparing");
    control.enter(Stage::Preparing)?;
    failpoint::pass("postgres.preparing");
    let prepared = Prepared::prepare(server, facts, directory, control)?;
    control.plan(prepared.bytes_planned);
    let mut set = SetWriter::begin(repository, request)?;
    set.plan(prepared.bytes_planned);

    clock.enter("waiting");
    control.enter(Stage::Waiting)?;
    failpoint::pass("postgres.waiting");
    control.wait_for_slot()?;
    let lost = Arc::new(Lost::default());
    let copy = Copy { server, request, control, prepared: &prepared, lost: &lost };
    let copied = copy.run(&mut set, &mut clock).map_err(|error| lost.explain(error))?;
    clock.enter("proving");
    finish::finish(set, request, control, &prepared, &copied, &clock)
}

/// What the copy needs from start to stop.
struct Copy<'a> {
    server: &'a Server,
    request: &'a BackupRequest,
    control: &'a dyn JobControl,
    prepared: &'a Prepared,
    lost: &'a Arc<Lost>,
}

/// All that the copy brought.
struct Copied {
    source: DataDirectory,
    control_file: ControlFile,
    control_entry: SourceEntry,
    label: BackupLabel,
    stopped: StoppedBackup,
    started: jiff::Timestamp,
    history: Option<TimelineHistoryFile>,
    segments: Vec<ReceivedSegment>,
}

impl Copy<'_> {
    fn run(&self, set: &mut SetWriter<'_>, clock: &mut StageClock) -> Result<Copied, BackupError> {
        let Self { server, request, control, prepared, lost } = self;
        let control = &GuardedControl { inner: *control, lost };
        let mut reserved = ReservedWal::reserve(server, request.attempt)?;
        if reserved.system_identifier() != prepared.facts.system_identifier {
            return Err(changed("the replication protocol reaches another cluster than SQL does".to_owned()));
        }
        let timeline = reserved.timeline();
        let history = reserved.history(timeline)?;
        let checkpoint = if request.manual { StartCheckpoint::Fast } else { StartCheckpoint::Spread };
        let label = format!("backstop {} {}", request.instance, request.set);
        let backup = StartedBackup::start(server, &label, checkpoint, control, lost)?;
        let started = backup.started;
        failpoint::pass("postgres.started");

        clock.enter("copying");
        control.enter(Stage::Copying)?;
        let control_at_start = &prepared.directory.control();
        let size = control_at_start.wal_segment_size();
        let wal = reserved.receive(timeline, backup.start, size, set.file_stream()?, lost)?;
        let mut source = prepared.source()?;
        if prepared.has_checksums() {
            source = source.with_page_checks(PageChecks {
                start: backup.start,
                block_bytes: control_at_start.block_bytes(),
                relation_segment_blocks: control_at_start.relation_segment_blocks(),
            });
        }
        set.copy(&source, control)?;
        let (control_file, control_entry) = self.read_control_last()?;
        failpoint::pass("postgres.copied");

        clock.enter("stopping");
        let start = backup.start;
        let stopped = backup.stop(control)?;
        failpoint::pass("postgres.stopped");
        let segments = wal.finish(stopped.stop, control, lost)?;
        let label = BackupLabel::parse(&stopped.label).map_err(|error| changed(error.to_string()))?;
        if label.start != start || label.timeline != timeline {
            return Err(changed(format!(
                "the backup began at {start} on timeline {timeline}, its label says {} on timeline {}",
                label.start, label.timeline
            )));
        }
        self.refuse_new_tablespaces(&source)?;
        Ok(Copied { source, control_file, control_entry, label, stopped, started, history, segments })
    }

    /// `pg_control` as it is after all other files were read.
    fn read_control_last(&self) -> Result<(ControlFile, SourceEntry), BackupError> {
        let path = self.prepared.directory.path.join("global/pg_control");
        let failed = |source| SourceError { action: "read", path: path.display().to_string(), source };
        let metadata = fs::metadata(&path).map_err(failed)?;
        let file =
            read_control(&self.prepared.directory.path).map_err(|error| failed(io::Error::other(error)))?;
        if file.system_identifier() != self.prepared.facts.system_identifier {
            return Err(changed(format!(
                "pg_control is that of cluster {} by now",
                file.system_identifier()
            )));
        }
        let entry = SourceEntry {
            path: stored("written-last/global/pg_control"),
            kind: EntryKind::File { bytes: file.as_bytes().len() as u64 },
            mode: metadata.mode() & 0o7777,
            owner: metadata.uid(),
            group: metadata.gid(),
        };
        Ok((file, entry))
    }

    /// Replay makes a tablespace at its original place, whatever a restore maps: a set must not have its creation
    /// in its WAL.
    fn refuse_new_tablespaces(&self, source: &DataDirectory) -> Result<(), BackupError> {
        let known = &self.prepared.directory.tablespaces;
        let after = source.tablespaces()?;
        match after.iter().find(|tablespace| known.iter().all(|known| known.oid != tablespace.oid)) {
            None => Ok(()),
            Some(new) => Err(changed(format!(
                "tablespace {} was created during the backup, and replay would make it at its original place",
                new.oid
            ))),
        }
    }
}

/// The cluster is not what it was when the backup began; the next attempt finds it as it is.
fn changed(reason: String) -> BackupError {
    BackupError::Server {
        action: "keep to one state of the cluster".to_owned(),
        retry: Retry::Later,
        source: reason.into(),
    }
}

fn stored(path: &str) -> StoredPath {
    StoredPath::new(path).expect("our own paths are valid")
}

/// How long each stage took.
#[derive(Debug)]
struct StageClock {
    begin: Instant,
    entered: Instant,
    current: &'static str,
    done: Vec<(&'static str, Duration)>,
}

impl StageClock {
    fn start() -> Self {
        let now = Instant::now();
        Self { begin: now, entered: now, current: "checking", done: Vec::new() }
    }

    fn enter(&mut self, stage: &'static str) {
        let now = Instant::now();
        self.done.push((self.current, now - self.entered));
        (self.entered, self.current) = (now, stage);
    }

    /// Seconds by stage, the current one up to now.
    fn seconds(&self) -> serde_json::Map<String, serde_json::Value> {
        let current = (self.current, self.entered.elapsed());
        let stages = self.done.iter().chain(std::iter::once(&current));
        stages.map(|(stage, duration)| ((*stage).to_owned(), duration.as_secs_f64().into())).collect()
    }
}
