//! What a command of ours left.

use std::process::Output;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The end of one command.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The command line, for messages.
    pub command: String,
    /// The exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    pub(crate) fn new(command: String, output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            command,
            status: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// The one JSON object on standard output.
    ///
    /// # Errors
    /// There is none.
    pub fn json(&self) -> Result<Value> {
        let value: Value = serde_json::from_str(&self.stdout).with_context(|| format!("no JSON: {self}"))?;
        if !value.is_object() {
            bail!("no JSON object: {self}");
        }
        Ok(value)
    }

    /// The JSON object of a command that must have succeeded.
    ///
    /// # Errors
    /// The exit status is not 0.
    pub fn done(&self) -> Result<Value> {
        self.ended(0)?;
        self.json()
    }

    /// What a command wrote on standard error that must have failed (exit status 1).
    ///
    /// # Errors
    /// The exit status is another one, or it did not say why.
    pub fn failed(&self) -> Result<&str> {
        self.ended(1)?;
        if self.stderr.trim().is_empty() {
            bail!("it failed and did not say why: {self}");
        }
        Ok(&self.stderr)
    }

    /// Checks the exit status.
    ///
    /// # Errors
    /// It is not `status`.
    pub fn ended(&self, status: i32) -> Result<()> {
        if self.status != Some(status) {
            bail!("exit status {status} was expected: {self}");
        }
        if self.stderr.contains("panicked at") {
            bail!("it panicked: {self}");
        }
        Ok(())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, status, stdout, stderr } = self;
        write!(f, "`{command}` ended with {status:?}\nstandard output:\n{stdout}\nstandard error:\n{stderr}")
    }
}
