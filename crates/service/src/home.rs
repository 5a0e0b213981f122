//! The home: the folder that holds what belongs to this installation.
//!
//! ```text
//! backstop.toml            configuration
//! catalog.sqlite           the embedded catalog, unless another is configured
//! repository/              the default repository
//! keys/repository.key      wraps the repository's data keys; whoever loses it loses the backups
//! keys/repository.exported a mark that the key was copied away
//! keys/secrets.key         seals the passwords and access keys in the catalog
//! access.json              the access key that this home's own commands use
//! node                     name under which this node holds leases
//! lock                     held exclusively by `serve`, as is `catalog.sqlite-lock`; its process and where it listens
//! ```
//!
//! Folders are 0700, files 0600. Whatever is written is durable, and whole or absent.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use blobstore::durable;
use catalog::LeaseOwner;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::Error;

/// A home, by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

/// Proof that no other process serves the home. The lock goes with the process, however it ends.
#[derive(Debug)]
pub struct HomeLock {
    path: PathBuf,
    file: File,
}

/// Proof that no other process serves from the embedded catalog, whichever home that one has.
#[derive(Debug)]
pub(crate) struct CatalogLock {
    _file: File,
}

/// An access key as `access.json` has it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct HomeAccessKey {
    /// The key's id.
    pub access_key_id: String,
    /// The key's secret.
    pub access_key_secret: String,
}

impl std::fmt::Debug for HomeAccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HomeAccessKey({}, [redacted])", self.access_key_id)
    }
}

impl Home {
    /// An existing home.
    ///
    /// # Errors
    /// There is no configuration in it → [`Error::NoHome`].
    pub fn open(root: &Path) -> Result<Self, Error> {
        let home = Self::at(root)?;
        if home.configuration().is_file() { Ok(home) } else { Err(Error::NoHome(home.root)) }
    }

    /// The folder, made if need be, whether or not it is a home yet.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(root: &Path) -> Result<Self, Error> {
        let home = Self::at(root)?;
        for folder in [home.root.clone(), home.keys()] {
            durable::create_dir_all_durable(&folder).map_err(Error::file("create", &folder))?;
        }
        Ok(home)
    }

    fn at(root: &Path) -> Result<Self, Error> {
        let root = std::path::absolute(root).map_err(Error::file("find", root))?;
        Ok(Self { root })
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// `backstop.toml`.
    pub fn configuration(&self) -> PathBuf {
        self.root.join("backstop.toml")
    }

    /// Address of the embedded catalog.
    pub fn catalog_url(&self) -> String {
        format!("sqlite://{}", self.root.join("catalog.sqlite").display())
    }

    /// Address of the default repository.
    pub fn repository_url(&self) -> String {
        format!("file://{}", self.root.join("repository").display())
    }

    /// The folder of keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The file whose secret wraps the repository's data keys.
    pub fn repository_key(&self) -> PathBuf {
        self.keys().join("repository.key")
    }

    /// The file whose key seals the secrets in the catalog.
    pub fn secrets_key(&self) -> PathBuf {
        self.keys().join("secrets.key")
    }

    fn exported_mark(&self) -> PathBuf {
        self.keys().join("repository.exported")
    }

    /// The file with the home's own access key.
    pub fn access_file(&self) -> PathBuf {
        self.root.join("access.json")
    }

    /// The home's own access key, `None` before `init` made one.
    ///
    /// # Errors
    /// The file cannot be read, or is not one.
    pub fn access_key(&self) -> Result<Option<HomeAccessKey>, Error> {
        let path = self.access_file();
        let Some(text) = read_optional(&path)? else { return Ok(None) };
        let parsed = serde_json::from_str(&text).map_err(io::Error::from);
        parsed.map(Some).map_err(Error::file("read", path))
    }

    /// Stores the home's own access key.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put_access_key(&self, key: &HomeAccessKey) -> Result<(), Error> {
        let path = self.access_file();
        let mut text = Zeroizing::new(serde_json::to_vec_pretty(key).expect("two texts are always JSON"));
        text.push(b'\n');
        durable::replace_file(&path, &text).map_err(Error::file("write", path))
    }

    /// Whether the repository's key was copied away from this home.
    pub fn is_key_exported(&self) -> bool {
        self.exported_mark().exists()
    }

    /// Notes that the repository's key was copied away.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn mark_key_exported(&self) -> Result<(), Error> {
        let path = self.exported_mark();
        durable::replace_file(&path, b"").map_err(Error::file("write", path))
    }

    /// The name under which this node holds leases, drawn once.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn lease_owner(&self) -> Result<LeaseOwner, Error> {
        let path = self.root.join("node");
        if let Some(name) = read_optional(&path)? {
            return Ok(LeaseOwner::new(name.trim()));
        }
        let random =
            getrandom::u64().map_err(|e| Error::System("draw a name for this node", io::Error::other(e)))?;
        let name = format!("node-{random:016x}");
        durable::write_new_file(&path, format!("{name}\n").as_bytes())
            .map_err(Error::file("write", &path))?;
        Ok(LeaseOwner::new(name))
    }

    /// Takes the home for this process alone.
    ///
    /// # Errors
    /// Another process has it → [`Error::HomeInUse`].
    pub fn lock(&self) -> Result<HomeLock, Error> {
        let path = self.lock_path();
        Ok(HomeLock { file: lock_file(&path, &self.root)?, path })
    }

    /// Where the home's service listens: a URL such as `http://127.0.0.1:8086`. `None` when it does not answer the API,
    /// only starts, or was stopped; of one that died, where it listened.
    pub fn listens_at(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.lock_path()).ok()?;
        text.lines().nth(1).map(str::to_owned)
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What of the home others than its owner may read or write; nothing should be.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn open_to_others(&self) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        let mut paths = vec![self.root.clone(), self.keys()];
        for folder in [self.root.clone(), self.keys()] {
            for entry in std::fs::read_dir(&folder).map_err(Error::file("list", &folder))? {
                paths.push(entry.map_err(Error::file("list", &folder))?.path());
            }
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            let metadata = std::fs::symlink_metadata(&path).map_err(Error::file("look at", &path))?;
            if !metadata.is_symlink() && metadata.permissions().mode() & 0o077 != 0 {
                found.push(path);
            }
        }
        Ok(found)
    }
}

impl HomeLock {
    /// Notes where the service listens, for the home's own commands.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn note_listening(&mut self, url: &str) -> Result<(), Error> {
        self.write(&format!("{}\n{url}\n", std::process::id()))
    }

    /// Notes that it does no longer.
    ///
    /// # Errors
    /// As [`HomeLock::note_listening`].
    pub(crate) fn note_stopped(&mut self) -> Result<(), Error> {
        self.write(&format!("{}\n", std::process::id()))
    }

    fn write(&mut self, text: &str) -> Result<(), Error> {
        write_lock(&mut self.file, text).map_err(Error::file("write", &self.path))
    }
}

/// Takes an embedded catalog for this process alone; `None` for one that nodes share. The home's own lock is
/// not enough: another home may be configured with the same file.
///
/// # Errors
/// Another process has it → [`Error::HomeInUse`].
pub(crate) fn lock_embedded_catalog(url: &str) -> Result<Option<CatalogLock>, Error> {
    let Some(path) = url.strip_prefix("sqlite://") else { return Ok(None) };
    let lock = lock_file(Path::new(&format!("{path}-lock")), Path::new(path))?;
    Ok(Some(CatalogLock { _file: lock }))
}

/// Locks a file that stands for `subject`, and leaves this process's number in it.
fn lock_file(path: &Path, subject: &Path) -> Result<File, Error> {
    let options =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let mut file = options.map_err(Error::file("open", path))?;
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut text = String::new();
        let read = file.read_to_string(&mut text);
        let process = read.ok().and_then(|_| text.lines().next()?.parse().ok());
        return Err(Error::HomeInUse { path: subject.to_owned(), process });
    }
    write_lock(&mut file, &format!("{}\n", std::process::id())).map_err(Error::file("write", path))?;
    Ok(file)
}

fn write_lock(file: &mut File, text: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())
}

/// A file's text, `None` when there is none.
pub(crate) fn read_optional(path: &Path) -> Result<Option<Zeroizing<String>>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_served_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(&folder.path().join("home")).unwrap();
        let lock = home.lock().unwrap();
        match home.lock() {
            Err(Error::HomeInUse { process, .. }) => assert_eq!(process, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(lock);
        home.lock().unwrap();
    }

    #[test]
    fn commands_find_where_the_service_listens() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(&folder.path().join("home")).unwrap();
        assert_eq!(home.listens_at(), None);
        let mut lock = home.lock().unwrap();
        assert_eq!(home.listens_at(), None, "it only starts");
        lock.note_listening("http://127.0.0.1:8086").unwrap();
        assert_eq!(home.listens_at().as_deref(), Some("http://127.0.0.1:8086"));
        let Err(Error::HomeInUse { process, .. }) = home.lock() else { panic!("it was locked twice") };
        assert_eq!(process, Some(std::process::id()));
        lock.note_stopped().unwrap();
        assert_eq!(home.listens_at(), None);
    }

    #[test]
    fn an_embedded_catalog_is_served_by_one_home_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("catalog.sqlite").display());
        let lock = lock_embedded_catalog(&url).unwrap();
        assert!(lock.is_some() && matches!(lock_embedded_catalog(&url), Err(Error::HomeInUse { .. })));
        drop(lock);
        lock_embedded_catalog(&url).unwrap();
        assert!(lock_embedded_catalog("postgres://db/backstop").unwrap().is_none());
    }

    #[test]
    fn a_node_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(folder.path()).unwrap();
        assert_eq!(home.lease_owner().unwrap(), home.lease_owner().unwrap());
    }

    #[test]
    fn what_others_can_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(&folder.path().join("home")).unwrap();
        let key = HomeAccessKey { access_key_id: "id".to_owned(), access_key_secret: "secret".to_owned() };
        home.put_access_key(&key).unwrap();
        assert_eq!(home.access_key().unwrap(), Some(key));
        assert_eq!(home.open_to_others().unwrap(), Vec::<PathBuf>::new());
        std::fs::set_permissions(home.access_file(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(home.open_to_others().unwrap(), [home.access_file()]);
    }
}
