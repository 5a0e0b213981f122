//! How much of the server's certificate is checked, by libpq's modes.
//!
//! A server certificate that is itself among the configured CA certificates counts as trusted, though it may be marked
//! as a CA: self-signed certificates made as PostgreSQL's documentation shows are of that kind, and libpq takes them.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::{ConnectOptions, Error, SslMode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Chain,
    ChainAndName,
}

#[derive(Debug)]
pub(super) struct Verifier {
    check: Check,
    roots: RootCertStore,
    pinned: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        options: &ConnectOptions,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<Self, Error> {
        let (roots, pinned) = match &options.ca_pem {
            Some(pem) => read_pem(pem)?,
            None => (RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, Vec::new()),
        };
        let check = match options.ssl_mode {
            SslMode::Disable | SslMode::Prefer | SslMode::Require if options.ca_pem.is_none() => {
                Check::Nothing
            }
            SslMode::Disable | SslMode::Prefer | SslMode::Require | SslMode::VerifyCa => Check::Chain,
            SslMode::VerifyFull => Check::ChainAndName,
        };
        Ok(Self { check, roots, pinned, algorithms })
    }

    fn check_chain(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let algorithms = self.algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(parsed, &self.roots, intermediates, now, algorithms) {
            // The period of validity is checked before this error can arise.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(reason)))
                if reason.to_string() == "CaUsedAsEndEntity" && self.pinned.contains(certificate) =>
            {
                Ok(())
            }
            outcome => outcome,
        }
    }
}

fn read_pem(pem: &str) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Error> {
    let broken = |problem: String| Error::CaCertificates { problem };
    let pinned: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|source| broken(source.to_string()))?;
    if pinned.is_empty() {
        return Err(broken("there is no certificate in them".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &pinned {
        roots.add(certificate.clone()).map_err(|source| broken(source.to_string()))?;
    }
    Ok((roots, pinned))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.check == Check::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        self.check_chain(end_entity, &parsed, intermediates, now)?;
        if self.check == Check::ChainAndName {
            verify_server_name(&parsed, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
