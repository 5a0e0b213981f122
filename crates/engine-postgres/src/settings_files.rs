//! Settings files that lie outside of the data directory, as Debian keeps them in `/etc`.
//!
//! Follows `ParseConfigFp` in `src/backend/utils/misc/guc-file.l` and `next_token` in `src/backend/libpq/hba.c`:
//! `include`, `include_if_exists` and `include_dir` in `postgresql.conf`; since 16 the same words in `pg_hba.conf` and
//! `pg_ident.conf`; `@file` for lists of names in all versions. Only what is needed to find the files is read here; what
//! the settings mean is the server's business.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use engine::SourceError;
use repository::StoredPath;

/// Files included by files included by … ; the server refuses more (`CONF_FILE_MAX_DEPTH`).
const DEPTH_MAX: u32 = 10;
/// Settings that say where the server's own files lie.
pub(crate) const LOCATION_SETTINGS: [&str; 3] = ["data_directory", "hba_file", "ident_file"];
/// Largest settings file that is read for its includes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A settings file, or a folder of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettingsFile {
    /// Its absolute path.
    pub path: PathBuf,
    /// Whether it lies outside of the data directory.
    pub is_outside: bool,
}

/// All settings files of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsTree {
    /// Files, and folders, which must be there even when they are empty.
    pub files: Vec<SettingsFile>,
    /// Which of the settings that say where files lie are set in one of them, and would lead a copy of the files back
    /// to the original's.
    pub locations_set: BTreeSet<String>,
}

/// The server's three settings files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsRoots {
    /// `config_file`.
    pub config: PathBuf,
    /// `hba_file`.
    pub hba: PathBuf,
    /// `ident_file`.
    pub ident: PathBuf,
}

impl SettingsFile {
    /// Where the file is stored in a set when it lies outside; `None` for a path that no set can hold.
    pub fn stored_path(&self) -> Option<StoredPath> {
        let bytes = self.path.as_os_str().as_bytes().strip_prefix(b"/")?;
        StoredPath::new([b"config/".as_slice(), bytes].concat()).ok()
    }
}

/// Finds the three files and all they include, and looks into `postgresql.auto.conf`.
///
/// # Errors
/// A file that the server must have read cannot be.
pub fn find_settings_files(
    roots: &SettingsRoots,
    data_directory: &Path,
) -> Result<SettingsTree, SourceError> {
    let mut search = Search { data_directory, seen: BTreeSet::new(), locations_set: BTreeSet::new() };
    search.visit(&roots.config, Syntax::Settings, 0)?;
    let automatic = data_directory.join("postgresql.auto.conf");
    if automatic.exists() {
        search.visit(&automatic, Syntax::Settings, 0)?;
    }
    for list in [&roots.hba, &roots.ident] {
        if list.exists() || search.is_outside(list) {
            search.visit(list, Syntax::Lists, 0)?;
        }
    }
    let found = search.seen.iter();
    let files = found.map(|path| SettingsFile { path: path.clone(), is_outside: search.is_outside(path) });
    Ok(SettingsTree { files: files.collect(), locations_set: search.locations_set })
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `name = value`.
    Settings,
    /// Records of words.
    Lists,
}

struct Search<'a> {
    data_directory: &'a Path,
    seen: BTreeSet<PathBuf>,
    locations_set: BTreeSet<String>,
}

impl Search<'_> {
    fn is_outside(&self, path: &Path) -> bool {
        !path.starts_with(self.data_directory)
    }

    fn visit(&mut self, path: &Path, syntax: Syntax, depth: u32) -> Result<(), SourceError> {
        let path = plain(path);
        if depth > DEPTH_MAX || !self.seen.insert(path.clone()) {
            return Ok(());
        }
        let failed = |source| SourceError { action: "read", path: path.display().to_string(), source };
        let bytes = fs::metadata(&path).map_err(failed)?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "too large for a settings file")));
        }
        let content = fs::read(&path).map_err(failed)?;
        let text = String::from_utf8_lossy(&content);
        if syntax == Syntax::Settings {
            let names = text.lines().filter_map(|line| words(line, syntax).into_iter().next());
            let names = names.map(|name| name.to_ascii_lowercase());
            self.locations_set.extend(names.filter(|name| LOCATION_SETTINGS.contains(&name.as_str())));
        }
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        for include in includes(&text, syntax) {
            self.follow(&include, &folder, syntax, depth)?;
        }
        Ok(())
    }

    fn follow(
        &mut self,
        include: &Include,
        folder: &Path,
        syntax: Syntax,
        depth: u32,
    ) -> Result<(), SourceError> {
        match include {
            Include::File(name) => self.visit(&folder.join(name), syntax, depth + 1),
            Include::FileIfExists(name) => {
                let path = folder.join(name);
                if path.exists() { self.visit(&path, syntax, depth + 1) } else { Ok(()) }
            }
            Include::Folder(name) => {
                let path = plain(&folder.join(name));
                self.seen.insert(path.clone());
                for file in folder_files(&path)? {
                    self.visit(&file, syntax, depth + 1)?;
                }
                Ok(())
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Include {
    File(String),
    FileIfExists(String),
    Folder(String),
}

/// The files of an included folder: `*.conf` not beginning with a dot, sorted.
fn folder_files(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |source| SourceError { action: "list", path: folder.display().to_string(), source };
    let mut files = Vec::new();
    for child in fs::read_dir(folder).map_err(failed)? {
        let child = child.map_err(failed)?;
        let name = child.file_name();
        let name = name.as_bytes();
        if name.ends_with(b".conf") && !name.starts_with(b".") && child.path().is_file() {
            files.push(child.path());
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn includes(text: &str, syntax: Syntax) -> Vec<Include> {
    let mut found = Vec::new();
    for line in text.lines() {
        let words = words(line, syntax);
        let mut words = words.iter().map(String::as_str);
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        let directive = match (first.to_ascii_lowercase().as_str(), second) {
            ("include", Some(name)) => Some(Include::File(name.to_owned())),
            ("include_if_exists", Some(name)) => Some(Include::FileIfExists(name.to_owned())),
            ("include_dir", Some(name)) => Some(Include::Folder(name.to_owned())),
            _ => None,
        };
        if syntax == Syntax::Lists && directive.is_none() {
            // A list of databases or users in a file of its own; the server only warns when it is not there.
            let lists = [Some(first), second].into_iter().flatten().chain(words);
            found.extend(
                lists
                    .filter_map(|word| word.strip_prefix('@'))
                    .map(|name| Include::FileIfExists(name.to_owned())),
            );
        }
        found.extend(directive);
    }
    found
}

/// Splits a line into words; quotes may hold anything, `#` begins a comment, `=` and `,` separate.
fn words(line: &str, syntax: Syntax) -> Vec<String> {
    let quote = if syntax == Syntax::Settings { '\'' } else { '"' };
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            _ if character == quote && quoted && characters.peek() == Some(&quote) => {
                word.push(quote);
                characters.next();
            }
            _ if character == quote => {
                quoted = !quoted;
                begun = true;
            }
            _ if quoted => word.push(character),
            '#' => break,
            '=' | ',' | ' ' | '\t' | '\r' => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(character);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// The path without `.` and `..`, so that a file has one name. The server resolves them the same way, by text.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            std::path::Component::Prefix(_)
            | std::path::Component::RootDir
            | std::path::Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn include_lines_are_found_however_they_are_written() {
        let text = "# include 'no'\nport = 5432\ninclude 'a.conf'\n INCLUDE_IF_EXISTS = \"b\"  # x\n\
            include_dir='conf.d'\ninclude 'it''s.conf'\ninclude_directory = 'no'\n";
        let expect = [
            Include::File("a.conf".to_owned()),
            Include::FileIfExists("\"b\"".to_owned()),
            Include::Folder("conf.d".to_owned()),
            Include::File("it's.conf".to_owned()),
        ];
        assert_eq!(includes(text, Syntax::Settings), expect);
    }

    #[test]
    fn lists_name_files_by_an_at_sign() {
        let text = "host all,@dbs @admins 127.0.0.1/32 scram-sha-256\ninclude_dir hba.d\n# @no\n";
        let expect = [
            Include::FileIfExists("dbs".to_owned()),
            Include::FileIfExists("admins".to_owned()),
            Include::Folder("hba.d".to_owned()),
        ];
        assert_eq!(includes(text, Syntax::Lists), expect);
    }

    #[test]
    fn includes_are_followed_out_of_the_data_directory_and_back() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (data, etc) = (folder.path().join("data"), folder.path().join("etc"));
        fs::create_dir_all(etc.join("conf.d")).expect("folder");
        fs::create_dir_all(&data).expect("folder");
        let write = |path: &Path, text: &str| fs::write(path, text).expect("file");
        write(&data.join("postgresql.conf"), &format!("include '{}'\n", etc.join("main.conf").display()));
        write(
            &etc.join("main.conf"),
            "include_dir 'conf.d'\ninclude 'main.conf'\ninclude_if_exists 'none'\nHBA_file = 'x'\n#ident_file=y\n",
        );
        write(&etc.join("conf.d/b.conf"), "");
        write(&etc.join("conf.d/a.conf"), "");
        write(&etc.join("conf.d/.hidden.conf"), "");
        write(&etc.join("conf.d/note.txt"), "");
        write(&data.join("pg_hba.conf"), "local all @../etc/names trust\n");
        write(&etc.join("names"), "");
        write(&etc.join("pg_ident.conf"), "");
        let roots = SettingsRoots {
            config: data.join("postgresql.conf"),
            hba: data.join("pg_hba.conf"),
            ident: etc.join("pg_ident.conf"),
        };
        let found = find_settings_files(&roots, &data).expect("all files are there");
        assert_eq!(found.locations_set, BTreeSet::from(["hba_file".to_owned()]));
        let outside = found.files.into_iter().filter(|file| file.is_outside);
        let names: Vec<PathBuf> = outside.map(|file| file.path).collect();
        let expect = ["conf.d", "conf.d/a.conf", "conf.d/b.conf", "main.conf", "names", "pg_ident.conf"]
            .map(|name| etc.join(name));
        assert_eq!(names, expect);
    }

    #[test]
    fn an_include_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("c"), "include 'gone'\n").expect("file");
        let roots = SettingsRoots {
            config: folder.path().join("c"),
            hba: folder.path().join("c"),
            ident: folder.path().join("c"),
        };
        let error = find_settings_files(&roots, Path::new("/nowhere")).expect_err("it is gone");
        assert!(error.path.ends_with("/gone"), "{error}");
    }
}
