//! Whether the data directory on this host is readable, and the very one that the server runs on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{BackupError, Finding};
use pgwal::Lsn;

use super::{Session, error_chain, finding};
use crate::control_file::{ControlFile, ControlFileError};
use crate::data_directory::{DataDirectory, DataDirectoryOptions, Tablespace};
use crate::exclusion::Exclusion;
use crate::server::{Server, ServerFacts, server_error};

/// Times that the file's checkpoint is compared with the server's: a checkpoint may come between the two readings.
const CHECKPOINT_TRIES: u32 = 20;

/// The server's own data directory, as found on this host.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryInUse {
    pub(crate) path: PathBuf,
    pub(crate) tablespaces: Vec<Tablespace>,
    pub(super) control: ControlFile,
}

/// `Ok(Err(…))` is what is wrong; nothing when the cause was told elsewhere.
pub(super) fn check(
    server: &Server,
    facts: &ServerFacts,
    session: Session<'_>,
) -> Result<Result<DirectoryInUse, Option<Finding>>, BackupError> {
    let told = facts.setting("data_directory");
    let path = match &server.options.data_directory {
        Some(path) => path.clone(),
        None if told.is_empty() => return Ok(Err(None)),
        None => PathBuf::from(told),
    };
    let control = match read_control(&path) {
        Ok(control) => control,
        Err(error) => return Ok(Err(Some(unreadable(&path, &error)))),
    };
    if let Some(finding) = of_another_server(&path, &control, facts) {
        return Ok(Err(Some(finding)));
    }
    let Some(control) = with_the_servers_checkpoint(&path, control, session)? else {
        return Ok(Err(Some(finding(
            format!("{} is not what the server runs on: its checkpoint is another one", path.display()),
            format!(
                "run the worker on the server's own host; the server says that its data directory is {told}"
            ),
        ))));
    };
    match tablespaces(&path, facts, &control) {
        Ok(tablespaces) => Ok(Ok(DirectoryInUse { path, tablespaces, control })),
        Err(finding) => Ok(Err(Some(finding))),
    }
}

pub(crate) fn read_control(directory: &Path) -> Result<ControlFile, ControlFileError> {
    ControlFile::read_with(|| fs::read(directory.join("global/pg_control")))
}

fn unreadable(path: &Path, error: &ControlFileError) -> Finding {
    let problem = format!("the data directory {} cannot be read: {}", path.display(), error_chain(error));
    let remedy = match error {
        ControlFileError::Read(cause) if cause.kind() == io::ErrorKind::NotFound => {
            "run the worker on the host of the server; where the directory has another path there, register the \
             instance with `--data-dir`"
        }
        ControlFileError::Read(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            "run the worker as the owner of the data directory (`sudo -u postgres backstop serve …`), as root, or let \
             it read all files: `sudo setcap cap_dac_read_search+ep $(command -v backstop)`"
        }
        ControlFileError::Read(_)
        | ControlFileError::Short { .. }
        | ControlFileError::Version { .. }
        | ControlFileError::Crc
        | ControlFileError::Field { .. } => {
            "look at it with `pg_controldata`; register the instance with the right `--data-dir`"
        }
    };
    finding(problem, remedy)
}

/// Told by the system identifier, and by the port in `postmaster.pid`, which a standby on the same host has not.
fn of_another_server(path: &Path, control: &ControlFile, facts: &ServerFacts) -> Option<Finding> {
    let remedy = format!(
        "register the instance with the server's own directory (it says {}), on the server's own host",
        facts.setting("data_directory")
    );
    if control.system_identifier() != facts.system_identifier {
        let problem = format!(
            "{} belongs to cluster {}, the server is cluster {}",
            path.display(),
            control.system_identifier(),
            facts.system_identifier
        );
        return Some(finding(problem, remedy));
    }
    let pid_file = match fs::read_to_string(path.join("postmaster.pid")) {
        Ok(text) => text,
        Err(error) => {
            let problem = format!("no server runs on {}: read postmaster.pid: {error}", path.display());
            return Some(finding(problem, remedy));
        }
    };
    let port = pid_file.lines().nth(3).unwrap_or_default().trim();
    if port != facts.setting("port") {
        let problem = format!(
            "the server that runs on {} listens on port {port}, the one we talk to on port {}",
            path.display(),
            facts.setting("port")
        );
        return Some(finding(problem, remedy));
    }
    None
}

fn with_the_servers_checkpoint(
    path: &Path,
    mut control: ControlFile,
    session: Session<'_>,
) -> Result<Option<ControlFile>, BackupError> {
    let failed = || server_error("ask for the newest checkpoint");
    for _ in 0..CHECKPOINT_TRIES {
        let set = session
            .query_one_set("SELECT checkpoint_lsn FROM pg_catalog.pg_control_checkpoint()")
            .map_err(failed())?;
        let checkpoint: Lsn = set.one().and_then(|row| row.get("checkpoint_lsn")).map_err(failed())?;
        if control.checkpoint() == checkpoint {
            return Ok(Some(control));
        }
        std::thread::sleep(Duration::from_millis(50));
        match read_control(path) {
            Ok(read) => control = read,
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

fn tablespaces(path: &Path, facts: &ServerFacts, control: &ControlFile) -> Result<Vec<Tablespace>, Finding> {
    let source = DataDirectory::open(DataDirectoryOptions {
        root: path.to_owned(),
        tablespace_folder: control.tablespace_folder(facts.version.major),
        exclusion: Exclusion::default(),
        settings_files: Vec::new(),
    });
    source.and_then(|source| source.tablespaces()).map_err(|error| {
        finding(
            error_chain(&error),
            "let the worker read all of the data directory: run it as its owner or as root",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_may_not_be_read_is_told_with_three_ways_out() {
        let denied = ControlFileError::Read(io::ErrorKind::PermissionDenied.into());
        let finding = unreadable(Path::new("/data"), &denied);
        for way in ["sudo -u postgres", "as root", "cap_dac_read_search"] {
            assert!(finding.remedy.contains(way), "{finding:?}");
        }
        let absent = ControlFileError::Read(io::ErrorKind::NotFound.into());
        assert!(unreadable(Path::new("/data"), &absent).remedy.contains("--data-dir"));
    }
}
