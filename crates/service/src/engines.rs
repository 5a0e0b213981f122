//! From a registered instance to the engine that backs it up.

use std::fmt::Debug;
use std::path::PathBuf;

use catalog::{EngineKind, Instance, SslMode};
use engine::{Archive, ArchiveError, BackupEngine};
use engine_postgres::{PostgresEngine, PostgresOptions};
use pgwire::{ConnectOptions, Host, Password};
use repository::OpenSet;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret_box::SecretBox;

/// Makes engines. Another implementation lets a test back up something that is no server.
pub trait Engines: Send + Sync + Debug {
    /// Whether instances of this kind can be backed up by this release.
    fn supports(&self, kind: EngineKind) -> bool;

    /// The engine of an instance; nothing is connected yet.
    ///
    /// # Errors
    /// Not supported, or a setting of the instance is unusable.
    fn engine_for(
        &self,
        instance: &Instance,
        password: Option<Zeroizing<String>>,
    ) -> Result<Box<dyn BackupEngine>, EngineError>;

    /// A set as one archive, for whoever downloads it. Blocks, for the set's file table is read.
    ///
    /// # Errors
    /// No engine makes archives of such sets, or the set cannot be read.
    fn archive(&self, set: &OpenSet) -> Result<Archive, ArchiveError>;
}

/// There is no engine for an instance.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// This release has no engine of that kind.
    #[error("this release does not back up {0}")]
    NotSupported(EngineKind),
    /// A setting of the instance.
    #[error("instance {instance} cannot be used: {problem}")]
    Setting {
        /// The instance.
        instance: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// What an instance's password is sealed for.
pub(crate) fn sealed_for(instance: &str) -> String {
    format!("password of instance {instance}")
}

/// The password of an instance, opened.
///
/// # Errors
/// It was sealed by another home.
pub fn password_of(instance: &Instance, secrets: &SecretBox) -> Result<Option<Zeroizing<String>>, Error> {
    let Some(sealed) = &instance.sealed_password else { return Ok(None) };
    let what = sealed_for(instance.id.as_str());
    let bytes = secrets.open_sealed(&what, sealed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::Sealed { what })?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// The engines of this release.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltInEngines;

impl Engines for BuiltInEngines {
    fn supports(&self, kind: EngineKind) -> bool {
        match kind {
            EngineKind::Postgresql => true,
            EngineKind::Mariadb | EngineKind::Mysql => false,
        }
    }

    fn engine_for(
        &self,
        instance: &Instance,
        password: Option<Zeroizing<String>>,
    ) -> Result<Box<dyn BackupEngine>, EngineError> {
        match instance.engine {
            EngineKind::Postgresql => Ok(Box::new(PostgresEngine::new(postgres_options(instance, password)))),
            EngineKind::Mariadb | EngineKind::Mysql => Err(EngineError::NotSupported(instance.engine)),
        }
    }

    fn archive(&self, set: &OpenSet) -> Result<Archive, ArchiveError> {
        // The set says whose it is, whatever is registered by now.
        engine_postgres::archive_of(set)
    }
}

fn postgres_options(instance: &Instance, password: Option<Zeroizing<String>>) -> PostgresOptions {
    let host = if instance.host.starts_with('/') {
        Host::Socket(PathBuf::from(&instance.host))
    } else {
        Host::Tcp(instance.host.clone())
    };
    let connect = ConnectOptions {
        password: password.map(|password| Password::new(password.as_str())),
        ssl_mode: match instance.ssl_mode {
            SslMode::Disable => pgwire::SslMode::Disable,
            // Encrypting where the server can is more than "allow" asks for.
            SslMode::Allow | SslMode::Prefer => pgwire::SslMode::Prefer,
            SslMode::Require => pgwire::SslMode::Require,
            SslMode::VerifyCa => pgwire::SslMode::VerifyCa,
            SslMode::VerifyFull => pgwire::SslMode::VerifyFull,
        },
        ca_pem: instance.ca_certificate.clone(),
        ..ConnectOptions::new(host, instance.port, instance.user.clone())
    };
    PostgresOptions { connect, data_directory: instance.data_directory.as_ref().map(PathBuf::from) }
}
