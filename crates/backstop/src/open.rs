//! Opening a repository without a service: the home's, or one that is named.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use repository::Repository;
use service::Home;

use crate::command_line::{Everywhere, RepositoryAccess};
use crate::failure::WrongUse;
use crate::{home, secret_file};

/// An open repository.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) repository: Repository,
    /// Directories of ours, in which nothing may be restored: the home, and a repository on a local disk.
    pub(crate) own_directories: Vec<PathBuf>,
    /// Whether it lies on a local disk and is another user's: what this process stored there, that one's service
    /// could not read.
    pub(crate) is_of_another_user: bool,
}

/// What a repository is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To list, verify and restore, with whichever data keys open.
    Read,
    /// To delete from it, for which all must be known.
    Sweep,
}

/// Opens the repository that `--repository` names, else the home's, with the secret that is named, else the
/// home's key.
///
/// # Errors
/// A URL without any secret at hand → `WrongUse`; there is no such repository, or the secret does not open it.
pub(crate) fn repository(
    everywhere: &Everywhere,
    access: &RepositoryAccess,
    purpose: Purpose,
) -> anyhow::Result<Opened> {
    let RepositoryAccess { repository, key_file, passphrase_file } = access;
    let mut secrets = secret_file::read_all(key_file.as_slice(), passphrase_file.as_slice())?;
    let home = home::open(everywhere);
    if repository.is_some() && secrets.is_empty() && home.is_err() {
        let needed =
            "name what opens the repository: --key-file F or --passphrase-file F (there is no home here)";
        return Err(WrongUse(needed.to_owned()).into());
    }
    let mut own_directories: Vec<_> =
        home.as_ref().ok().map(|home| home.path().to_owned()).into_iter().collect();
    let url = match (repository, secrets.is_empty()) {
        (Some(url), false) => url.clone(),
        (named, _) => {
            let home = home?;
            if secrets.is_empty() {
                secrets.push(service::read_key_file(&home.repository_key())?);
            }
            match named {
                Some(url) => url.clone(),
                None => home::config(&home)?.repository,
            }
        }
    };
    let local = service::local_path(&url).ok();
    let owner = local.as_ref().and_then(|path| Some(std::fs::metadata(path).ok()?.uid()));
    let is_of_another_user = owner.is_some_and(|owner| owner != rustix::process::geteuid().as_raw());
    own_directories.extend(local);
    let repository = match purpose {
        Purpose::Read => service::open_repository_to_read(&url, secrets)?,
        Purpose::Sweep => service::open_repository(&url, secrets)?,
    };
    Ok(Opened { repository, own_directories, is_of_another_user })
}

/// The home's repository, opened with the home's key.
///
/// # Errors
/// It cannot be opened.
pub(crate) fn repository_of(home: &Home) -> anyhow::Result<Repository> {
    Ok(service::open_local(home, &home::config(home)?)?)
}
