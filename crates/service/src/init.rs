//! `init`: makes a home, its keys, its catalog and its repository, each where there is none. Running it
//! again changes nothing; after a crash it goes on where it was.

mod adopt;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blobstore::durable;
use catalog::{Catalog, Role};
use repository::{KeySecret, Repository};

use crate::access_key::{random_access_key, sealed_for, store};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::home::{Home, HomeAccessKey};
use crate::secret_box::SecretBox;
use crate::storage::{create_store, read_key_file};

/// What `init` is asked for.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// The folder of the home.
    pub home: PathBuf,
    /// Address of the repository; `None`: a folder of the home.
    pub repository: Option<String>,
    /// Address of the catalog; `None`: a file of the home.
    pub catalog: Option<String>,
    /// Make the catalog from a repository that belongs to another one.
    pub adopt: bool,
    /// An access key of the user's choice; `None`: a random one.
    pub access_key: Option<HomeAccessKey>,
}

impl InitOptions {
    /// Everything embedded in `home`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into(), repository: None, catalog: None, adopt: false, access_key: None }
    }
}

/// What `init` did.
#[derive(Debug, Clone)]
pub struct InitReport {
    /// The home.
    pub home: Home,
    /// Address of the repository.
    pub repository: String,
    /// Address of the catalog; it may hold a password.
    pub catalog: String,
    /// The key without which nobody can read any backup.
    pub key_file: PathBuf,
    /// The access key, where it was made by this very call: shown once.
    pub new_access_key: Option<HomeAccessKey>,
    /// Sets taken over from the repository; `None` when nothing was to be adopted.
    pub adopted_sets: Option<usize>,
}

/// Makes a home. `environment` overlays the configuration, as [`Config::load`] has it.
///
/// # Errors
/// See [`Error`]: among them a repository of another catalog, unless [`InitOptions::adopt`] is set.
pub async fn init(
    options: InitOptions,
    environment: impl Fn(&str) -> Option<String>,
    clock: Arc<dyn Clock>,
) -> Result<InitReport, Error> {
    let InitOptions { home, repository, catalog, adopt, access_key } = options;
    let home = Home::create(&home)?;
    write_configuration(&home, repository.as_deref(), catalog.as_deref())?;
    let config = Config::load(&home, environment)?;
    home.lease_owner()?;
    let secrets = SecretBox::open_or_create(&home)?;
    let catalog = Catalog::open(&config.catalog).await?;
    let (repository, foreign) = repository_of(&home, &config, &catalog, clock.now()).await?;
    let adopted_sets = match (foreign, adopt) {
        (false, _) => None,
        (true, true) => Some(adopt::adopt(&catalog, &repository, clock.now()).await?),
        (true, false) => {
            let location = repository.store().location();
            return Err(Error::OfAnotherCatalog { location, catalog: repository.catalog() });
        }
    };
    catalog.bind_repository(repository.id()).await?;
    let new_access_key = access_key_of(&home, &catalog, &secrets, access_key, &*clock).await?;
    Ok(InitReport {
        repository: config.repository,
        catalog: config.catalog,
        key_file: home.repository_key(),
        home,
        new_access_key,
        adopted_sets,
    })
}

/// Writes `backstop.toml` where there is none; refuses addresses that differ from those that it has.
fn write_configuration(home: &Home, repository: Option<&str>, catalog: Option<&str>) -> Result<(), Error> {
    let path = home.configuration();
    if path.exists() {
        // The environment is left out: what counts is what the file will say to the next command.
        let config = Config::load(home, |_| None)?;
        let given = [("repository", repository, &config.repository), ("catalog", catalog, &config.catalog)];
        for (key, given, configured) in given {
            if given.is_some_and(|given| given != configured) {
                let problem =
                    "this home is configured for another; edit the file, or make another home".to_owned();
                return Err(Error::Setting {
                    key: key.to_owned(),
                    origin: path.display().to_string(),
                    problem,
                });
            }
        }
        return Ok(());
    }
    let mut text = String::from(
        "# Backstop's configuration. Every key can also be given in the environment, as BACKSTOP_KEY.\n",
    );
    for (key, meaning) in Config::KEYS {
        let given = match *key {
            "repository" => repository,
            "catalog" => catalog,
            _ => None,
        };
        let line = match given {
            Some(value) => format!("{key} = {}", toml::Value::String(value.to_owned())),
            None => format!("#{key} ="),
        };
        text.extend(["\n# ", meaning, "\n", &line, "\n"]);
    }
    durable::write_new_file(&path, text.as_bytes()).map_err(Error::file("write", path))
}

/// The repository, made where there is none, and whether it belongs to another catalog.
async fn repository_of(
    home: &Home,
    config: &Config,
    catalog: &Catalog,
    now: jiff::Timestamp,
) -> Result<(Repository, bool), Error> {
    let store = create_store(&config.repository)?;
    let Some(identity) = Repository::identify(&*store)? else {
        let secret = new_key_file(&home.repository_key())?;
        return Ok((Repository::create(store, secret, catalog.id(), now)?, false));
    };
    let known =
        identity.catalog() == catalog.id() || catalog.repository().await? == Some(identity.repository());
    // Its own key must be brought along: a new one would open nothing.
    let repository = Repository::open(store, vec![read_key_file(&home.repository_key())?])?;
    Ok((repository, !known))
}

/// The key file, made where there is none.
fn new_key_file(path: &Path) -> Result<KeySecret, Error> {
    if !path.exists() {
        let text = KeySecret::random_file().render_key_file().expect("it is a key file's secret");
        durable::write_new_file(path, text.as_bytes()).map_err(Error::file("write", path))?;
    }
    read_key_file(path)
}

/// Sees that the home has an access key that the catalog knows; answers it when it is new.
async fn access_key_of(
    home: &Home,
    catalog: &Catalog,
    secrets: &SecretBox,
    given: Option<HomeAccessKey>,
    clock: &dyn Clock,
) -> Result<Option<HomeAccessKey>, Error> {
    let kept = home.access_key()?;
    let key = match (&given, &kept) {
        (Some(given), _) => given.clone(),
        (None, Some(kept)) => kept.clone(),
        (None, None) => random_access_key()?,
    };
    if let Some(stored) = catalog.find_access_key(&key.access_key_id).await? {
        let secret = secrets.open_sealed(&sealed_for(&stored.id), &stored.sealed_secret)?;
        if secret.as_slice() != key.access_key_secret.as_bytes() {
            return Err(Error::AccessKeyExists(stored.id));
        }
        if kept.as_ref() != Some(&key) {
            home.put_access_key(&key)?;
        }
        return Ok(None);
    }
    // The file first: a key that only the catalog had could never be shown again.
    if kept.as_ref() != Some(&key) {
        home.put_access_key(&key)?;
    }
    let mut change = catalog.change(clock.now()).await?;
    store(&mut change, secrets, &key, Role::Administrator).await?;
    change.commit().await?;
    Ok(Some(key))
}
