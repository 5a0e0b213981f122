//! `doctor`: what is wrong with a set-up, and how to mend it. Changes nothing.

mod checks;

use std::path::Path;
use std::sync::Arc;

use catalog::Catalog;

use crate::clock::Clock;
use crate::config::Config;
use crate::engines::Engines;
use crate::error::Error;
use crate::error_chain::error_chain;
use crate::home::Home;
use crate::runner::{KEY_NOT_EXPORTED, warns_of_key};
use crate::secret_box::SecretBox;
use crate::storage::open_local;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Good,
    /// Backups can be made; something should be done all the same.
    Warning,
    /// Something does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// What was looked at: `home`, `configuration`, `repository`, `key`, `catalog`, `clock`, `certificate`, or an instance.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub finding: String,
    /// What to do; empty when nothing is.
    pub remedy: String,
}

impl Diagnosis {
    fn good(subject: &str, finding: impl Into<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            severity: Severity::Good,
            finding: finding.into(),
            remedy: String::new(),
        }
    }

    fn warning(subject: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (finding, remedy) = (finding.into(), remedy.into());
        Self { subject: subject.to_owned(), severity: Severity::Warning, finding, remedy }
    }

    fn problem(subject: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Problem, ..Self::warning(subject, finding, remedy) }
    }
}

/// Looks at everything in a home, whether or not it is served at the moment.
pub async fn diagnose(
    home: &Path,
    environment: impl Fn(&str) -> Option<String>,
    engines: Arc<dyn Engines>,
    clock: Arc<dyn Clock>,
) -> Vec<Diagnosis> {
    let home = match Home::open(home) {
        Ok(home) => home,
        Err(error) => return vec![Diagnosis::problem("home", error_chain(&error), "run `backstop init`")],
    };
    let mut found = vec![checks::home(&home)];
    let config = match Config::load(&home, environment) {
        Ok(config) => config,
        Err(error) => {
            let remedy = format!("correct {}", home.configuration().display());
            found.push(Diagnosis::problem("configuration", error_chain(&error), remedy));
            return found;
        }
    };
    found.push(Diagnosis::good("configuration", format!("{} is valid", home.configuration().display())));
    found.extend(config.tls.as_ref().map(checks::certificate));
    let repository = repository_of(&home, &config, &*clock, &mut found);
    let catalog = match Catalog::open(&config.catalog).await {
        Ok(catalog) => catalog,
        Err(error) => {
            let remedy = "see that the catalog's database runs and that its address is right";
            found.push(Diagnosis::problem("catalog", error_chain(&error), remedy));
            return found;
        }
    };
    found.push(checks::catalog(&catalog, repository.as_ref()).await);
    match SecretBox::open(&home) {
        Ok(secrets) => found.extend(checks::instances(&catalog, Arc::new(secrets), engines).await),
        Err(error) => {
            let remedy =
                "restore keys/secrets.key from a copy of the home; without it, passwords must be given anew";
            found.push(Diagnosis::problem("key", error_chain(&error), remedy));
        }
    }
    found
}

fn repository_of(
    home: &Home,
    config: &Config,
    clock: &dyn Clock,
    found: &mut Vec<Diagnosis>,
) -> Option<repository::Repository> {
    match open_local(home, config) {
        Ok(repository) => {
            found.push(checks::repository(&repository, config));
            found.push(checks::clock(&repository, clock));
            found.push(if warns_of_key(home, &repository) {
                Diagnosis::warning("key", KEY_NOT_EXPORTED, "backstop key export --to FILE")
            } else {
                Diagnosis::good("key", "the repository's key was copied away, or a second one opens it")
            });
            Some(repository)
        }
        Err(error) => {
            found.push(Diagnosis::problem("repository", error_chain(&error), remedy_of(&error)));
            None
        }
    }
}

fn remedy_of(error: &Error) -> &'static str {
    match error {
        Error::KeyFile { .. } | Error::File { .. } => {
            "bring back keys/repository.key from where it was exported to"
        }
        Error::RepositoryUrl(_) => "correct `repository` in the configuration",
        Error::NoHome(_)
        | Error::HomeInUse { .. }
        | Error::Setting { .. }
        | Error::Configuration { .. }
        | Error::OfAnotherCatalog { .. }
        | Error::NotInitialized { .. }
        | Error::Catalog(_)
        | Error::Repository(_)
        | Error::Sealed { .. }
        | Error::AccessKeyExists(_)
        | Error::Certificate(_)
        | Error::Listen { .. }
        | Error::System(..) => {
            "see that the repository's folder is there, mounted, and belongs to the user who runs this"
        }
    }
}
