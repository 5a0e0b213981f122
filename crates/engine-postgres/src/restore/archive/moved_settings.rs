//! Settings files made to find one another wherever the archive is unpacked.
//!
//! An include resolves a relative path from the folder of the file that it stands in (`AbsoluteConfigLocation`), so
//! absolute ones become relative. Settings that say where files lie are comments: they would lead to the original's.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::super::includes::{quoted, with_moved_includes, with_moved_lists};
use super::super::place::CONFIG_FOLDER;
use super::super::settings::without_settings;
use super::AUTO_CONF;
use crate::record::EngineRecord;
use crate::settings_files::{LOCATION_SETTINGS, Syntax};

/// Settings files of the source, and where they lie in the archive.
#[derive(Debug)]
pub(super) struct MovedSettings<'a> {
    record: &'a EngineRecord,
    /// By the path in the archive.
    files: BTreeMap<PathBuf, &'a Path>,
}

impl<'a> MovedSettings<'a> {
    pub(super) fn new(record: &'a EngineRecord) -> Self {
        let settings = &record.settings;
        let roots = [&settings.config_file, &settings.hba_file, &settings.ident_file];
        let paths = settings.files.iter().chain(roots).map(Path::new).filter(|path| path.is_absolute());
        let files = paths.map(|path| (place_of(record, path), path)).collect();
        Self { record, files }
    }

    /// Whether a settings file lies at that path of the archive.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    /// Where a file of the source lies in the archive, seen from `folder` there.
    fn seen_from(&self, folder: &Path, path: &Path) -> Option<PathBuf> {
        let place = place_of(self.record, path);
        self.has(&place).then(|| relative(folder, &place))
    }

    /// All that differ from what the set holds in `found`, but for `postgresql.auto.conf`.
    pub(super) fn changed(&self, found: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<(PathBuf, Vec<u8>)> {
        let mut changed: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
        let settings = &self.record.settings;
        for (path, old) in found.iter().filter(|(path, _)| *path != Path::new(AUTO_CONF)) {
            let is_list = [&settings.hba_file, &settings.ident_file]
                .iter()
                .any(|list| place_of(self.record, Path::new(list)) == *path);
            let new = self.rewritten(path, old, if is_list { Syntax::Lists } else { Syntax::Settings });
            if new != *old {
                changed.insert(path.clone(), new);
            }
        }
        let main = Path::new(&settings.config_file);
        let place = place_of(self.record, main);
        if main.is_absolute() && place != Path::new("postgresql.conf") {
            let text = format!("include {}\n", quoted(&place.display().to_string()));
            changed.insert("postgresql.conf".into(), text.into_bytes());
        }
        for (list, usual) in [(&settings.hba_file, "pg_hba.conf"), (&settings.ident_file, "pg_ident.conf")] {
            let list = Path::new(list);
            let place = place_of(self.record, list);
            if list.is_absolute()
                && place != Path::new(usual)
                && let Some(old) = found.get(&place)
            {
                changed.insert(usual.into(), self.copied_to_top(list, old));
            }
        }
        changed.into_iter().collect()
    }

    fn rewritten(&self, path: &Path, old: &[u8], syntax: Syntax) -> Vec<u8> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let moved = |path: &Path| self.seen_from(folder, path);
        // What is no UTF-8 has no include that was found.
        let text = std::str::from_utf8(old).ok().and_then(|text| with_moved_includes(text, syntax, &moved));
        let text = text.map_or_else(|| old.to_vec(), String::into_bytes);
        match syntax {
            Syntax::Settings => without_settings(&text, &LOCATION_SETTINGS),
            Syntax::Lists => text,
        }
    }

    /// A list from elsewhere as a file of the archive's top: what it names relative to its own folder moves, too.
    fn copied_to_top(&self, list: &Path, old: &[u8]) -> Vec<u8> {
        let folder = list.parent().unwrap_or(Path::new("/"));
        let moved = |path: &Path| self.seen_from(Path::new(""), path);
        let text = std::str::from_utf8(old).ok().and_then(|text| with_moved_lists(text, folder, &moved));
        text.map_or_else(|| old.to_vec(), String::into_bytes)
    }
}

/// Where a settings file of the source lies in the archive.
fn place_of(record: &EngineRecord, path: &Path) -> PathBuf {
    match path.strip_prefix(&record.data_directory) {
        Ok(rest) => rest.to_owned(),
        Err(_) => Path::new(CONFIG_FOLDER).join(path.strip_prefix("/").unwrap_or(path)),
    }
}

/// `path` as it is reached from `folder`, both relative to the same top.
fn relative(folder: &Path, path: &Path) -> PathBuf {
    let mut shared = 0;
    for (one, other) in folder.components().zip(path.components()) {
        if one != other {
            break;
        }
        shared += 1;
    }
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_reached_over_the_nearest_shared_folder() {
        let check = |folder: &str, path: &str, expect: &str| {
            assert_eq!(relative(Path::new(folder), Path::new(path)), Path::new(expect), "{folder} {path}");
        };
        check("", "a/b", "a/b");
        check("a", "a/b", "b");
        check("a/c", "a/b", "../b");
        check("backstop-config/etc/15", "conf.d/x.conf", "../../../conf.d/x.conf");
    }
}
