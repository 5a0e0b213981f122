//! Child processes that end with their guard, and waiting for conditions.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value.
///
/// # Errors
/// It gives none within `timeout`, or fails.
pub fn wait_for<T>(
    what: &str,
    timeout: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = condition().with_context(|| format!("wait for {what}"))? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("{what} did not happen within {} s", timeout.as_secs_f32());
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Waits until `condition` holds.
///
/// # Errors
/// It does not within `timeout`.
pub fn wait_until(what: &str, timeout: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    wait_for(what, timeout, || Ok(condition().then_some(())))
}

/// A child process that is killed, by its id, when the guard is dropped.
#[derive(Debug)]
pub struct ChildGuard {
    child: Child,
    name: String,
}

impl ChildGuard {
    /// Starts the command.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        Ok(Self { child, name })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// The system does not say.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("look at {}", self.name))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It still runs after `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        wait_for(&what, timeout, || Ok(self.child.try_wait()?))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(pid(self.child.id())?, signal).with_context(|| format!("signal {}", self.name))
    }

    /// Kills it at once and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().and_then(|()| self.child.wait()).with_context(|| format!("kill {}", self.name))?;
        Ok(())
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // Only a child that was not waited for can be killed by this: std keeps its id reserved until then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// It cannot be started, or ends with another status than 0; the error shows what it printed.
pub fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {name}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        bail!("{name} {} ended with {}:\n{printed}{complaint}", arguments.join(" "), output.status);
    }
    Ok(printed)
}

/// Whether a process with this id exists and is no zombie.
pub fn is_alive(process_id: u32) -> bool {
    let exists =
        pid(process_id).is_ok_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)));
    exists && status_line(process_id, "State:").is_none_or(|state| !state.starts_with('Z'))
}

/// Ids of the processes that `ancestor` started, and those that they started, that still run.
pub(crate) fn descendants(ancestor: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> =
        ids.filter_map(|id| Some((id, status_line(id, "PPid:")?.parse().ok()?))).collect();
    let mut family = vec![ancestor];
    let mut looked_at = 0;
    while let Some(&parent) = family.get(looked_at) {
        family.extend(parents.iter().filter(|&&(_, found)| found == parent).map(|&(id, _)| id));
        looked_at += 1;
    }
    family.split_off(1)
}

fn status_line(process_id: u32, key: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned())
}

pub(crate) fn pid(process_id: u32) -> Result<Pid> {
    i32::try_from(process_id).ok().and_then(Pid::from_raw).context("not a process id")
}

/// The user that servers run as, when it is not the one that the tests run as: PostgreSQL refuses root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerUser {
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
}

impl ServerUser {
    /// `None` for an ordinary user, who runs servers directly; for root `postgres` if there is one, else `nobody`.
    ///
    /// # Errors
    /// Root, and neither exists.
    pub fn find() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = std::fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::parse(&accounts, name))
            .map(Some)
            .context("neither a user postgres nor nobody exists to run servers as")
    }

    fn parse(accounts: &str, name: &str) -> Option<Self> {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        Some(Self { uid: ids.next()?.ok()?, gid: ids.next()?.ok()? })
    }
}

/// The name of the user that the tests run as, as `peer` authentication sees it.
///
/// # Errors
/// The account has no name.
pub fn current_user_name() -> Result<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
    let line = accounts.lines().find(|line| line.split(':').nth(2) == Some(&uid));
    let name = line.and_then(|line| line.split(':').next());
    name.map(str::to_owned).with_context(|| format!("user {uid} has no name"))
}

/// A command for `program`, run as the server's user.
pub(crate) fn command_as(user: Option<ServerUser>, program: &Path) -> Command {
    let Some(ServerUser { uid, gid }) = user else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    let arguments = [format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()];
    command.args(arguments.map(OsString::from)).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_guard_leaves_no_process() {
        let guard = ChildGuard::spawn(Command::new("sleep").arg("1000")).expect("sleep starts");
        let id = guard.id();
        assert!(is_alive(id));
        drop(guard);
        assert!(!is_alive(id));
    }

    #[test]
    fn a_condition_that_never_holds_ends_by_its_deadline() {
        let error = wait_until("the moon", Duration::from_millis(20), || false).expect_err("never");
        assert_eq!(error.to_string(), "the moon did not happen within 0.02 s");
    }

    #[test]
    fn a_failed_command_shows_what_it_printed() {
        let error =
            run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).expect_err("fails");
        assert!(error.to_string().ends_with("exit status: 3:\nout\nerr\n"), "{error}");
    }
}
