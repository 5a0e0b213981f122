//! Certificates for tests: a CA, and servers that it vouches for.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// A certificate authority of one test.
#[derive(Debug)]
pub struct CertificateAuthority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate and its private key, in PEM.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// The certificate, followed by those that lead to the CA if there are any.
    pub certificate_pem: String,
    /// The private key.
    pub key_pem: String,
}

impl CertificateAuthority {
    /// A CA that nobody else knows.
    ///
    /// # Errors
    /// The key cannot be made.
    pub fn new() -> Result<Self> {
        Self::with_key(KeyPair::generate().context("make the CA's key")?)
    }

    /// A CA that signs with SHA-384 instead of SHA-256.
    ///
    /// # Errors
    /// The key cannot be made.
    pub fn with_sha384() -> Result<Self> {
        Self::with_key(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).context("make the CA's key")?)
    }

    /// A CA whose signatures name no hash of their own.
    ///
    /// # Errors
    /// The key cannot be made.
    pub fn with_ed25519() -> Result<Self> {
        Self::with_key(KeyPair::generate_for(&rcgen::PKCS_ED25519).context("make the CA's key")?)
    }

    fn with_key(key: KeyPair) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).context("sign the CA's certificate")?;
        Ok(Self { pem: certificate.pem(), issuer: Issuer::new(params, key) })
    }

    /// The CA's certificate, which clients are given.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server with these names or IP addresses.
    ///
    /// # Errors
    /// A name is not one, or the key cannot be made.
    pub fn issue(&self, names: &[&str]) -> Result<ServerCertificate> {
        self.sign(server_params(names)?)
    }

    /// As [`CertificateAuthority::issue`], but it expired years ago.
    ///
    /// # Errors
    /// As [`CertificateAuthority::issue`].
    pub fn issue_expired(&self, names: &[&str]) -> Result<ServerCertificate> {
        let mut params = server_params(names)?;
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<ServerCertificate> {
        params.distinguished_name.push(DnType::CommonName, "test server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().context("make the server's key")?;
        let certificate = params.signed_by(&key, &self.issuer).context("sign the server's certificate")?;
        Ok(ServerCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

/// A certificate that a server signed for itself and that is marked as a CA, as PostgreSQL's documentation makes it.
///
/// # Errors
/// A name is not one, or the key cannot be made.
pub fn self_signed(names: &[&str]) -> Result<ServerCertificate> {
    let mut params = server_params(names)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().context("make the server's key")?;
    let certificate = params.self_signed(&key).context("sign the server's certificate")?;
    Ok(ServerCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
}

fn server_params(names: &[&str]) -> Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).context("name the server")
}
