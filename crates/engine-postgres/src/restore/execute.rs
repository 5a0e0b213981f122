//! Does what a plan says, in the order that keeps a half restored directory from starting.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use blobstore::durable;
use engine::{ExtractOptions, ExtractProgress, ExtractReport, Owner, extract, failpoint};
use repository::{OpenSet, StoredPath};

use super::includes::with_moved_includes;
use super::place::{Use, place, refuse_used, settings_place};
use super::settings::{config_file_lines, unusual_config_file, with_lines, with_recovery_settings};
use super::{Archiving, RestoreError, RestorePlan, io_error};
use crate::backup_label::{BackupLabel, TablespaceMap};
use crate::control_file::ControlFile;
use crate::exclusion::REBUILT_FOLDERS;
use crate::settings_files::Syntax;

/// Largest of the small files that are read whole: `pg_control` has 8 KiB, a map one line for each tablespace.
const SMALL_FILE_BYTES_MAX: u64 = 16 << 20;

/// What a restore made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// Files written from the set.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The command that starts the server.
    pub start_command: String,
    /// Who owns the files, for people.
    pub owner_note: String,
}

/// Restores `set` as `plan` says. When it returns, all is on disk and the server can be started.
///
/// # Errors
/// See [`RestoreError`]. What was written so far does not start; remove it before the next try.
pub fn execute_restore(
    set: &OpenSet,
    plan: &RestorePlan,
    progress: &dyn ExtractProgress,
) -> Result<RestoreReport, RestoreError> {
    let last = LastFiles::read(set)?;
    let roots = make_roots(plan)?;
    failpoint::pass("restore.begun");
    let options = ExtractOptions { threads: plan.threads, owner: plan.owner };
    let target = &plan.target;
    let placed = |path: &StoredPath| place(target, &plan.tablespaces, path);
    let ExtractReport { files, bytes } = extract(set, &placed, &options, progress)?;
    failpoint::pass("restore.extracted");

    let owner = OwnerOf::target(plan)?;
    make_missing_folders(target, &owner)?;
    link_tablespaces(plan, &owner)?;
    write_settings(plan, &owner)?;
    if plan.archiving == Archiving::Keep {
        mark_wal_as_archived(target, &owner)?;
    }
    owner.write_new(&target.join("recovery.signal"), b"")?;
    owner.write_new(&target.join("backup_label"), last.label.as_bytes())?;
    if let Some(map) = last.map_for(plan)? {
        owner.write_new(&target.join("tablespace_map"), map.as_bytes())?;
    }
    for (path, folder) in &roots {
        durable::sync_filesystem(folder).map_err(io_error("sync", path))?;
    }
    failpoint::pass("restore.synced");
    owner.write_new(&target.join("global/pg_control"), last.control.made_unstartable().as_bytes())?;
    failpoint::pass("restore.done");
    Ok(RestoreReport {
        files,
        bytes,
        start_command: plan.start_command(),
        owner_note: match plan.owner {
            Owner::OfSet => {
                format!("files belong to user {} and group {}, as in the set", owner.user, owner.group)
            }
            Owner::Runner => {
                "files belong to the user who ran the restore; only root can give them away".to_owned()
            }
        },
    })
}

/// The files of a set that are written last.
struct LastFiles {
    label: String,
    map: String,
    control: ControlFile,
}

impl LastFiles {
    fn read(set: &OpenSet) -> Result<Self, RestoreError> {
        let read = |path: &str| {
            let path = StoredPath::new(path).expect("a constant path");
            set.read_file(&path, SMALL_FILE_BYTES_MAX).map_err(RestoreError::Repository)
        };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let label = text(read("written-last/backup_label")?);
        BackupLabel::parse(&label).map_err(RestoreError::Label)?;
        let control = ControlFile::decode(&read("written-last/global/pg_control")?);
        let record = super::plan::read_record(&set.manifest().record)?;
        let map = if record.tablespace_map.is_empty() {
            String::new()
        } else {
            text(read("written-last/tablespace_map")?)
        };
        Ok(Self { label, map, control: control.map_err(RestoreError::ControlFile)? })
    }

    /// The map with the new places: the server makes the links in `pg_tblspc` anew by it.
    fn map_for(&self, plan: &RestorePlan) -> Result<Option<String>, RestoreError> {
        let mut map = TablespaceMap::parse(&self.map).map_err(RestoreError::Label)?;
        for line in &mut map.0 {
            if let Some(tablespace) = plan.tablespaces.iter().find(|t| t.record.oid == line.oid) {
                line.location = tablespace.new.display().to_string();
            }
        }
        // One that was dropped before its files were listed has no place, and needs none: replay drops it.
        map.0.retain(|line| plan.tablespaces.iter().any(|t| t.record.oid == line.oid));
        Ok((!map.0.is_empty()).then(|| map.to_string()))
    }
}

/// Makes target and tablespaces' folders, looking again that they are empty. Returns them opened, so that a sync
/// tells of every write that was lost.
fn make_roots(plan: &RestorePlan) -> Result<Vec<(PathBuf, File)>, RestoreError> {
    refuse_used(&plan.target, Use::DataDirectory)?;
    for tablespace in &plan.tablespaces {
        refuse_used(&tablespace.new, Use::Tablespace)?;
    }
    let paths =
        std::iter::once(&plan.target).chain(plan.tablespaces.iter().map(|tablespace| &tablespace.new));
    let open = |path: &PathBuf| {
        let missing: Vec<&Path> = path.ancestors().skip(1).take_while(|folder| !folder.exists()).collect();
        durable::create_dir_all_durable(path).map_err(io_error("create", path))?;
        // New folders are their maker's alone, and the server's user has to pass through those that root made.
        for parent in missing.into_iter().filter(|_| plan.owner == Owner::OfSet) {
            fs::set_permissions(parent, fs::Permissions::from_mode(0o755))
                .map_err(io_error("set the mode of", parent))?;
        }
        let folder = File::open(path).map_err(io_error("open", path))?;
        Ok((path.clone(), folder))
    };
    paths.map(open).collect()
}

/// Who owns what the restore itself writes: the owner of the target, as extraction left it.
struct OwnerOf {
    user: u32,
    group: u32,
    is_given: bool,
}

impl OwnerOf {
    fn target(plan: &RestorePlan) -> Result<Self, RestoreError> {
        let metadata = fs::metadata(&plan.target).map_err(io_error("look at", &plan.target))?;
        Ok(Self { user: metadata.uid(), group: metadata.gid(), is_given: plan.owner == Owner::OfSet })
    }

    fn give(&self, file: &File) -> io::Result<()> {
        if self.is_given { fchown(file, Some(self.user), Some(self.group)) } else { Ok(()) }
    }

    /// Writes a file that is not there yet, whole or not at all.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), RestoreError> {
        durable::replace_file_prepared(path, bytes, |file| self.give(file)).map_err(io_error("write", path))
    }

    /// Replaces a file's content and keeps its owner and mode.
    fn rewrite(&self, path: &Path, bytes: &[u8]) -> Result<(), RestoreError> {
        let metadata = fs::metadata(path).map_err(io_error("look at", path))?;
        let prepare = |file: &File| {
            if self.is_given {
                fchown(file, Some(metadata.uid()), Some(metadata.gid()))?;
            }
            file.set_permissions(fs::Permissions::from_mode(metadata.mode() & 0o7777))
        };
        durable::replace_file_prepared(path, bytes, prepare).map_err(io_error("write", path))
    }

    fn make_folder(&self, path: &Path) -> Result<(), RestoreError> {
        durable::create_dir_all_durable(path).map_err(io_error("create", path))?;
        let folder = File::open(path).map_err(io_error("open", path))?;
        self.give(&folder).map_err(io_error("set the owner of", path))
    }
}

/// Folders without which no server starts; a set has them all, unless the source lacked one.
fn make_missing_folders(target: &Path, owner: &OwnerOf) -> Result<(), RestoreError> {
    let needed = REBUILT_FOLDERS.iter().chain(&["pg_wal", "pg_wal/archive_status", "pg_tblspc"]);
    for folder in needed.map(|folder| target.join(folder)).filter(|folder| !folder.exists()) {
        owner.make_folder(&folder)?;
    }
    Ok(())
}

fn link_tablespaces(plan: &RestorePlan, owner: &OwnerOf) -> Result<(), RestoreError> {
    let folder = plan.target.join("pg_tblspc");
    for tablespace in &plan.tablespaces {
        let link = folder.join(tablespace.record.oid.to_string());
        std::os::unix::fs::symlink(&tablespace.new, &link).map_err(io_error("link", &link))?;
        if owner.is_given {
            std::os::unix::fs::lchown(&link, Some(owner.user), Some(owner.group))
                .map_err(io_error("set the owner of", &link))?;
        }
    }
    durable::sync_dir(&folder).map_err(io_error("sync", &folder))
}

/// Makes includes lead to the restored files, then adds our own lines.
fn write_settings(plan: &RestorePlan, owner: &OwnerOf) -> Result<(), RestoreError> {
    let settings = &plan.record.settings;
    let lists = [&settings.hba_file, &settings.ident_file];
    let moved = |path: &Path| {
        let is_stored = settings.files.iter().any(|file| Path::new(file) == path);
        is_stored.then(|| settings_place(plan, path))
    };
    for file in &settings.files {
        let path = settings_place(plan, Path::new(file));
        if !path.is_file() {
            continue;
        }
        let syntax = if lists.contains(&file) { Syntax::Lists } else { Syntax::Settings };
        let text = fs::read(&path).map_err(io_error("read", &path))?;
        // What is no UTF-8 has no include that was found.
        let changed =
            String::from_utf8(text).ok().and_then(|text| with_moved_includes(&text, syntax, &moved));
        if let Some(changed) = changed {
            owner.rewrite(&path, changed.as_bytes())?;
        }
    }
    let lines = config_file_lines(plan);
    let main =
        unusual_config_file(plan).unwrap_or_else(|| settings_place(plan, Path::new(&settings.config_file)));
    if !lines.is_empty() && main.is_file() {
        let text = fs::read(&main).map_err(io_error("read", &main))?;
        let comment = format!("# Set by the restore of backup set {}:", plan.set);
        owner.rewrite(&main, &with_lines(text, &comment, &lines))?;
    }
    let auto = plan.target.join("postgresql.auto.conf");
    match fs::read(&auto) {
        Ok(old) => owner.rewrite(&auto, &with_recovery_settings(&old, plan)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            owner.write_new(&auto, &with_recovery_settings(b"", plan))
        }
        Err(error) => Err(io_error("read", &auto)(error)),
    }
}

/// The set's WAL must not be archived again: its last segment is the original's no more.
fn mark_wal_as_archived(target: &Path, owner: &OwnerOf) -> Result<(), RestoreError> {
    let folder = target.join("pg_wal");
    for child in fs::read_dir(&folder).map_err(io_error("list", &folder))? {
        let child = child.map_err(io_error("list", &folder))?;
        if child.path().is_file() {
            let name = format!("archive_status/{}.done", child.file_name().display());
            owner.write_new(&folder.join(name), b"")?;
        }
    }
    Ok(())
}
