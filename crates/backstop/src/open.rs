//! Opening a repository without a service: the home's, or one that is named.

use repository::Repository;
use service::Home;

use crate::command_line::{Everywhere, RepositoryAccess};
use crate::failure::WrongUse;
use crate::{home, secret_file};

/// Opens the repository that `--repository` names, else the home's, with the secret that is named, else the
/// home's key.
///
/// # Errors
/// A URL without any secret at hand → `WrongUse`; there is no such repository, or the secret does not open it.
pub(crate) fn repository(everywhere: &Everywhere, access: &RepositoryAccess) -> anyhow::Result<Repository> {
    let RepositoryAccess { repository, key_file, passphrase_file } = access;
    let mut secrets = secret_file::read_all(key_file.as_slice(), passphrase_file.as_slice())?;
    if secrets.is_empty() {
        let home = home::open(everywhere);
        if repository.is_some() && home.is_err() {
            let problem =
                "name what opens the repository: --key-file F or --passphrase-file F (there is no home here)";
            return Err(WrongUse(problem.to_owned()).into());
        }
        secrets.push(service::read_key_file(&home?.repository_key())?);
    }
    let url = match repository {
        Some(url) => url.clone(),
        None => home::config(&home::open(everywhere)?)?.repository,
    };
    Ok(service::open_repository(&url, secrets)?)
}

/// The home's repository, opened with the home's key.
///
/// # Errors
/// It cannot be opened.
pub(crate) fn repository_of(home: &Home) -> anyhow::Result<Repository> {
    Ok(service::open_local(home, &home::config(home)?)?)
}
