//! How many tests with servers run at a time, whatever starts them: threads of one process, or many processes.

use std::fs::{File, OpenOptions};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use testkit::process::wait_for;

use crate::backstop::beside_tests;

/// Two cores run two servers, two services and two loads; more would only make deadlines late.
const TURNS: usize = 2;

/// All tests before this one may take their whole time.
const TURN_TIMEOUT: Duration = Duration::from_mins(30);

/// The right to run servers, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _file: File,
}

impl Turn {
    /// Waits for a turn beside another test.
    ///
    /// # Errors
    /// None comes.
    pub fn wait() -> Result<Self> {
        let turn = || (0..TURNS).find_map(|number| take(number).transpose()).transpose();
        let file = wait_for("a turn", TURN_TIMEOUT, turn)?;
        Ok(Self { _file: file })
    }
}

/// The file of a turn, locked; `None` when another test has it. The lock goes with the file.
fn take(number: usize) -> Result<Option<File>> {
    let path = beside_tests()?.join(format!("e2e-turn-{number}.lock"));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("open {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error).context("lock a turn"),
    }
}
