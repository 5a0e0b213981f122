//! A server on a directory that was restored.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;
use testkit::postgres::Installation;
use testkit::process::{ChildGuard, ServerUser, run, wait_for};

use crate::backstop::temporary_directory;

/// Recovery replays the WAL of one backup, on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(90);
const STOP_TIMEOUT: Duration = Duration::from_mins(1);

/// The running server. Dropping it ends it; the directory stays.
#[derive(Debug)]
pub struct Restored {
    server: Option<ChildGuard>,
    installation: Installation,
    data: PathBuf,
    port: u16,
    // Its log and its socket's directory.
    own: TempDir,
}

/// A server that refused to start.
#[derive(Debug)]
pub struct Refusal {
    /// What it logged.
    pub log: String,
}

impl Restored {
    /// Starts a server and waits until it takes writes. `arguments` are further ones of `postgres`.
    ///
    /// # Errors
    /// It does not come up; the error shows its log.
    pub fn start(installation: &Installation, data: &Path, arguments: &[&str]) -> Result<Self> {
        let mut restored = Self::spawn(installation, data, arguments)?;
        restored
            .wait_until_ready()
            .with_context(|| format!("start {}\n{}", data.display(), restored.log()))?;
        Ok(restored)
    }

    /// Starts a server by the command that a restore printed, only with another port and socket, and waits until it takes
    /// writes.
    ///
    /// # Errors
    /// It does not come up; the error shows its log.
    pub fn start_as_told(installation: &Installation, data: &Path, told: &str) -> Result<Self> {
        let (own, port) = own_directory()?;
        let path = own.path().display().to_string();
        let options =
            format!("-p {port} -c unix_socket_directories={path} -c listen_addresses= -c autovacuum=off");
        let line = format!("{told} -w -l '{path}/log' -o '{options}'");
        let mut command = match ServerUser::find()? {
            None => Command::new("sh"),
            Some(ServerUser { uid, gid }) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups", "sh"]);
                command
            }
        };
        command.args(["-c", &line]).current_dir("/").stdout(Stdio::null());
        command.env("PATH", format!("{}:/usr/bin:/bin", installation.bin().display()));
        let mut restored =
            Self { server: None, installation: installation.clone(), data: data.to_owned(), port, own };
        // A null output, not a pipe: the server inherits it and would hold a pipe open.
        let status = command.status().with_context(|| format!("run {line}"))?;
        if !status.success() {
            bail!("`{line}` ended with {status}\n{}", restored.log());
        }
        restored.wait_until_ready().with_context(|| format!("{line}\n{}", restored.log()))?;
        Ok(restored)
    }

    /// Starts a server that must refuse to run on this directory, and waits for its end.
    ///
    /// # Errors
    /// It starts, or does not end.
    pub fn refuse(installation: &Installation, data: &Path) -> Result<Refusal> {
        let mut restored = Self::spawn(installation, data, &[])?;
        let mut server = restored.server.take().context("just started")?;
        let status = wait_for("the server's refusal", START_TIMEOUT, || {
            if restored.is_ready(server.id())? {
                bail!("a server started on {}, which it must not:\n{}", data.display(), restored.log());
            }
            server.try_wait()
        })?;
        if status.success() {
            bail!("the server on {} ended as if all were well:\n{}", data.display(), restored.log());
        }
        Ok(Refusal { log: restored.log() })
    }

    fn spawn(installation: &Installation, data: &Path, arguments: &[&str]) -> Result<Self> {
        let (own, port) = own_directory()?;
        let log = OpenOptions::new().create(true).append(true).open(own.path().join("log"))?;
        let mut command = installation.server_command("postgres")?;
        let mut all: Vec<OsString> = ["-D".into(), data.into(), "-p".into(), port.to_string().into()].into();
        let sockets = format!("unix_socket_directories={}", own.path().display());
        // Nothing but replay may change what is compared: hence no autovacuum.
        for setting in
            [sockets.as_str(), "listen_addresses=", "autovacuum=off", "fsync=off", "shared_buffers=16MB"]
        {
            all.extend(["-c".into(), setting.into()]);
        }
        all.extend(arguments.iter().map(Into::into));
        command.args(all).current_dir("/").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let server = Some(ChildGuard::spawn(&mut command)?);
        Ok(Self { server, installation: installation.clone(), data: data.to_owned(), port, own })
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        wait_for("the server to be ready", START_TIMEOUT, || {
            if let Some(server) = &mut self.server {
                let id = server.id();
                if let Some(status) = server.try_wait()? {
                    bail!("the server ended with {status}");
                }
                if !self.is_ready(id)? {
                    return Ok(None);
                }
            }
            Ok(self.psql("SELECT pg_is_in_recovery()").is_ok_and(|is| is == "f").then_some(()))
        })
    }

    /// Whether this very server takes connections: line 1 of `postmaster.pid` is its id, line 8 its state.
    fn is_ready(&self, id: u32) -> Result<bool> {
        let path = self.data.join("postmaster.pid");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            other => other.with_context(|| format!("read {}", path.display()))?,
        };
        let mut lines = text.lines();
        let is_own = lines.next() == Some(&id.to_string());
        Ok(is_own && lines.nth(6).is_some_and(|state| matches!(state.trim(), "ready" | "standby")))
    }

    /// Runs SQL as the superuser in the database `postgres`.
    ///
    /// # Errors
    /// `psql` fails.
    pub fn psql(&self, sql: &str) -> Result<String> {
        self.psql_in("postgres", sql)
    }

    /// As [`Restored::psql`], in another database.
    ///
    /// # Errors
    /// As [`Restored::psql`].
    pub fn psql_in(&self, database: &str, sql: &str) -> Result<String> {
        let mut command = self.client("psql");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        let printed = run(&mut command)?;
        Ok(printed.strip_suffix('\n').unwrap_or(&printed).to_owned())
    }

    /// A client program, set to connect as the superuser by the socket.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.installation.command(program);
        command.env("PGHOST", self.own.path()).env("PGPORT", self.port.to_string()).env("PGUSER", "postgres");
        command
    }

    /// Stops the server, with a checkpoint.
    ///
    /// # Errors
    /// It does not stop in time.
    pub fn stop(&mut self) -> Result<()> {
        let mut server = self.server.take().context("the server does not run")?;
        server.signal(Signal::INT)?;
        server.wait(STOP_TIMEOUT).map(drop)
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.own.path().join("log")).unwrap_or_default()
    }
}

/// SIGQUIT ends all of the server's processes; the guard kills what does not listen. A server that was started as told
/// is no child of ours and is ended by the command that belongs to it.
impl Drop for Restored {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.signal(Signal::QUIT);
            let _ = server.wait(STOP_TIMEOUT);
        } else if let Ok(mut command) = self.installation.server_command("pg_ctl") {
            command.arg("-D").arg(&self.data).args(["stop", "-m", "immediate"]).current_dir("/");
            let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

/// A directory for the server's log and socket, and a free port.
fn own_directory() -> Result<(TempDir, u16)> {
    let own = temporary_directory("pg-")?;
    if let Some(ServerUser { uid, gid }) = ServerUser::find()? {
        chown(own.path(), Some(uid), Some(gid))?;
    }
    Ok((own, TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()))
}
