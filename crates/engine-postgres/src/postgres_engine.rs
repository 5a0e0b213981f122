//! The engine bound to one PostgreSQL instance.

use engine::{BackupEngine, BackupError, BackupRequest, Checked, FinishedSet, JobControl};
use repository::Repository;

use crate::backup;
use crate::check::examine;
use crate::server::{PostgresOptions, Server};

/// Backs up one server, from its data directory on this host.
#[derive(Debug, Clone)]
pub struct PostgresEngine {
    server: Server,
}

impl PostgresEngine {
    /// The engine for the server that `options` lead to. Connects to nothing yet.
    pub fn new(options: PostgresOptions) -> Self {
        Self { server: Server { options } }
    }
}

impl BackupEngine for PostgresEngine {
    fn check(&self, control: &dyn JobControl) -> Result<Checked, BackupError> {
        let examination = examine(&self.server, None, control)?;
        let version = examination.facts.as_ref();
        Ok(Checked {
            server_version: version.map(|facts| facts.version_text.clone()).unwrap_or_default(),
            major_version: version.map(|facts| facts.version.major.to_string()).unwrap_or_default(),
            findings: examination.findings,
        })
    }

    fn back_up(
        &self,
        repository: &Repository,
        request: &BackupRequest,
        control: &dyn JobControl,
    ) -> Result<FinishedSet, BackupError> {
        backup::back_up(&self.server, repository, request, control)
    }
}
