//! HTTPS: the certificate that the service shows, read again when its files change.
//!
//! - A new pair counts once it is read whole and its halves fit each other; until then, and when they do not, the one
//!   before stays in use and the log says why.
//! - The files are looked at every few seconds, and at once on SIGHUP: whatever renews certificates need not know us.
//! - TLS 1.2 at least, by rustls; connections that are open go on as they began.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::error_chain::error_chain;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where certificate and key lie, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to its CA.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read, or is not PEM.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// Certificate and key are not for each other, or of a kind that is not served.
    #[error("use the certificate {} with the key {}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
}

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
    /// The files as they were when they were last read.
    seen: Mutex<[Option<Stamp>; 2]>,
}

/// What tells a file from what it was: its place on the disk, its length, and when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Tls {
    /// # Errors
    /// The files cannot be read, or their contents cannot be used → [`Error::Certificate`].
    pub(crate) fn load(files: TlsFiles) -> Result<Self, Error> {
        let seen = files.stamps();
        let config = files.read()?;
        Ok(Self { files, config: RwLock::new(Arc::new(config)), seen: Mutex::new(seen) })
    }

    /// For a new connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&config))
    }

    /// Reads the files again if they are not what they were, or in any case.
    fn refresh(&self, in_any_case: bool) {
        let stamps = self.files.stamps();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == stamps && !in_any_case {
            return;
        }
        *seen = stamps;
        let certificate = self.files.certificate.display();
        match self.files.read() {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!(%certificate, "certificate read again");
            }
            Err(error) => {
                tracing::error!(%certificate, "the certificate before stays in use: {}", error_chain(&error));
            }
        }
    }

    /// Looks at the files until the service ends.
    pub(crate) async fn watch(self: Arc<Self>, ending: CancellationToken) -> Result<(), Error> {
        let hangup = signal(SignalKind::hangup());
        let mut hangup = hangup.map_err(|error| Error::System("watch for SIGHUP", error))?;
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            let in_any_case = tokio::select! {
                _ = every.tick() => false,
                _ = hangup.recv() => true,
                () = ending.cancelled() => return Ok(()),
            };
            let tls = Arc::clone(&self);
            let look = tokio::task::spawn_blocking(move || tls.refresh(in_any_case));
            if let Err(error) = look.await {
                tracing::error!("look at the certificate's files: {error}");
            }
        }
    }
}

impl TlsFiles {
    /// Whether they can be used.
    ///
    /// # Errors
    /// They cannot be read, or do not fit each other.
    pub(crate) fn check(&self) -> Result<(), CertificateError> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<ServerConfig, CertificateError> {
        let Self { certificate, key } = self;
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| CertificateError::Read { path, source }
        };
        let chain = CertificateDer::pem_file_iter(certificate).map_err(unreadable(certificate))?;
        let chain: Vec<CertificateDer<'static>> =
            chain.collect::<Result<_, _>>().map_err(unreadable(certificate))?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate(certificate.clone()));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
        let unusable = |source| CertificateError::Unusable {
            certificate: certificate.clone(),
            key: key.clone(),
            source,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(unusable)?;
        let mut config = builder.with_no_client_auth().with_single_cert(chain, private).map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.certificate, &self.key].map(|path| Stamp::of(path))
    }
}

impl Stamp {
    /// `None` while there is no such file.
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { inode: metadata.ino(), bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use testkit::tls::{CertificateAuthority, ServerCertificate};

    use super::*;

    fn write(folder: &Path, certificate: &ServerCertificate) -> TlsFiles {
        let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.certificate, &certificate.certificate_pem).unwrap();
        std::fs::write(&files.key, &certificate.key_pem).unwrap();
        files
    }

    fn current(tls: &Tls) -> Arc<ServerConfig> {
        Arc::clone(&tls.config.read().unwrap())
    }

    #[test]
    fn a_good_new_pair_counts_and_a_bad_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::new().unwrap();
        let [first, second] = ["127.0.0.1", "127.0.0.1"].map(|name| ca.issue(&[name]).unwrap());
        let tls = Tls::load(write(folder.path(), &first)).unwrap();
        let before = current(&tls);
        tls.refresh(false);
        assert!(Arc::ptr_eq(&before, &current(&tls)), "nothing changed");

        // Half of a renewal: the halves do not fit.
        std::fs::write(folder.path().join("cert.pem"), &second.certificate_pem).unwrap();
        tls.refresh(false);
        assert!(Arc::ptr_eq(&before, &current(&tls)));
        std::fs::remove_dir_all(folder.path()).unwrap();
        tls.refresh(true);
        assert!(Arc::ptr_eq(&before, &current(&tls)));

        std::fs::create_dir(folder.path()).unwrap();
        write(folder.path(), &second);
        tls.refresh(false);
        assert!(!Arc::ptr_eq(&before, &current(&tls)));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_file() {
        #[track_caller]
        fn check(certificate: &str, key: &str, expect: &str) {
            let folder = tempfile::tempdir().unwrap();
            let pair = ServerCertificate { certificate_pem: certificate.to_owned(), key_pem: key.to_owned() };
            let error = Tls::load(write(folder.path(), &pair)).unwrap_err();
            assert!(error_chain(&error).contains(expect), "{}", error_chain(&error));
        }
        let ca = CertificateAuthority::new().unwrap();
        let [first, second] = ["a.example", "b.example"].map(|name| ca.issue(&[name]).unwrap());
        check("", &first.key_pem, "cert.pem holds no certificate");
        check(&first.certificate_pem, "", "read ");
        check(&first.certificate_pem, &second.key_pem, "use the certificate ");
    }
}
