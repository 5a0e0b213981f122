//! One installation of Backstop in a throwaway home, with its service.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use testkit::process::{ChildGuard, wait_for};

use crate::wire::{AccessKey, Response, Signing, exchange, signed};
use crate::{Answer, SmallDisk, Source};

/// A start with take-over of a job and proof of a manifest, on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Ending drains what runs.
const STOP_TIMEOUT: Duration = Duration::from_mins(1);

/// An installation. Dropping it kills the service by its process id and removes the home; the service's log stays in
/// `e2e-logs` beside the tests, under the installation's name.
#[derive(Debug)]
pub struct Backstop {
    // Before `root`: the service ends before its directory goes.
    service: Option<Service>,
    key: AccessKey,
    home: PathBuf,
    logs: PathBuf,
    environment: Vec<(String, String)>,
    enter: Vec<String>,
    root: TempDir,
}

#[derive(Debug)]
struct Service {
    process: ChildGuard,
    url: String,
    address: String,
}

impl Backstop {
    /// Makes a home. `name` is the log's: the test's, unique among all tests.
    ///
    /// # Errors
    /// `backstop init` fails.
    pub fn init(name: &str) -> Result<Self> {
        let root = temporary_directory("backstop-")?;
        let home = root.path().join("home");
        Self::init_in(name, root, home, Vec::new(), None)
    }

    /// Makes a home whose repository lies on a small disk.
    ///
    /// # Errors
    /// `backstop init` fails.
    pub fn init_on(name: &str, disk: &SmallDisk) -> Result<Self> {
        let root = temporary_directory("backstop-")?;
        let home = root.path().join("home");
        let repository = format!("file://{}", disk.path().join("repository").display());
        Self::init_in(name, root, home, disk.enter(), Some(&repository))
    }

    fn init_in(
        name: &str,
        root: TempDir,
        home: PathBuf,
        enter: Vec<String>,
        repository: Option<&str>,
    ) -> Result<Self> {
        let logs = beside_tests()?.join("e2e-logs").join(name);
        match fs::remove_dir_all(&logs) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("empty {}", logs.display()));
            }
            Ok(()) | Err(_) => fs::create_dir_all(&logs)?,
        }
        let key = AccessKey { id: String::new(), secret: String::new() };
        // Tests make more backups in a day than somebody is likely to.
        let environment = vec![("BACKSTOP_BACKUPS_PER_DAY_MAX".to_owned(), "0".to_owned())];
        let mut this = Self { service: None, key, home, logs, environment, enter, root };
        let mut arguments = vec!["init"];
        if let Some(repository) = repository {
            arguments.extend(["--repository", repository]);
        }
        let report = this.cli(&arguments)?.done()?;
        let text = |name: &str| report[name].as_str().map(str::to_owned);
        this.key.id = text("AccessKeyId").context("init names no AccessKeyId")?;
        this.key.secret = text("AccessKeySecret").context("init names no AccessKeySecret")?;
        Ok(this)
    }

    /// Sets a variable for the service's next start and for all commands.
    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a variable back.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// Starts the service on a free port and waits until it takes requests.
    ///
    /// # Errors
    /// It runs already, or does not come up; the error shows the end of its log.
    pub fn serve(&mut self) -> Result<()> {
        ensure!(self.service.is_none(), "the service runs already");
        let starts = fs::read_dir(&self.logs)?.count();
        let printed = self.logs.join(format!("{starts:02}-stdout"));
        let log = self.logs.join(format!("{starts:02}-stderr"));
        let open = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(open(&printed)?).stderr(open(&log)?);
        let mut process = ChildGuard::spawn(&mut command)?;
        let url = wait_for("the service to listen", START_TIMEOUT, || {
            if let Some(status) = process.try_wait()? {
                bail!("the service ended with {status}");
            }
            let text = fs::read_to_string(&printed)?;
            let line = text.lines().find_map(|line| line.strip_prefix("listening on "));
            Ok(line.map(|url| url.trim().to_owned()))
        })
        .with_context(|| self.log_tail())?;
        let (scheme, address) = url.split_once("://").context("the service prints a URL")?;
        let (https, address) = (scheme == "https", address.to_owned());
        self.service = Some(Service { process, url, address });
        if https {
            // What speaks plain HTTP here cannot ask; it listens, so it answers.
            return Ok(());
        }
        wait_for("the service to be ready", START_TIMEOUT, || {
            Ok(exchange(self.address()?, b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .is_ok_and(|response| response.status == 200)
                .then_some(()))
        })
        .with_context(|| self.log_tail())
    }

    /// Kills the service as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill9(&mut self) -> Result<()> {
        self.service.take().context("the service does not run")?.process.kill()
    }

    /// Ends the service by SIGTERM.
    ///
    /// # Errors
    /// It does not run, does not end in time, or not with success.
    pub fn stop(&mut self) -> Result<()> {
        let mut service = self.service.take().context("the service does not run")?;
        service.process.signal(Signal::TERM)?;
        let status = service.process.wait(STOP_TIMEOUT).with_context(|| self.log_tail())?;
        ensure!(status.success(), "the service ended with {status} after SIGTERM\n{}", self.log_tail());
        Ok(())
    }

    /// Sends SIGHUP: certificates are to be read again.
    ///
    /// # Errors
    /// It does not run.
    pub fn hang_up(&self) -> Result<()> {
        self.service.as_ref().context("the service does not run")?.process.signal(Signal::HUP)
    }

    /// Waits until the service ends by itself, as at a failpoint.
    ///
    /// # Errors
    /// It does not within `timeout`.
    pub fn wait_for_end(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let mut service = self.service.take().context("the service does not run")?;
        service.process.wait(timeout).with_context(|| self.log_tail())
    }

    /// Whether the service still runs.
    ///
    /// # Errors
    /// The system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        match &mut self.service {
            Some(service) => Ok(service.process.try_wait()?.is_none()),
            None => Ok(false),
        }
    }

    /// The service's host and port.
    ///
    /// # Errors
    /// It does not run.
    pub fn address(&self) -> Result<&str> {
        Ok(&self.service.as_ref().context("the service does not run")?.address)
    }

    /// The service's process id.
    ///
    /// # Errors
    /// It does not run.
    pub fn process_id(&self) -> Result<u32> {
        Ok(self.service.as_ref().context("the service does not run")?.process.id())
    }

    /// The access key that `init` made.
    pub fn key(&self) -> &AccessKey {
        &self.key
    }

    /// The home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The default repository.
    pub fn repository(&self) -> PathBuf {
        self.home.join("repository")
    }

    /// A place in the installation's own directory, beside the home, for restores and the like. All may pass through,
    /// as a database server that runs as another user must.
    pub fn place(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Runs one command of ours to its end, with JSON as its output.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn cli<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Answer> {
        let mut command = self.command();
        command.args(["--output", "json"]).args(arguments).stdin(Stdio::null());
        run_to_end(&mut command)
    }

    /// A command of ours with this home, the service's address and the environment set here; nothing else of ours.
    pub fn command(&self) -> Command {
        let mut command = clean_command(&self.enter);
        command.env("BACKSTOP_HOME", &self.home).current_dir(self.root.path());
        if let Some(service) = &self.service {
            command.env("BACKSTOP_ENDPOINT", &service.url);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Sends one V3-signed call; whatever comes back.
    ///
    /// # Errors
    /// No HTTP response comes.
    pub fn send(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Response> {
        let address = self.address()?;
        let request = signed(&Signing::new(address, action, &self.key).parameters(parameters));
        exchange(address, &request)
    }

    /// Calls an operation that must succeed.
    ///
    /// # Errors
    /// It is refused.
    pub fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let response = self.send(action, parameters)?;
        ensure!(
            response.status == 200,
            "{action} {parameters:?} was refused: {response}\n{}",
            self.log_tail()
        );
        response.json()
    }

    /// Registers a source, with its least-privileged role.
    ///
    /// # Errors
    /// The service refuses it.
    pub fn register(&self, id: &str, source: &Source) -> Result<()> {
        let mut arguments = vec!["instance".to_owned(), "register".to_owned(), id.to_owned()];
        arguments.extend(source.register_arguments()?);
        let answer = self.cli(&arguments)?.done()?;
        ensure!(answer["DBInstanceId"] == id, "registering {id} answered {answer}");
        Ok(())
    }

    /// The last lines that the service logged, over all its starts.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        format!(
            "log of the service (whole in {}):\n{}",
            self.logs.display(),
            lines[lines.len().saturating_sub(40)..].join("\n")
        )
    }

    /// All that the service wrote on standard error, over all its starts.
    pub fn log(&self) -> String {
        let mut files: Vec<PathBuf> =
            fs::read_dir(&self.logs).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.to_string_lossy().ends_with("-stderr"));
        files.sort();
        let texts = files
            .iter()
            .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned());
        texts.collect()
    }
}

/// Runs the program without any home: for commands that need nothing but a repository and a key.
///
/// # Errors
/// It cannot be started.
pub fn program<S: AsRef<OsStr>>(home: &Path, arguments: &[S]) -> Result<Answer> {
    let mut command = clean_command(&[]);
    command.env("BACKSTOP_HOME", home).env("HOME", home).current_dir("/");
    command.args(["--output", "json"]).args(arguments).stdin(Stdio::null());
    run_to_end(&mut command)
}

/// The program, through `enter`, with no variable of ours or of the clients that it imitates.
fn clean_command(enter: &[String]) -> Command {
    let path = binary();
    let mut command = match enter {
        [] => Command::new(path),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(path);
            command
        }
    };
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("BACKSTOP_") || text.starts_with("ALIBABA_CLOUD_") || text.starts_with("PG") {
            command.env_remove(name);
        }
    }
    command
}

fn run_to_end(command: &mut Command) -> Result<Answer> {
    let line: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let line = format!("backstop {}", line.join(" "));
    let output = command.output().with_context(|| {
        format!("start {}; `cargo build -p backstop` makes it", command.get_program().to_string_lossy())
    })?;
    Ok(Answer::new(line, &output))
}

fn binary() -> PathBuf {
    match env::var_os("BACKSTOP_BIN").filter(|value| !value.is_empty()) {
        Some(path) => path.into(),
        None => beside_tests().unwrap_or_default().join("backstop"),
    }
}

/// The directory in which cargo puts programs: the one above that of the tests.
pub(crate) fn beside_tests() -> Result<PathBuf> {
    let tests = env::current_exe().context("find the tests' own program")?;
    tests.ancestors().nth(2).map(Path::to_owned).context("the tests' program lies in no directory of cargo")
}

/// A directory directly below `/tmp`, since a socket's path may have 107 characters, which all may pass through.
pub(crate) fn temporary_directory(prefix: &str) -> Result<TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").context("make a directory")?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    Ok(directory)
}
