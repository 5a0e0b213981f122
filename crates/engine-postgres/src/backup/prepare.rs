//! The Preparing stage: what is to be copied, and what the set will say of it. Nothing is open on the server after it.

use std::path::PathBuf;

use engine::{BackupError, JobControl};

use crate::check::DirectoryInUse;
use crate::content;
use crate::data_directory::{DataDirectory, DataDirectoryOptions};
use crate::estimate::Estimate;
use crate::exclusion::Exclusion;
use crate::record::{DatabaseRecord, LocaleRecord};
use crate::server::{Server, ServerFacts, server_error};
use crate::settings_files::{SettingsRoots, SettingsTree, find_settings_files};

/// What the Preparing stage found.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) facts: ServerFacts,
    pub(super) directory: DirectoryInUse,
    pub(super) settings_roots: SettingsRoots,
    pub(super) settings: SettingsTree,
    /// Files that the first walk saw.
    pub(super) files_planned: u64,
    /// Their bytes.
    pub(super) bytes_planned: u64,
    pub(super) databases: Vec<DatabaseRecord>,
    pub(super) tablespace_names: Vec<(u32, String)>,
    pub(super) locale: LocaleRecord,
    /// What the first walk found odd.
    pub(super) warnings: Vec<String>,
}

impl Prepared {
    pub(super) fn prepare(
        server: &Server,
        facts: ServerFacts,
        directory: DirectoryInUse,
        control: &dyn JobControl,
    ) -> Result<Self, BackupError> {
        let roots = SettingsRoots {
            config: on_this_host(&facts, &directory, "config_file"),
            hba: on_this_host(&facts, &directory, "hba_file"),
            ident: on_this_host(&facts, &directory, "ident_file"),
        };
        let settings = find_settings_files(&roots, &directory.path)?;
        let mut connection = server.connect().map_err(server_error("connect to the server"))?;
        let mut prepared = Self {
            locale: content::default_locale(&mut connection)?,
            tablespace_names: content::tablespace_names(&mut connection)?,
            facts,
            directory,
            settings_roots: roots,
            settings,
            files_planned: 0,
            bytes_planned: 0,
            databases: Vec::new(),
            warnings: Vec::new(),
        };
        let source = prepared.source()?;
        let estimate = Estimate::of(&source, control)?;
        (prepared.files_planned, prepared.bytes_planned) = (estimate.files, estimate.bytes);
        prepared.warnings = source.warnings();
        prepared.databases = content::databases(server, &mut connection, &estimate, control)?;
        Ok(prepared)
    }

    /// The files of the cluster.
    pub(super) fn source(&self) -> Result<DataDirectory, BackupError> {
        let statistics = self.facts.setting("stats_temp_directory");
        let is_relative = !statistics.is_empty() && !statistics.starts_with('/');
        Ok(DataDirectory::open(DataDirectoryOptions {
            root: self.directory.path.clone(),
            tablespace_folder: self.directory.control().tablespace_folder(self.facts.version.major),
            exclusion: Exclusion { statistics_folder: is_relative.then(|| statistics.as_bytes().to_vec()) },
            settings_files: self.settings.files.clone(),
        })?)
    }

    /// Whether pages carry checksums, by the server's own word.
    pub(super) fn has_checksums(&self) -> bool {
        self.facts.setting("data_checksums") == "on"
    }
}

/// The path of a settings file as this host has it: the data directory may have another path here than the server
/// says.
fn on_this_host(facts: &ServerFacts, directory: &DirectoryInUse, setting: &str) -> PathBuf {
    let told = PathBuf::from(facts.setting(setting));
    match told.strip_prefix(facts.setting("data_directory")) {
        Ok(rest) if !facts.setting("data_directory").is_empty() => directory.path.join(rest),
        Ok(_) | Err(_) => told,
    }
}
