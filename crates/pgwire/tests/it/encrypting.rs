//! TLS in every mode, with right and wrong certificates.

use pgwire::{AuthenticationMethod, ConnectOptions, Connection, Error, Host, Retry, SqlState, SslMode};
use testkit::postgres::{Cluster, Installation};
use testkit::tls::{CertificateAuthority, ServerCertificate, self_signed};

use crate::servers::{by_tcp, code, connect};

fn authority() -> CertificateAuthority {
    CertificateAuthority::new().expect("made")
}

fn cluster_of(installation: &Installation, certificate: &ServerCertificate) -> Cluster {
    let cluster = Cluster::builder(installation)
        .tls(certificate)
        .hba("hostssl all app 127.0.0.1/32 scram-sha-256")
        .hba("hostssl all clear 127.0.0.1/32 password")
        .start()
        .expect("starts");
    cluster
        .psql("CREATE ROLE app LOGIN PASSWORD 'secret'; CREATE ROLE clear LOGIN PASSWORD 'secret'")
        .expect("made");
    cluster
}

fn cluster(certificate: &ServerCertificate) -> Cluster {
    cluster_of(&crate::servers::installation(), certificate)
}

fn options(cluster: &Cluster, mode: SslMode, ca_pem: Option<&str>) -> ConnectOptions {
    let mut options = by_tcp(cluster, "app", "secret");
    options.ssl_mode = mode;
    options.ca_pem = ca_pem.map(str::to_owned);
    options
}

#[track_caller]
fn refused_by_tls(options: &ConnectOptions) {
    let error = Connection::connect(options).expect_err("refused");
    assert_eq!(error.retry(), Retry::AfterOperator);
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
}

#[test]
fn verify_full_binds_scram_to_the_certificate_on_every_version() {
    for installation in Installation::available() {
        let authority = authority();
        let cluster =
            cluster_of(&installation, &authority.issue(&["localhost", "127.0.0.1"]).expect("issued"));
        for host in ["127.0.0.1", "localhost"] {
            let mut options = options(&cluster, SslMode::VerifyFull, Some(authority.pem()));
            options.host = Host::Tcp(host.to_owned());
            let mut connection = connect(&options);
            assert!(connection.is_encrypted());
            assert_eq!(connection.authentication(), AuthenticationMethod::ScramPlus);
            let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            let set = connection.query_one_set(sql).expect("answers");
            assert!(set.one().expect("one").get::<bool>("ssl").expect("truth"));
            options.password = Some(pgwire::Password::new("wrong"));
            assert_eq!(code(Connection::connect(&options)), SqlState::INVALID_PASSWORD);
        }
    }
}

#[test]
fn scram_is_bound_by_the_hash_of_the_certificates_own_signature() {
    let authority = CertificateAuthority::with_sha384().expect("made");
    let cluster = cluster(&authority.issue(&["127.0.0.1"]).expect("issued"));
    let connection = connect(&options(&cluster, SslMode::VerifyFull, Some(authority.pem())));
    assert_eq!(connection.authentication(), AuthenticationMethod::ScramPlus);
}

#[test]
fn a_wrong_authority_is_refused_by_every_verifying_mode() {
    let cluster = cluster(&authority().issue(&["127.0.0.1"]).expect("issued"));
    let other = authority();
    for mode in [SslMode::VerifyFull, SslMode::VerifyCa, SslMode::Require, SslMode::Prefer] {
        refused_by_tls(&options(&cluster, mode, Some(other.pem())));
    }
    // Nor is it signed by one of the web's.
    refused_by_tls(&options(&cluster, SslMode::VerifyFull, None));
    refused_by_tls(&options(&cluster, SslMode::VerifyCa, None));
    assert!(connect(&options(&cluster, SslMode::Require, None)).is_encrypted());
}

#[test]
fn a_wrong_name_is_refused_by_verify_full_alone() {
    let authority = authority();
    let cluster = cluster(&authority.issue(&["db.example", "127.0.0.2"]).expect("issued"));
    refused_by_tls(&options(&cluster, SslMode::VerifyFull, Some(authority.pem())));
    for mode in [SslMode::VerifyCa, SslMode::Require, SslMode::Prefer] {
        assert!(connect(&options(&cluster, mode, Some(authority.pem()))).is_encrypted());
    }
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = authority();
    let cluster = cluster(&authority.issue_expired(&["127.0.0.1"]).expect("issued"));
    refused_by_tls(&options(&cluster, SslMode::VerifyCa, Some(authority.pem())));
    assert!(connect(&options(&cluster, SslMode::Require, None)).is_encrypted());
}

#[test]
fn a_certificate_that_signed_itself_is_trusted_when_it_is_the_one_configured() {
    let certificate = self_signed(&["127.0.0.1"]).expect("made");
    let cluster = cluster(&certificate);
    let connection = connect(&options(&cluster, SslMode::VerifyFull, Some(&certificate.certificate_pem)));
    assert_eq!(connection.authentication(), AuthenticationMethod::ScramPlus);
    let other = self_signed(&["127.0.0.1"]).expect("made");
    refused_by_tls(&options(&cluster, SslMode::VerifyFull, Some(&other.certificate_pem)));
}

#[test]
fn a_signature_without_a_hash_leaves_scram_unbound() {
    let authority = CertificateAuthority::with_ed25519().expect("made");
    let cluster = cluster(&authority.issue(&["127.0.0.1"]).expect("issued"));
    let connection = connect(&options(&cluster, SslMode::VerifyFull, Some(authority.pem())));
    assert_eq!(connection.authentication(), AuthenticationMethod::Scram);
}

#[test]
fn a_clear_password_is_given_to_an_encrypted_connection() {
    let authority = authority();
    let cluster = cluster(&authority.issue(&["127.0.0.1"]).expect("issued"));
    let mut options = options(&cluster, SslMode::VerifyFull, Some(authority.pem()));
    options.user = "clear".to_owned();
    assert_eq!(connect(&options).authentication(), AuthenticationMethod::CleartextPassword);
}

#[test]
fn a_server_without_tls_gets_plain_text_only_by_prefer_and_disable() {
    let cluster = Cluster::builder(&crate::servers::installation())
        .hba("host all app 127.0.0.1/32 scram-sha-256")
        .start()
        .expect("starts");
    cluster.psql("CREATE ROLE app LOGIN PASSWORD 'secret'").expect("made");
    for mode in [SslMode::Prefer, SslMode::Disable] {
        let connection = connect(&options(&cluster, mode, None));
        assert!(!connection.is_encrypted());
        assert_eq!(connection.authentication(), AuthenticationMethod::Scram);
    }
    for mode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        let outcome = Connection::connect(&options(&cluster, mode, None));
        assert!(matches!(outcome, Err(Error::TlsNotOffered { .. })));
    }
}

#[test]
fn disable_is_refused_by_a_server_that_insists() {
    let cluster = cluster(&authority().issue(&["127.0.0.1"]).expect("issued"));
    let outcome = Connection::connect(&options(&cluster, SslMode::Disable, None));
    assert_eq!(code(outcome), SqlState::INVALID_AUTHORIZATION);
}

#[test]
fn broken_ca_certificates_are_refused_before_anything_is_trusted() {
    let cluster = cluster(&authority().issue(&["127.0.0.1"]).expect("issued"));
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let outcome = Connection::connect(&options(&cluster, SslMode::VerifyFull, Some(pem)));
        assert!(matches!(outcome, Err(Error::CaCertificates { .. })), "{pem:?}");
    }
}
