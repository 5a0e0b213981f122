//! A cluster and its server process.

use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use super::builder::{owned_directory, root_directory};
use super::{ClusterBuilder, Installation};
use crate::process::{ChildGuard, ServerUser, descendants, is_alive, pid, run, wait_for, wait_until};

/// A server that is busy on two cores starts within a second; recovery after a crash may take longer.
const START_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_mins(1);
/// Another process may take the free port before the server does.
const PORT_ATTEMPTS: u32 = 5;

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// When the last session has ended.
    Smart,
    /// Sessions are ended, a checkpoint is written.
    Fast,
    /// At once, without a checkpoint: the next start recovers.
    Immediate,
}

/// A cluster in a directory of its own. Dropping it ends the server and removes the directory.
#[derive(Debug)]
pub struct Cluster {
    installation: Installation,
    user: Option<ServerUser>,
    // Before `root`: the server ends before its directory goes.
    server: Option<ChildGuard>,
    port: u16,
    data: PathBuf,
    sockets: PathBuf,
    /// Beside the data directory and the port.
    arguments: Vec<String>,
    root: TempDir,
}

impl Cluster {
    /// Begins to describe a cluster.
    pub fn builder(installation: &Installation) -> ClusterBuilder {
        ClusterBuilder::new(installation)
    }

    pub(super) fn new(
        installation: Installation,
        user: Option<ServerUser>,
        root: TempDir,
        data: PathBuf,
        sockets: PathBuf,
    ) -> Self {
        Self { installation, user, server: None, port: 0, data, sockets, arguments: Vec::new(), root }
    }

    /// A cluster that is already there, such as a restored one, not started yet. Its directory must belong to the user
    /// that servers run as and outlives the value; sockets and log lie in a directory of the value's own. `arguments` go
    /// to the server, such as `-c` and `ssl=off`.
    ///
    /// # Errors
    /// There is no such user, or no room for a directory.
    pub fn open(installation: &Installation, data: &Path, arguments: &[&str]) -> Result<Self> {
        let user = ServerUser::find()?;
        let root = root_directory()?;
        let sockets = owned_directory(&root, "s", user)?;
        let sockets_setting = format!("unix_socket_directories={}", sockets.display());
        let own = ["-c", &sockets_setting, "-c", "listen_addresses=127.0.0.1"].map(str::to_owned);
        let mut cluster = Self::new(installation.clone(), user, root, data.to_owned(), sockets);
        cluster.arguments = own.into_iter().chain(arguments.iter().map(|&a| a.to_owned())).collect();
        Ok(cluster)
    }

    /// Waits until the server has left recovery.
    ///
    /// # Errors
    /// It has not within a minute; the error shows the end of its log.
    pub fn wait_for_promotion(&self) -> Result<()> {
        wait_until("the end of recovery", START_TIMEOUT, || {
            self.psql("SELECT pg_is_in_recovery()").is_ok_and(|answer| answer == "f")
        })
        .with_context(|| self.log_tail())
    }

    /// Starts the server and waits until it takes connections; a standby without `hot_standby`, until it recovers. The
    /// port stays the same over restarts.
    ///
    /// # Errors
    /// It runs already, or does not come up; the error shows the end of its log.
    pub fn start(&mut self) -> Result<()> {
        if self.server.is_some() {
            bail!("the server runs already");
        }
        for attempt in 1.. {
            if self.port == 0 {
                self.port = free_port()?;
            }
            match self.start_once() {
                Ok(server) => {
                    self.server = Some(server);
                    return Ok(());
                }
                Err(error)
                    if attempt < PORT_ATTEMPTS && error.to_string().contains("Address already in use") =>
                {
                    self.port = 0;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop ends by returning")
    }

    fn start_once(&self) -> Result<ChildGuard> {
        fs::write(self.log_file(), "").context("empty the log")?;
        let log = OpenOptions::new().append(true).open(self.log_file()).context("open the log")?;
        let mut command = self.installation.server_command("postgres")?;
        command.arg("-D").arg(&self.data).arg("-p").arg(self.port.to_string());
        command.args(&self.arguments).current_dir("/");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut server = ChildGuard::spawn(&mut command)?;
        let status_line = format!("{}\n", server.id());
        wait_for("the server to be ready", START_TIMEOUT, || {
            if let Some(status) = server.try_wait()? {
                bail!("the server ended with {status}:\n{}", self.log_tail());
            }
            // Line 8 of postmaster.pid; the file of an earlier run has another id in line 1.
            let file = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
            let status = file.lines().nth(7).unwrap_or_default().trim();
            Ok((file.starts_with(&status_line) && matches!(status, "ready" | "standby")).then_some(()))
        })
        .with_context(|| self.log_tail())?;
        Ok(server)
    }

    /// Stops the server and waits until it is gone.
    ///
    /// # Errors
    /// It does not run, or does not stop within a minute.
    pub fn stop(&mut self, mode: StopMode) -> Result<()> {
        let mut server = self.server.take().context("the server does not run")?;
        let signal = match mode {
            StopMode::Smart => Signal::TERM,
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        };
        server.signal(signal)?;
        server.wait(STOP_TIMEOUT).map(drop)
    }

    /// Stops the server by `fast` and starts it again.
    ///
    /// # Errors
    /// As [`Cluster::stop`] and [`Cluster::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.stop(StopMode::Fast)?;
        self.start()
    }

    /// Kills the server and each of its processes at once, as a loss of power does, and waits until all are gone.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill9(&mut self) -> Result<()> {
        let mut server = self.server.take().context("the server does not run")?;
        kill_all(&mut server)
    }

    /// Runs SQL as the superuser in the database `postgres`; returns rows as lines and columns joined by `|`, without
    /// the last line's end.
    ///
    /// # Errors
    /// `psql` fails; the error shows what it printed.
    pub fn psql(&self, sql: &str) -> Result<String> {
        self.psql_in("postgres", sql)
    }

    /// As [`Cluster::psql`], in another database.
    ///
    /// # Errors
    /// As [`Cluster::psql`].
    pub fn psql_in(&self, database: &str, sql: &str) -> Result<String> {
        let mut command = self.client("psql");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        let printed = run(&mut command)?;
        Ok(printed.strip_suffix('\n').unwrap_or(&printed).to_owned())
    }

    /// A client program, such as `pgbench`, set to connect as the superuser to the database `postgres` by the socket. It runs as the user that the
    /// tests run as.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.installation.command(program);
        command.env("PGHOST", &self.sockets).env("PGPORT", self.port.to_string()).env("PGUSER", "postgres");
        command.env("PGDATABASE", "postgres");
        command
    }

    /// A program that works on the cluster's files, such as `pg_waldump`, run as their owner.
    ///
    /// # Errors
    /// There is no such user.
    pub fn server_command(&self, program: &str) -> Result<Command> {
        self.installation.server_command(program)
    }

    /// Appends a line to `postgresql.conf`. It counts from the next reload or start.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        use std::io::Write;
        let mut file = OpenOptions::new().append(true).open(self.data.join("postgresql.conf"))?;
        writeln!(file, "{name} = '{}'", value.replace('\'', "''")).context("write postgresql.conf")
    }

    /// Makes the server read its settings and `pg_hba.conf` again.
    ///
    /// # Errors
    /// The server does not run.
    pub fn reload(&self) -> Result<()> {
        self.server.as_ref().context("the server does not run")?.signal(Signal::HUP)
    }

    /// A new directory beside the data directory, owned by the server's user: for a tablespace or an archive.
    ///
    /// # Errors
    /// There is one of that name.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        owned_directory(&self.root, name, self.user)
    }

    /// The programs that it runs on.
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The port, of TCP on 127.0.0.1 and in the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.sockets
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// The cluster's own directory, in which all others lie.
    pub fn root_dir(&self) -> &Path {
        self.root.path()
    }

    /// The user that the server runs as, when it is not the one that the tests run as.
    pub fn server_user(&self) -> Option<ServerUser> {
        self.user
    }

    /// The id of the server's first process; `None` while it does not run.
    pub fn process_id(&self) -> Option<u32> {
        self.server.as_ref().map(ChildGuard::id)
    }

    /// All that the server logged since its last start.
    ///
    /// # Errors
    /// It was never started.
    pub fn log(&self) -> Result<String> {
        fs::read_to_string(self.log_file()).context("read the log")
    }

    fn log_file(&self) -> PathBuf {
        self.root.path().join("server.log")
    }

    fn log_tail(&self) -> String {
        let log = self.log().unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// Ends the server's processes by their ids; the directory goes with its own guard.
impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = kill_all(&mut server);
        }
    }
}

/// The first process is stopped first, so that it starts no others meanwhile. One that ended by itself has none left.
fn kill_all(server: &mut ChildGuard) -> Result<()> {
    // One that ended by itself has no children.
    if server.try_wait()?.is_none() {
        server.signal(Signal::STOP)?;
        let workers = descendants(server.id());
        for &worker in &workers {
            let _ = kill_process(pid(worker)?, Signal::KILL);
        }
        server.kill()?;
        wait_until("the end of the server's processes", STOP_TIMEOUT, || {
            !workers.iter().any(|&worker| is_alive(worker))
        })?;
    }
    Ok(())
}

/// A port that nobody listens on at the moment.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr()?.port())
}
