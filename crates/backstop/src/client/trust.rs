//! Whose certificates a client over HTTPS takes for good.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::command_line::Everywhere;
use crate::home;

/// Where systems keep the CAs that they trust: Debian and its kin, Red Hat and its kin, Alpine.
const SYSTEM_FILES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Trusts the CAs of `--ca-file` or `BACKSTOP_CA_FILE`, else those of `SSL_CERT_FILE`, else the system's.
///
/// # Errors
/// The file cannot be read or holds no certificate; there is none.
pub(super) fn tls_config(everywhere: &Everywhere) -> anyhow::Result<TlsConfig> {
    let named = everywhere.ca_file.clone();
    let named =
        named.or_else(|| home::variable("SSL_CERT_FILE").filter(|f| !f.is_empty()).map(PathBuf::from));
    let system = || SYSTEM_FILES.iter().map(PathBuf::from).find(|file| file.exists());
    let Some(file) = named.or_else(system) else {
        bail!(
            "this system has no list of CAs; name the CA of the service with --ca-file or BACKSTOP_CA_FILE"
        );
    };
    let doing = || format!("read the CA certificates of {}", file.display());
    let roots = read_roots(&file).with_context(doing)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider);
    Ok(builder.build())
}

fn read_roots(file: &Path) -> anyhow::Result<RootCerts> {
    let pem = std::fs::read(file)?;
    let mut roots = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item? {
            roots.push(certificate);
        }
    }
    if roots.is_empty() {
        bail!("it holds no certificate in PEM");
    }
    Ok(RootCerts::from(roots))
}
