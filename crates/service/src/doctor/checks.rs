//! The single checks.

use std::sync::Arc;
use std::time::Duration;

use blobstore::ObjectKey;
use catalog::{Catalog, Instance, InstanceFilter, Page};
use repository::Repository;

use super::Diagnosis;
use crate::clock::Clock;
use crate::config::Config;
use crate::engines::{Engines, password_of};
use crate::error_chain::error_chain;
use crate::home::Home;
use crate::secret_box::SecretBox;
use crate::tls::TlsFiles;
use engine::Uncontrolled;

/// Most instances that are asked; each may take [`CHECK_TIMEOUT`].
const INSTANCES_MAX: u32 = 100;
/// How long a server may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(15);
/// By how much clocks may differ.
const CLOCK_DIFFERENCE_MAX_SECONDS: u64 = 300;

pub(super) fn home(home: &Home) -> Diagnosis {
    match home.open_to_others() {
        Ok(open) if open.is_empty() => {
            Diagnosis::good("home", format!("{} is its owner's alone", home.path().display()))
        }
        Ok(open) => {
            let paths: Vec<String> = open.iter().map(|path| path.display().to_string()).collect();
            let paths = paths.join(" ");
            let finding = format!("others can read or write: {paths}");
            Diagnosis::problem("home", finding, format!("chmod go-rwx {paths}"))
        }
        Err(error) => Diagnosis::problem("home", error_chain(&error), "run this as the home's owner"),
    }
}

pub(super) fn certificate(files: &TlsFiles) -> Diagnosis {
    match files.check() {
        Ok(()) => {
            let finding = format!("{} and its key can be used", files.certificate.display());
            Diagnosis::good("certificate", finding)
        }
        Err(error) => {
            let remedy = "see that `tls_cert` and `tls_key` name a certificate and its own key, which this user can read";
            Diagnosis::problem("certificate", error_chain(&error), remedy)
        }
    }
}

pub(super) fn repository(repository: &Repository, config: &Config) -> Diagnosis {
    let store = repository.store();
    let location = store.location();
    // Under a name that no object of the format has; gone again at once.
    let name = format!("doctor-{}", repository::AttemptId::random());
    let probe: ObjectKey = name.parse().expect("a plain name");
    if let Err(error) = store.put(&probe, &[b"doctor"]).and_then(|()| store.delete(&probe)) {
        let remedy = "see that the user who runs the service owns the repository, and that there is room";
        return Diagnosis::problem("repository", error_chain(&error), remedy);
    }
    match store.space() {
        Ok(Some(space)) => {
            let floor =
                config.free_space_floor_bytes.unwrap_or_else(|| (1 << 30).max(space.total_bytes / 50));
            if space.free_bytes < floor {
                let finding =
                    format!("{location} has {} bytes free, less than the floor of {floor}", space.free_bytes);
                return Diagnosis::problem(
                    "repository",
                    finding,
                    "free some space or lower `free_space_floor_bytes`",
                );
            }
            Diagnosis::good(
                "repository",
                format!("{location} can be written; {} bytes are free", space.free_bytes),
            )
        }
        Ok(None) => Diagnosis::good("repository", format!("{location} can be written")),
        Err(error) => Diagnosis::problem("repository", error_chain(&error), "see that its disk works"),
    }
}

pub(super) fn clock(repository: &Repository, clock: &dyn Clock) -> Diagnosis {
    let now = clock.now().as_second();
    match repository.store().clock_seconds() {
        Ok(store) => {
            let difference = now.unsigned_abs().abs_diff(store);
            if difference > CLOCK_DIFFERENCE_MAX_SECONDS {
                let finding =
                    format!("the clocks of this machine and of the store differ by {difference} seconds");
                return Diagnosis::problem("clock", finding, "set both by NTP");
            }
            Diagnosis::good("clock", "this machine and the store agree")
        }
        Err(error) => {
            Diagnosis::problem("clock", error_chain(&error), "see that the repository's disk works")
        }
    }
}

pub(super) async fn catalog(catalog: &Catalog, repository: Option<&Repository>) -> Diagnosis {
    match catalog.repository().await {
        Ok(None) => Diagnosis::problem("catalog", "it is tied to no repository", "run `backstop init`"),
        Ok(Some(tied)) if repository.is_some_and(|repository| repository.id() != tied) => {
            let finding = format!("it belongs to another repository: {tied}");
            Diagnosis::problem("catalog", finding, "correct `catalog` or `repository` in the configuration")
        }
        Ok(Some(_)) => Diagnosis::good("catalog", "it answers and belongs to the repository"),
        Err(error) => {
            Diagnosis::problem("catalog", error_chain(&error), "see that the catalog's database works")
        }
    }
}

pub(super) async fn instances(
    catalog: &Catalog,
    secrets: Arc<SecretBox>,
    engines: Arc<dyn Engines>,
) -> Vec<Diagnosis> {
    let page = Page::new(1, INSTANCES_MAX).expect("the first page, of some rows");
    let listed = match catalog.list_instances(&InstanceFilter::default(), page).await {
        Ok(listed) => listed.rows,
        Err(error) => {
            let remedy = "see that the catalog's database works";
            return vec![Diagnosis::problem("catalog", error_chain(&error), remedy)];
        }
    };
    let mut found = Vec::new();
    for instance in listed {
        let subject = format!("instance {}", instance.id);
        let (secrets, engines) = (Arc::clone(&secrets), Arc::clone(&engines));
        let name = subject.clone();
        let work = tokio::task::spawn_blocking(move || instance_check(&name, &instance, &secrets, &*engines));
        let remedy = "see that the server runs and can be reached from here";
        found.extend(match tokio::time::timeout(CHECK_TIMEOUT, work).await {
            Ok(Ok(diagnoses)) => diagnoses,
            Ok(Err(error)) => vec![Diagnosis::problem(&subject, error.to_string(), remedy)],
            Err(_) => vec![Diagnosis::problem(&subject, "the server does not answer", remedy)],
        });
    }
    found
}

fn instance_check(
    subject: &str,
    instance: &Instance,
    secrets: &SecretBox,
    engines: &dyn Engines,
) -> Vec<Diagnosis> {
    let password = match password_of(instance, secrets) {
        Ok(password) => password,
        Err(error) => {
            let remedy = "deregister the instance and register it again with its password";
            return vec![Diagnosis::problem(subject, error_chain(&error), remedy)];
        }
    };
    let engine = match engines.engine_for(instance, password) {
        Ok(engine) => engine,
        Err(error) => {
            return vec![Diagnosis::problem(
                subject,
                error_chain(&error),
                "register it again as it should be",
            )];
        }
    };
    match engine.check(&Uncontrolled) {
        Ok(checked) if checked.findings.is_empty() => {
            vec![Diagnosis::good(subject, format!("version {} can be backed up", checked.server_version))]
        }
        Ok(checked) => {
            let findings = checked.findings.into_iter();
            findings.map(|finding| Diagnosis::problem(subject, finding.problem, finding.remedy)).collect()
        }
        Err(error) => {
            let remedy = "see that the server runs and that host, port, user and password are right";
            vec![Diagnosis::problem(subject, error_chain(&error), remedy)]
        }
    }
}
