//! A copy of a source that PostgreSQL itself made and rolls forward, by which ours is judged.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use testkit::process::{ServerUser, run, wait_until};

use crate::{Restored, Source};

/// Archiving of one segment, on a busy machine.
const ARCHIVE_TIMEOUT: Duration = Duration::from_mins(1);

/// A base backup by `pg_basebackup`, without any WAL.
#[derive(Debug)]
pub struct IndependentCopy {
    data: PathBuf,
}

impl IndependentCopy {
    /// Copies the running source. Its tablespaces go to the places named by `tablespaces` (old, new).
    ///
    /// # Errors
    /// `pg_basebackup` fails.
    pub fn make(source: &Source, tablespaces: &[(PathBuf, PathBuf)]) -> Result<Self> {
        let data = source.cluster.root_dir().join("copy");
        // Its parent belongs to whoever runs the tests.
        source.cluster.directory("copy")?;
        fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let mut command = source.cluster.server_command("pg_basebackup")?;
        command.env("PGHOST", source.cluster.socket_dir()).env("PGPORT", source.cluster.port().to_string());
        command.env("PGUSER", "postgres").current_dir("/").arg("-D").arg(&data);
        command.args(["-X", "none", "-c", "fast", "--no-sync", "--no-manifest"]);
        for (old, new) in tablespaces {
            command.arg(format!("--tablespace-mapping={}={}", old.display(), new.display()));
        }
        run(&mut command)?;
        Ok(Self { data })
    }

    /// Rolls the copy forward by the source's archive until all WAL before `stop` (such as `0/3000138`) is replayed and
    /// nothing behind it, and starts it there.
    ///
    /// # Errors
    /// The source does not archive, or the copy does not come up.
    pub fn roll_forward(&self, source: &Source, stop: &str) -> Result<Restored> {
        // Recovery stops in front of the first record at or after the position: there must be one, and it archived.
        source.cluster.psql("SELECT txid_current()")?;
        let segment = source.cluster.psql("SELECT pg_walfile_name(pg_switch_wal())")?;
        let archived = source.archive.join(&segment);
        wait_until("the source's archive", ARCHIVE_TIMEOUT, || archived.exists())?;
        let signal = self.data.join("recovery.signal");
        fs::write(&signal, "").context("write recovery.signal")?;
        if let Some(ServerUser { uid, gid }) = ServerUser::find()? {
            chown(&signal, Some(uid), Some(gid))?;
        }
        let restore_command = format!("restore_command=cp '{}/%f' '%p'", source.archive.display());
        let target = format!("recovery_target_lsn={stop}");
        let settings = [
            restore_command.as_str(),
            target.as_str(),
            "recovery_target_inclusive=off",
            "recovery_target_action=promote",
            "archive_mode=off",
            "ssl=off",
        ];
        let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting]).collect();
        Restored::start(source.cluster.installation(), &self.data, &arguments)
    }
}
