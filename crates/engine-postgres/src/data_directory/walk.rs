//! The walk over settings files, data directory and tablespaces, in the order of stored paths.
//!
//! Names of a folder are sorted by their bytes, which is the order of [`StoredPath`], for a walk compares name by name.
//! Held at a time: the names still to come of the folders on the way down.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::vec;

use engine::{EntryKind, SourceEntry, SourceError};
use repository::StoredPath;

use super::links::{Destination, FollowedFolders, name_as_path, tablespace_oid};
use super::{DataDirectory, Tablespace, failure, is_gone};
use crate::exclusion::{Exclusion, FolderRule, unlogged_relations};
use crate::settings_files::SettingsFile;

pub(super) struct Walk<'a> {
    source: &'a DataDirectory,
    roots: vec::IntoIter<Root>,
    folders: Vec<Folder>,
    followed: FollowedFolders,
    tablespace_places: Vec<PathBuf>,
}

/// Where a part of the walk begins.
enum Root {
    Settings(StoredPath),
    Data,
    Tablespace(u32),
}

/// Names of a folder, one after the other in one piece of memory: a folder may have millions.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    /// Where each name begins and ends; those already taken are behind `next`.
    spans: Vec<(usize, usize)>,
    next: usize,
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.spans.push((begin, self.bytes.len()));
    }

    fn sort(&mut self) {
        let Self { bytes, spans, next: _ } = self;
        spans.sort_unstable_by(|one, other| bytes[one.0..one.1].cmp(&bytes[other.0..other.1]));
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|(begin, end)| &self.bytes[*begin..*end])
    }

    fn take_next(&mut self) -> Option<Vec<u8>> {
        let (begin, end) = *self.spans.get(self.next)?;
        self.next += 1;
        Some(self.bytes[begin..end].to_vec())
    }
}

/// A folder on the way down.
struct Folder {
    place: PathBuf,
    stored: StoredPath,
    /// Path in the data directory; empty for its top.
    relative: Vec<u8>,
    names: Names,
    unlogged: HashSet<u32>,
    rule: FolderRule,
}

type Step = Result<Option<SourceEntry>, SourceError>;

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a DataDirectory) -> Self {
        let tablespaces = source.tablespaces().unwrap_or_default();
        let places = |tablespace: &Tablespace| tablespace.location.as_ref()?.canonicalize().ok();
        let tablespace_places: Vec<PathBuf> = tablespaces.iter().filter_map(places).collect();
        let mut stored = tablespace_places.clone();
        stored.push(source.canonical_root.clone());

        let settings = source.options.settings_files.iter().filter(|file| file.is_outside);
        let settings = settings.filter_map(SettingsFile::stored_path);
        let settings: BTreeSet<StoredPath> = settings.flat_map(|path| with_folders(&path)).collect();
        let mut roots: Vec<Root> = settings.into_iter().map(Root::Settings).collect();
        roots.push(Root::Data);
        let mut oids: Vec<String> =
            tablespaces.iter().filter(|t| t.location.is_some()).map(|t| t.oid.to_string()).collect();
        oids.sort();
        roots.extend(oids.iter().filter_map(|oid| oid.parse().ok()).map(Root::Tablespace));
        let followed = FollowedFolders::beside(stored);
        Self { source, roots: roots.into_iter(), folders: Vec::new(), followed, tablespace_places }
    }

    fn begin(&mut self, root: Root) -> Step {
        match root {
            Root::Settings(path) => {
                let place = self.source.place(&path);
                let metadata = fs::metadata(&place).map_err(|error| failure("look at", &place, error))?;
                let is_folder = metadata.is_dir();
                Ok(Some(if is_folder {
                    directory_entry(path, &metadata)
                } else {
                    file_entry(path, &metadata)
                }))
            }
            Root::Data => {
                let place = self.source.options.root.clone();
                let path = StoredPath::new("data").expect("a plain word is a path");
                let metadata = fs::metadata(&place).map_err(|error| failure("look at", &place, error))?;
                self.enter(place, path, Vec::new(), FolderRule::Copy, &metadata)
            }
            Root::Tablespace(oid) => self.begin_tablespace(oid),
        }
    }

    /// The tablespace's folder is stored with the one subfolder that is this server's own; others belong to other
    /// clusters or versions.
    fn begin_tablespace(&mut self, oid: u32) -> Step {
        let link = self.source.options.root.join(format!("pg_tblspc/{oid}"));
        let path = StoredPath::new(format!("tablespace/{oid}")).expect("digits are a path");
        let metadata = match fs::metadata(&link) {
            Ok(metadata) => metadata,
            // Dropped meanwhile, link and all; a link to nowhere is a tablespace that cannot be read.
            Err(error) if is_gone(&error) && fs::symlink_metadata(&link).is_err() => return Ok(None),
            Err(error) => return Err(failure("look at the tablespace", &link, error)),
        };
        let relative = format!("pg_tblspc/{oid}").into_bytes();
        let mut names = Names::default();
        names.push(self.source.options.tablespace_folder.as_bytes());
        let entry = directory_entry(path.clone(), &metadata);
        self.folders.push(Folder {
            place: link,
            stored: path,
            relative,
            names,
            unlogged: HashSet::new(),
            rule: FolderRule::Copy,
        });
        Ok(Some(entry))
    }

    /// Makes the entry of a folder, and goes on inside of it.
    fn enter(
        &mut self,
        place: PathBuf,
        stored: StoredPath,
        relative: Vec<u8>,
        rule: FolderRule,
        metadata: &Metadata,
    ) -> Step {
        let entry = directory_entry(stored.clone(), metadata);
        if rule == FolderRule::Empty {
            return Ok(Some(entry));
        }
        let listing = match fs::read_dir(&place) {
            Ok(listing) => listing,
            Err(error) if is_gone(&error) && !relative.is_empty() => return Ok(None),
            Err(error) => return Err(failure("list", &place, error)),
        };
        let mut names = Names::default();
        for child in listing {
            match child {
                Ok(child) => names.push(child.file_name().as_bytes()),
                Err(error) if is_gone(&error) && !relative.is_empty() => break,
                Err(error) => return Err(failure("list", &place, error)),
            }
        }
        names.sort();
        let unlogged = unlogged_relations(names.iter());
        self.folders.push(Folder { place, stored, relative, names, unlogged, rule });
        Ok(Some(entry))
    }

    /// The entry for the next name of the innermost folder; `None` when it is left out or gone.
    fn visit(&mut self, name: &[u8]) -> Step {
        let folder = self.folders.last().expect("called with a folder open");
        let place = folder.place.join(name_as_path(name));
        let relative = if folder.relative.is_empty() {
            name.to_vec()
        } else {
            [&folder.relative, b"/".as_slice(), name].concat()
        };
        if folder.rule == FolderRule::Copy && Exclusion::leaves_out(&relative, &folder.unlogged) {
            return Ok(None);
        }
        let stored = folder.stored.join(name).map_err(|error| {
            failure("name", &place, std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
        })?;
        let (skeleton, in_tablespaces) =
            (folder.rule == FolderRule::Skeleton, folder.relative == b"pg_tblspc");
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(failure("look at", &place, error)),
        };
        if skeleton {
            return Ok(metadata.is_dir().then(|| directory_entry(stored, &metadata)));
        }
        if metadata.is_dir() {
            return self.visit_folder(place, stored, relative, &metadata);
        }
        if metadata.is_file() {
            return Ok(Some(file_entry(stored, &metadata)));
        }
        if !metadata.is_symlink() {
            self.source.warn(format!("{} is neither file nor folder; it was not copied", place.display()));
            return Ok(None);
        }
        if in_tablespaces && tablespace_oid(name).is_some() {
            return Ok(None);
        }
        self.visit_link(place, stored, relative, &metadata)
    }

    fn visit_folder(
        &mut self,
        place: PathBuf,
        stored: StoredPath,
        relative: Vec<u8>,
        metadata: &Metadata,
    ) -> Step {
        let rule = self.source.options.exclusion.folder(&relative);
        // A tablespace may lie within the data directory, unwise as that is; it is stored as a tablespace.
        let in_place = relative.starts_with(b"pg_tblspc/");
        let is_tablespace = !self.tablespace_places.is_empty()
            && !in_place
            && place.canonicalize().is_ok_and(|canonical| self.tablespace_places.contains(&canonical));
        if rule == FolderRule::Skip || is_tablespace {
            return Ok(None);
        }
        self.enter(place, stored, relative, rule, metadata)
    }

    fn visit_link(&mut self, place: PathBuf, stored: StoredPath, relative: Vec<u8>, link: &Metadata) -> Step {
        let rule = self.source.options.exclusion.folder(&relative);
        if rule != FolderRule::Copy {
            // `pg_wal` on another disk, or statistics in memory: the folder is needed, its content is not.
            return match fs::metadata(&place) {
                Ok(metadata) if rule != FolderRule::Skip => {
                    self.enter(place, stored, relative, rule, &metadata)
                }
                Ok(_) => Ok(None),
                Err(error) => Err(failure("follow the link", &place, error)),
            };
        }
        match self.followed.follow(&place)? {
            Destination::File(metadata) => Ok(Some(file_entry(stored, &metadata))),
            Destination::Folder(metadata) => {
                self.source.warn(format!(
                    "{} is a link to another folder; a restore makes it a folder of its own",
                    place.display()
                ));
                self.enter(place, stored, relative, rule, &metadata)
            }
            Destination::Nowhere { target } => {
                self.source
                    .warn(format!("{} is a link that leads nowhere; it is kept as it is", place.display()));
                Ok(Some(entry(stored, EntryKind::Symlink { target }, link)))
            }
            Destination::Special => {
                self.source
                    .warn(format!("{} leads to no file or folder; it was not copied", place.display()));
                Ok(None)
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<SourceEntry, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let step = if let Some(folder) = self.folders.last_mut() {
                let Some(name) = folder.names.take_next() else {
                    self.folders.pop();
                    continue;
                };
                self.visit(&name)
            } else {
                let root = self.roots.next()?;
                self.begin(root)
            };
            match step {
                Ok(Some(entry)) => return Some(Ok(entry)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A path and all folders on the way to it.
fn with_folders(path: &StoredPath) -> Vec<StoredPath> {
    let bytes = path.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    ends.chain([bytes.len()]).filter_map(|end| StoredPath::new(&bytes[..end]).ok()).collect()
}

fn file_entry(path: StoredPath, metadata: &Metadata) -> SourceEntry {
    entry(path, EntryKind::File { bytes: metadata.len() }, metadata)
}

fn directory_entry(path: StoredPath, metadata: &Metadata) -> SourceEntry {
    entry(path, EntryKind::Directory, metadata)
}

fn entry(path: StoredPath, kind: EntryKind, metadata: &Metadata) -> SourceEntry {
    SourceEntry { path, kind, mode: metadata.mode() & 0o7777, owner: metadata.uid(), group: metadata.gid() }
}
