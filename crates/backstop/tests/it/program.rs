//! Runs the command with a home of the test's own and nothing of the tester's environment.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::process::ChildGuard;

const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The command, with a home that need not exist yet. All goes with the value.
#[derive(Debug)]
pub(crate) struct Program {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// What a run of the command gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running `backstop serve`; killed when dropped.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) guard: ChildGuard,
    pub(crate) url: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), environment: Vec::new() }
    }

    /// The same with a home that is made, and the access key that `init` printed.
    pub(crate) fn with_home() -> Self {
        let program = Self::new();
        program.run(&["init"]).expect_status(0);
        program
    }

    /// Sets a variable for all later runs.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// A path in the test's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub(crate) fn path_text(&self, name: &str) -> String {
        text(&self.path(name)).to_owned()
    }

    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
        let foreign = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("BACKSTOP_") || name.starts_with("ALIBABA_CLOUD_")
        });
        foreign.for_each(|name| {
            command.env_remove(name);
        });
        command.env("BACKSTOP_HOME", self.home()).current_dir(self.folder.path());
        command.envs(self.environment.iter().cloned()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Run {
        let output = self.command(arguments).output().expect("the program starts");
        Run {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("errors are UTF-8"),
        }
    }

    /// Starts the service on a free port, where later runs find it by the home.
    pub(crate) fn serve(&mut self) -> Service {
        self.serve_with(&[])
    }

    /// The same with more options.
    pub(crate) fn serve_with(&mut self, options: &[&str]) -> Service {
        let mut command = self.command(&[&["serve", "--listen", "127.0.0.1:0"], options].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut guard = ChildGuard::spawn(&mut command).expect("the service starts");
        let stderr = guard.child().stderr.take().expect("it is piped");
        let log = std::thread::spawn(move || read_all(stderr));
        let stdout = guard.child().stdout.take().expect("it is piped");
        let (tx, rx) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = tx.send(line);
        });
        let line = rx.recv_timeout(START_TIMEOUT).expect("it tells its address in time");
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            guard.kill().expect("it can be killed");
            panic!("it printed {line:?} and logged:\n{}", log.join().unwrap_or_default());
        };
        let url = url.to_owned();
        Service { guard, url }
    }
}

impl Run {
    /// The same run, which must have ended with `status`.
    #[track_caller]
    pub(crate) fn expect_status(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as the one JSON object that it must be.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout).expect("output is one JSON value");
        assert!(value.is_object(), "{value}");
        value
    }
}

fn read_all(mut from: impl Read) -> String {
    let mut text = String::new();
    // What is not UTF-8 ends the text; a log is only shown when a test fails.
    let _ = from.read_to_string(&mut text);
    text
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
