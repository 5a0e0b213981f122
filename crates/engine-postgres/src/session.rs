//! The one SQL session in which a backup is started and stopped.
//!
//! ```text
//! BackupSession::start ── pg_backup_start ──▶ StartedBackup ── pg_backup_stop ──▶ StoppedBackup
//! ```
//!
//! The server forgets the backup when the session ends, so it is kept alive: no timeout of the server ends it, and a
//! watcher asks it every 30 s, so that a session that died is noticed long before the copy is done.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine::{BackupError, JobControl, Retry};
use jiff::Timestamp;
use pgwal::Lsn;
use pgwire::{Connection, ResultSet, quote_literal};

use crate::lost::Lost;
use crate::server::{BackupFunctions, Server, server_error};

/// Time between two questions.
const WATCH_INTERVAL: Duration = Duration::from_secs(30);
/// A spread checkpoint takes `checkpoint_completion_target` of `checkpoint_timeout`, which is a day at most.
const START_TIMEOUT: Duration = Duration::from_hours(25);
/// The stop writes one record and waits for nothing of the archive.
const STOP_TIMEOUT: Duration = Duration::from_mins(10);
/// How often a waiting job asks whether it was cancelled.
const CANCEL_INTERVAL: Duration = Duration::from_millis(100);

/// How soon the start checkpoint is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartCheckpoint {
    /// At once, whatever it costs the server's users.
    Fast,
    /// At the server's own pace.
    Spread,
}

/// A backup that was started and is not yet stopped.
#[derive(Debug)]
pub(crate) struct StartedBackup {
    connection: Arc<Mutex<Connection>>,
    functions: BackupFunctions,
    watcher: Watcher,
    /// Where WAL of the backup begins.
    pub(crate) start: Lsn,
    /// The server's clock at that moment.
    pub(crate) started: Timestamp,
}

/// What the stop gave.
#[derive(Debug)]
pub(crate) struct StoppedBackup {
    /// Where WAL of the backup ends.
    pub(crate) stop: Lsn,
    /// The text of `backup_label`.
    pub(crate) label: String,
    /// The text of `tablespace_map`; empty when there are no tablespaces.
    pub(crate) map: String,
    /// The server's clock at that moment.
    pub(crate) stopped: Timestamp,
}

impl StartedBackup {
    /// Starts a backup called `label`. Waits for the start checkpoint, as long as that takes.
    pub(crate) fn start(
        server: &Server,
        label: &str,
        checkpoint: StartCheckpoint,
        control: &dyn JobControl,
        lost: &Arc<Lost>,
    ) -> Result<Self, BackupError> {
        let action = || server_error("start the backup on the server");
        let mut connection = server.connect().map_err(action())?;
        connection.lift_timeouts().map_err(action())?;
        let functions = BackupFunctions::of(connection.server_version());
        let label = quote_literal(label).map_err(action())?;
        let sql = functions.start_sql(&label, checkpoint == StartCheckpoint::Fast);
        let set = query_while_allowed(&mut connection, &sql, START_TIMEOUT, control)?.map_err(action())?;
        let start: Lsn = set.one().and_then(|row| row.get("start")).map_err(action())?;
        let started = server_clock(&mut connection).map_err(action())?;
        let connection = Arc::new(Mutex::new(connection));
        let watcher = Watcher::of(&connection, lost)?;
        Ok(Self { connection, functions, watcher, start, started })
    }

    /// Stops it.
    pub(crate) fn stop(self, control: &dyn JobControl) -> Result<StoppedBackup, BackupError> {
        let action = || server_error("stop the backup on the server");
        let Self { connection, functions, watcher, start: _, started: _ } = self;
        drop(watcher);
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped = query_while_allowed(&mut connection, functions.stop_sql(), STOP_TIMEOUT, control)?;
        let set = stopped.map_err(action())?;
        let row = set.one().map_err(action())?;
        let map: Option<String> = row.get("spcmapfile").map_err(action())?;
        let (stop, label) = (row.get("lsn").map_err(action())?, row.get("labelfile").map_err(action())?);
        let stopped = server_clock(&mut connection).map_err(action())?;
        Ok(StoppedBackup { stop, label, map: map.unwrap_or_default(), stopped })
    }
}

/// Runs a statement that may take long, and cancels it on the server when the job has to end.
fn query_while_allowed(
    connection: &mut Connection,
    sql: &str,
    timeout: Duration,
    control: &dyn JobControl,
) -> Result<Result<ResultSet, pgwire::Error>, BackupError> {
    let cancel = connection.cancel_handle();
    let waiting = thread::current();
    thread::scope(|scope| {
        let query = scope.spawn(move || {
            let outcome = connection.query_within(sql, timeout);
            waiting.unpark();
            outcome
        });
        let mut interrupted = None;
        while !query.is_finished() {
            thread::park_timeout(CANCEL_INTERVAL);
            if interrupted.is_none()
                && let Err(why) = control.check()
            {
                interrupted = Some(why);
                // A request in vain means that the statement is over or the server is gone; both end the wait.
                let _ = cancel.as_ref().map(pgwire::CancelHandle::cancel);
            }
        }
        let outcome = query.join().expect("pgwire does not panic");
        match interrupted {
            Some(why) => Err(BackupError::Interrupted(why)),
            None => Ok(outcome.and_then(only_set)),
        }
    })
}

fn only_set(sets: Vec<ResultSet>) -> Result<ResultSet, pgwire::Error> {
    let found = sets.len();
    let mut sets = sets.into_iter();
    match (sets.next(), sets.next()) {
        (Some(set), None) => Ok(set),
        _ => Err(pgwire::Error::ResultShape { expected: "one result", found }),
    }
}

fn server_clock(connection: &mut Connection) -> Result<Timestamp, pgwire::Error> {
    let sql = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint AS microseconds";
    let microseconds: i64 = connection.query_one_set(sql)?.one()?.get("microseconds")?;
    Timestamp::from_microsecond(microseconds).map_err(|_| pgwire::Error::ColumnFormat {
        column: "microseconds".to_owned(),
        expected: "a time between the years -9999 and 9999",
        found: microseconds.to_string(),
    })
}

/// Asks the session now and then whether it is there; ends when dropped.
#[derive(Debug)]
struct Watcher {
    ended: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    fn of(connection: &Arc<Mutex<Connection>>, lost: &Arc<Lost>) -> Result<Self, BackupError> {
        let ended: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let (connection, lost, theirs) = (Arc::downgrade(connection), Arc::clone(lost), Arc::clone(&ended));
        let thread = thread::Builder::new().name("session-watch".to_owned());
        let thread = thread.spawn(move || watch(&connection, &lost, &theirs));
        let thread = thread.map_err(|source| BackupError::Server {
            action: "start a thread that watches the session".to_owned(),
            retry: Retry::Later,
            source: Box::new(source),
        })?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the watcher cost a watch, nothing else.
            let _ = thread.join();
        }
    }
}

fn watch(connection: &Weak<Mutex<Connection>>, lost: &Lost, ended: &(Mutex<bool>, Condvar)) {
    loop {
        let begin = Instant::now();
        let guard = ended.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (has_ended, _) = ended
            .1
            .wait_timeout_while(guard, WATCH_INTERVAL, |ended| !*ended)
            .unwrap_or_else(PoisonError::into_inner);
        if *has_ended {
            return;
        }
        drop(has_ended);
        debug_assert!(begin.elapsed() >= WATCH_INTERVAL, "waited to the end");
        let Some(connection) = connection.upgrade() else { return };
        let asked = connection.lock().unwrap_or_else(PoisonError::into_inner).query("SELECT 1");
        if let Err(error) = asked {
            lost.set(server_error("keep the session of the backup alive")(error));
            return;
        }
    }
}
