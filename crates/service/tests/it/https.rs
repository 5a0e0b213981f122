//! The API over TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use service::ServerLimits;
use testkit::tls::{CertificateAuthority, ServerCertificate};

use crate::client::{Client, Reply, bytes_of, connect, exchange, fresh_nonce, now, read_reply};
use crate::harness::{Harness, PATIENCE};

type Secure = StreamOwned<ClientConnection, TcpStream>;

fn put(harness: &Harness, certificate: &ServerCertificate) {
    let folder = harness.home.path();
    std::fs::write(folder.join("cert.pem"), &certificate.certificate_pem).unwrap();
    std::fs::write(folder.join("key.pem"), &certificate.key_pem).unwrap();
}

/// A service that speaks HTTPS.
fn started(ca: &CertificateAuthority, limits: ServerLimits) -> Harness {
    let harness = Harness::stopped();
    put(&harness, &ca.issue(&["127.0.0.1"]).unwrap());
    let path = |name: &str| harness.home.path().join(name).display().to_string();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let mut harness = harness.with_setting("tls_cert", &certificate).with_setting("tls_key", &key);
    harness.limits = limits;
    harness.start();
    harness
}

fn config(
    ca: &CertificateAuthority,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn secure(client: &Client, config: Arc<ClientConfig>) -> Secure {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), connect(client.address))
}

fn call(client: &Client, config: Arc<ClientConfig>, action: &str, query: &[(&str, &str)]) -> Reply {
    let mut stream = secure(client, config);
    stream.write_all(&bytes_of(&client.sign(action, query, &[], &fresh_nonce(), now()))).unwrap();
    read_reply(&mut stream)
}

#[test]
fn calls_are_answered_over_tls_and_links_lead_to_https() {
    let ca = CertificateAuthority::new().unwrap();
    let harness = started(&ca, ServerLimits::default());
    let client = harness.client();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = config(&ca, &[version]);
        call(&client, Arc::clone(&config), "DescribeRegions", &[]).expect_success();
        let refused = call(&client, config, "DescribeBackups", &[("DBInstanceId", "absent")]);
        refused.expect_error(404, "InvalidDBInstanceId.NotFound");
        let recommend = refused.json()["Recommend"].as_str().unwrap().to_owned();
        assert!(recommend.starts_with(&format!("https://{}/console/", client.address)), "{recommend}");
    }
    // More than one call over a connection, and a refusal that hyper would leave empty.
    let mut stream = secure(&client, config(&ca, rustls::ALL_VERSIONS));
    for _ in 0..3 {
        let signed = client.sign("DescribeRegions", &[], &[], &fresh_nonce(), now());
        stream.write_all(&bytes_of(&signed)).unwrap();
        read_reply(&mut stream).expect_success();
    }
    stream.write_all(b"nonsense\r\n\r\n").unwrap();
    read_reply(&mut stream).expect_error(400, "InvalidRequest.Malformed");
}

#[test]
fn plain_http_is_told_to_come_by_https() {
    let ca = CertificateAuthority::new().unwrap();
    let harness = started(&ca, ServerLimits::default());
    let client = harness.client();
    client.call("DescribeRegions", &[]).expect_error(400, "InvalidProtocol.NeedSsl");
    exchange(client.address, b"GET /healthz HTTP/1.0\r\n\r\n").expect_error(400, "InvalidProtocol.NeedSsl");
}

#[test]
fn a_client_that_never_shakes_hands_is_let_go_and_takes_no_place() {
    let ca = CertificateAuthority::new().unwrap();
    let handshake_timeout = Duration::from_millis(300);
    let harness =
        started(&ca, ServerLimits { handshake_timeout, connections_max: 2, ..ServerLimits::default() });
    let client = harness.client();
    let mut silent: Vec<TcpStream> = (0..2).map(|_| connect(client.address)).collect();
    silent[1].write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    for stream in &mut silent {
        let mut rest = Vec::new();
        // Closed or reset; in any case before the test's own timeout.
        let _ = stream.read_to_end(&mut rest);
    }
    let config = config(&ca, rustls::ALL_VERSIONS);
    call(&client, config, "DescribeRegions", &[]).expect_success();
}

#[test]
fn a_new_certificate_is_used_without_a_restart() {
    let (old, new) = (CertificateAuthority::new().unwrap(), CertificateAuthority::new().unwrap());
    let harness = started(&old, ServerLimits::default());
    let client = harness.client();
    let mut open = secure(&client, config(&old, rustls::ALL_VERSIONS));
    let ask = |stream: &mut Secure| {
        stream.write_all(&bytes_of(&client.sign("DescribeRegions", &[], &[], &fresh_nonce(), now())))?;
        Ok::<_, std::io::Error>(read_reply(stream))
    };
    ask(&mut open).unwrap().expect_success();
    put(&harness, &new.issue(&["127.0.0.1"]).unwrap());
    testkit::process::wait_until("the new certificate", PATIENCE, || {
        ask(&mut secure(&client, config(&new, rustls::ALL_VERSIONS))).is_ok()
    })
    .unwrap();
    ask(&mut secure(&client, config(&old, rustls::ALL_VERSIONS))).unwrap_err();
    ask(&mut open).unwrap().expect_success();
}
