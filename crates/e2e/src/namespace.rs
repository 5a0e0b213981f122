//! A disk so small that it fills up, mounted where only this test sees it fill.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;
use testkit::process::{ChildGuard, run, wait_until};

use crate::backstop::temporary_directory;

/// A file system in memory of a fixed size. Root mounts it; anybody else does so in a namespace of their own, where
/// programs enter by [`SmallDisk::enter`].
#[derive(Debug)]
pub struct SmallDisk {
    directory: TempDir,
    namespace: Option<ChildGuard>,
}

impl SmallDisk {
    /// Mounts it.
    ///
    /// # Errors
    /// The system does not allow that.
    pub fn mount(mib: u32) -> Result<Self> {
        let directory = temporary_directory("disk-")?;
        let path = directory.path().display().to_string();
        let size = format!("size={mib}m");
        if rustix::process::geteuid().is_root() {
            run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs", &path]))?;
            return Ok(Self { directory, namespace: None });
        }
        let script =
            format!("mount -t tmpfs -o {size} tmpfs {path} && touch {path}/mounted && exec sleep infinity");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).stdin(Stdio::null());
        let namespace = ChildGuard::spawn(&mut command)?;
        let mounted = PathBuf::from(format!("/proc/{}/root{path}/mounted", namespace.id()));
        wait_until("the small disk", Duration::from_secs(10), || mounted.exists())?;
        Ok(Self { directory, namespace: Some(namespace) })
    }

    /// Where it is, for programs that entered.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The command line before a program that is to see the disk; empty for root.
    pub fn enter(&self) -> Vec<String> {
        let Some(namespace) = &self.namespace else { return Vec::new() };
        let target = namespace.id().to_string();
        ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", &target]
            .map(str::to_owned)
            .to_vec()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.namespace.is_none() {
            // Lazily: a program that still runs must not leave the mount behind.
            let _ = run(Command::new("umount").arg("--lazy").arg(self.directory.path()));
        }
    }
}
