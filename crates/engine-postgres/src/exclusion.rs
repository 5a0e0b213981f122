//! What of a data directory is not copied, and why that loses nothing.
//!
//! Follows `excludeDirContents`, `excludeFiles` and `sendDir` in `src/backend/backup/basebackup.c`, and what other
//! tools learned. All else is copied, known or not.
//!
//! - Contents of some folders are rebuilt at start; the folders themselves must be there.
//! - `pg_wal` comes from the replication protocol: the set's own stretch, no more.
//! - Files of the running server (`postmaster.pid`), of other backups (`backup_label`), or of a state that a restored
//!   cluster must not be in (`standby.signal`).
//! - Temporary files and relations of sessions that no longer exist after a restore.
//! - An unlogged relation is emptied when recovery ends: its `_init` fork is all that counts.
//! - `global/pg_control` is read last and stored apart.

use std::collections::HashSet;

use crate::relation_file::{Fork, RelationFile, holds_relations};

/// Folders whose content is made anew by a server that starts.
pub const REBUILT_FOLDERS: [&str; 7] =
    ["pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"];

/// Files of the data directory's top that belong to the running server, another backup, or another role.
const LEFT_OUT_FILES: [&str; 13] = [
    "backup_label",
    "backup_label.old",
    "backup_manifest",
    "backup_manifest.tmp",
    "current_logfiles.tmp",
    "postgresql.auto.conf.tmp",
    "postmaster.opts",
    "postmaster.pid",
    "recovery.signal",
    "standby.signal",
    "tablespace_map",
    "tablespace_map.old",
    "global/pg_control",
];

/// What to do with a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderRule {
    /// Copy it and go on inside.
    Copy,
    /// Keep the folder, and none of its content.
    Empty,
    /// Keep the folder and empty folders in it, and no file: `pg_wal` with `archive_status`.
    Skeleton,
    /// Leave it out.
    Skip,
}

/// Rules for one cluster.
#[derive(Debug, Clone, Default)]
pub struct Exclusion {
    /// Folder of temporary statistics, relative to the data directory, where it is not the usual one
    /// (`stats_temp_directory`, 14 only).
    pub statistics_folder: Option<Vec<u8>>,
}

impl Exclusion {
    /// What to do with the directory at `path`, relative to the data directory.
    pub fn folder(&self, path: &[u8]) -> FolderRule {
        let rebuilt = REBUILT_FOLDERS.iter().any(|folder| folder.as_bytes() == path);
        if rebuilt || self.statistics_folder.as_deref() == Some(path) {
            FolderRule::Empty
        } else if path == b"pg_wal" {
            FolderRule::Skeleton
        } else if last_part(path).starts_with(b"pgsql_tmp") {
            FolderRule::Skip
        } else {
            FolderRule::Copy
        }
    }

    /// Whether the file at `path`, relative to the data directory, is left out. `unlogged` are the unlogged
    /// relations of its folder, as [`unlogged_relations`] found them.
    pub fn leaves_out(path: &[u8], unlogged: &HashSet<u32>) -> bool {
        let name = last_part(path);
        if LEFT_OUT_FILES.iter().any(|left_out| left_out.as_bytes() == path) || name.starts_with(b"pgsql_tmp")
        {
            return true;
        }
        let folder = path.get(..path.len().saturating_sub(name.len() + 1)).unwrap_or_default();
        if !holds_relations(folder) {
            return false;
        }
        // A cache of the catalogs; with a suffix while it is being written.
        if name.starts_with(b"pg_internal.init") {
            return true;
        }
        RelationFile::parse(name).is_some_and(|file| {
            file.temporary || (file.fork != Fork::Init && unlogged.contains(&file.relation))
        })
    }
}

/// The relations among a folder's `names` that have an `_init` fork. Such a relation stays unlogged as long as it
/// keeps its number: `ALTER TABLE … SET LOGGED` writes a new one.
pub fn unlogged_relations<'a>(names: impl Iterator<Item = &'a [u8]>) -> HashSet<u32> {
    names
        .filter(|name| name.ends_with(b"_init"))
        .filter_map(RelationFile::parse)
        .filter(|file| file.fork == Fork::Init && !file.temporary)
        .map(|file| file.relation)
        .collect()
}

fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, left_out: bool) {
        let unlogged = HashSet::from([16384]);
        assert_eq!(Exclusion::leaves_out(path.as_bytes(), &unlogged), left_out, "{path}");
    }

    #[test]
    fn files_of_the_running_server_and_of_other_backups_are_left_out() {
        for file in LEFT_OUT_FILES {
            check(file, true);
        }
        check("postgresql.auto.conf", false);
        check("current_logfiles", false);
        check("log/backup_label", false);
        check("global/pg_filenode.map", false);
        check("PG_VERSION", false);
    }

    #[test]
    fn temporary_files_and_relations_are_left_out() {
        check("base/5/t3_16390", true);
        check("base/5/t3_16390_fsm.1", true);
        check("base/5/pg_internal.init", true);
        check("base/5/pg_internal.init.4711", true);
        check("global/pg_internal.init", true);
        check("base/pgsql_tmp/pgsql_tmp7.0", true);
        check("pg_tblspc/16400/PG_15_202209061/5/t3_16390", true);
        check("t3_16390", false);
    }

    #[test]
    fn of_an_unlogged_relation_only_the_init_fork_is_kept() {
        check("base/5/16384", true);
        check("base/5/16384.1", true);
        check("base/5/16384_vm", true);
        check("base/5/16384_init", false);
        check("base/5/163841", false);
        check("pg_xact/16384", false);
        let names = [b"16384".as_slice(), b"16384_init", b"16385_vm", b"t3_16386_init", b"x_init"];
        assert_eq!(unlogged_relations(names.into_iter()), HashSet::from([16384]));
    }

    #[test]
    fn folders_that_a_start_rebuilds_are_kept_empty() {
        let rules = Exclusion { statistics_folder: Some(b"stats".to_vec()) };
        assert_eq!(rules.folder(b"stats"), FolderRule::Empty);
        assert_eq!(rules.folder(b"pg_wal"), FolderRule::Skeleton);
        assert_eq!(rules.folder(b"pg_stat"), FolderRule::Copy);
        assert_eq!(rules.folder(b"base/pgsql_tmp"), FolderRule::Skip);
        assert_eq!(rules.folder(b"base/pg_wal"), FolderRule::Copy);
        for folder in REBUILT_FOLDERS {
            assert_eq!(rules.folder(folder.as_bytes()), FolderRule::Empty, "{folder}");
        }
    }
}
