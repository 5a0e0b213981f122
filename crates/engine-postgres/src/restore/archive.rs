//! A set as one tar archive, which unpacks into a data directory that starts.
//!
//! ```text
//! backstop-config/…      settings files that lay elsewhere
//! ./ and all of data/    the data directory
//! pg_tblspc/<oid>/…      tablespaces, as plain folders: who unpacks decides where, and no link could know
//! pg_wal/…               the set's own stretch, start to stop
//! settings that must differ, recovery.signal, backup_label
//! global/pg_control      last, with a checkpoint that cannot be
//! ```
//!
//! It is what a restore writes, with two differences, for nobody knows where it will be unpacked:
//!
//! - Paths are relative. Where the server was started with a main settings file or lists of who may connect that lay
//!   elsewhere, the top has files that lead to these, or are them, so that `pg_ctl -D` finds all.
//! - Tablespaces are in place (`allow_in_place_tablespaces`, in 14.5 and later), and there is no `tablespace_map`: by
//!   that one the server would put links where the folders are.
//!
//! An archive cut short lacks `pg_control` and does not start.

mod moved_settings;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use engine::{Archive, ArchiveError, ArchiveShape, MadeMember, Owner};
use repository::{Content, Entry, OpenSet, StoredPath};

use self::moved_settings::MovedSettings;
use super::place::place;
use super::plan::read_record;
use super::settings::{with_lines, with_recovery_settings, without_settings};
use super::{Archiving, PlannedTablespace, RestoreError, RestorePlan};
use crate::backup_label::BackupLabel;
use crate::control_file::ControlFile;
use crate::exclusion::REBUILT_FOLDERS;
use crate::record::{ENGINE_NAME, EngineRecord};
use crate::settings_files::LOCATION_SETTINGS;

/// Largest of the small files that are read whole.
const SMALL_FILE_BYTES_MAX: u64 = 16 << 20;
/// Where the server looks for settings by itself, and what `ALTER SYSTEM` writes.
const AUTO_CONF: &str = "postgresql.auto.conf";

/// The archive of a set of this engine. Reads the file table and a few small files.
///
/// # Errors
/// The set is another engine's, is damaged, or lacks what every set has.
pub fn archive_of(set: &OpenSet) -> Result<Archive, ArchiveError> {
    let engine = &set.manifest().engine;
    if engine != ENGINE_NAME {
        return Err(ArchiveError::NotSupported { engine: engine.clone() });
    }
    let number = set.manifest().origin.set.to_string();
    let shape = Shape::of(set);
    let shape = shape.map_err(|error| ArchiveError::Shape { set: number, source: Box::new(error) })?;
    Archive::measure(set, Box::new(shape))
}

/// Where everything goes.
#[derive(Debug)]
struct Shape {
    tablespaces: Vec<PlannedTablespace>,
    /// Paths at which a made member takes the place of the set's own.
    replaced: BTreeSet<PathBuf>,
    made: Vec<MadeMember>,
}

impl ArchiveShape for Shape {
    fn path(&self, entry: &Entry) -> Option<Vec<u8>> {
        let path = place(Path::new(""), &self.tablespaces, &entry.path)?;
        (!self.replaced.contains(&path)).then(|| path.as_os_str().as_bytes().to_vec())
    }

    fn made(&self) -> &[MadeMember] {
        &self.made
    }
}

impl Shape {
    fn of(set: &OpenSet) -> Result<Self, RestoreError> {
        let record = read_record(&set.manifest().record)?;
        let plan = plan_of(set, &record);
        let settings = MovedSettings::new(&record);
        let found = Found::read(set, &settings)?;
        let mut shape = Self { tablespaces: plan.tablespaces.clone(), ..Self::empty() };
        for folder in found.missing_folders() {
            shape.made.push(member(&record, None, folder, None));
        }
        for (path, text) in settings.changed(&found.settings) {
            shape.replace(&record, found.heads.get(&path), &path, text);
        }
        let old = found.settings.get(Path::new(AUTO_CONF)).map(Vec::as_slice).unwrap_or_default();
        let mut text = with_recovery_settings(&without_settings(old, &LOCATION_SETTINGS), &plan);
        if !record.tablespaces.is_empty() {
            let lines = ["allow_in_place_tablespaces = 'on'".to_owned()];
            text = with_lines(text, "# Tablespaces are folders in pg_tblspc:", &lines);
        }
        shape.replace(&record, found.heads.get(Path::new(AUTO_CONF)), Path::new(AUTO_CONF), text);
        shape.replace(&record, None, Path::new("recovery.signal"), Vec::new());
        let label = found.written_last("backup_label")?;
        BackupLabel::parse(&String::from_utf8_lossy(label)).map_err(RestoreError::Label)?;
        shape.replace(&record, None, Path::new("backup_label"), label.to_vec());
        let control = ControlFile::decode(found.written_last("global/pg_control")?);
        let control = control.map_err(RestoreError::ControlFile)?.made_unstartable();
        shape.replace(&record, None, Path::new("global/pg_control"), control.as_bytes().to_vec());
        Ok(shape)
    }

    fn empty() -> Self {
        Self { tablespaces: Vec::new(), replaced: BTreeSet::new(), made: Vec::new() }
    }

    /// Puts a file in the place of the set's own; `head` is of the set's, whose mode and owner stay.
    fn replace(&mut self, record: &EngineRecord, head: Option<&Head>, path: &Path, content: Vec<u8>) {
        self.replaced.insert(path.to_owned());
        self.made.push(member(record, head, path, Some(content)));
    }
}

/// A member that is in no set; `head` is that of the set's file at its place.
fn member(record: &EngineRecord, head: Option<&Head>, path: &Path, content: Option<Vec<u8>>) -> MadeMember {
    let mode = if content.is_some() { 0o600 } else { 0o700 };
    let head = head.copied().unwrap_or(Head { mode, owner: record.owner, group: record.group });
    let Head { mode, owner, group } = head;
    MadeMember { path: path.as_os_str().as_bytes().to_vec(), mode, owner, group, content }
}

/// The plan of a restore into whatever directory, for what depends on one.
fn plan_of(set: &OpenSet, record: &EngineRecord) -> RestorePlan {
    let elsewhere = record.tablespaces.iter().filter(|tablespace| tablespace.location.is_some());
    let mut tablespaces: Vec<PlannedTablespace> = elsewhere
        .map(|record| PlannedTablespace {
            record: record.clone(),
            new: Path::new("pg_tblspc").join(record.oid.to_string()),
        })
        .collect();
    tablespaces.sort_by_key(|tablespace| tablespace.record.oid);
    // The settings are found where the server looks by itself: nothing has to lead there.
    let mut record = record.clone();
    let data = Path::new(&record.data_directory);
    record.settings.config_file = data.join("postgresql.conf").display().to_string();
    record.settings.locations_set.clear();
    RestorePlan {
        instance: set.manifest().origin.instance.clone(),
        set: set.manifest().origin.set,
        record,
        target: PathBuf::new(),
        tablespaces,
        archiving: Archiving::Off,
        threads: std::num::NonZeroUsize::MIN,
        owner: Owner::OfSet,
        files: 0,
        bytes: 0,
    }
}

/// Mode and owner of a file of the set.
#[derive(Debug, Clone, Copy)]
struct Head {
    mode: u32,
    owner: u32,
    group: u32,
}

/// The small files of a set that an archive changes, by their path in it.
#[derive(Debug, Default)]
struct Found {
    settings: BTreeMap<PathBuf, Vec<u8>>,
    heads: BTreeMap<PathBuf, Head>,
    written_last: BTreeMap<String, Vec<u8>>,
    folders: BTreeSet<PathBuf>,
}

/// Folders without which no server starts.
fn needed_folders() -> impl Iterator<Item = &'static Path> {
    REBUILT_FOLDERS.iter().chain(&["pg_wal", "pg_wal/archive_status", "pg_tblspc"]).map(Path::new)
}

impl Found {
    /// Reads them in one walk over the file table.
    fn read(set: &OpenSet, settings: &MovedSettings<'_>) -> Result<Self, RestoreError> {
        let mut found = Self::default();
        for entry in set.entries().map_err(RestoreError::Repository)? {
            let entry = entry.map_err(RestoreError::Repository)?;
            found.take(set, settings, &entry)?;
        }
        Ok(found)
    }

    fn take(
        &mut self,
        set: &OpenSet,
        settings: &MovedSettings<'_>,
        entry: &Entry,
    ) -> Result<(), RestoreError> {
        let read = || set.read_entry(entry, SMALL_FILE_BYTES_MAX).map_err(RestoreError::Repository);
        if let Some(name) = entry.path.within("written-last") {
            self.written_last.insert(String::from_utf8_lossy(name).into_owned(), read()?);
            return Ok(());
        }
        let Some(path) = place(Path::new(""), &[], &entry.path) else { return Ok(()) };
        match &entry.content {
            Content::Directory if needed_folders().any(|folder| folder == path) => {
                self.folders.insert(path);
            }
            Content::File { .. } if path == Path::new(AUTO_CONF) || settings.has(&path) => {
                let Entry { mode, owner, group, .. } = *entry;
                self.heads.insert(path.clone(), Head { mode, owner, group });
                self.settings.insert(path, read()?);
            }
            Content::Directory | Content::File { .. } | Content::Symlink { .. } => {}
        }
        Ok(())
    }

    fn missing_folders(&self) -> impl Iterator<Item = &'static Path> {
        needed_folders().filter(|folder| !self.folders.contains(*folder))
    }

    fn written_last(&self, name: &str) -> Result<&[u8], RestoreError> {
        self.written_last.get(name).map(Vec::as_slice).ok_or_else(|| {
            let path = StoredPath::new(format!("written-last/{name}")).expect("a constant path");
            RestoreError::Repository(repository::RepositoryError::Absent { what: path.to_string() })
        })
    }
}
