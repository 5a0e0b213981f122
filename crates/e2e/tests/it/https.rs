//! HTTPS: the new SDKs, which speak it unless told otherwise, with each way to prove who calls; downloads; renewed certificates.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{Access, Backstop, Restored, Source, Turn, client_driver, difference};
use serde_json::Value;
use testkit::postgres::{Cluster, Installation};
use testkit::process::{run, wait_for};
use testkit::tls::CertificateAuthority;

const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";
const CA: &str = "ca.pem";
const READ_TIMEOUT: Duration = Duration::from_secs(30);

const DRIVERS: [(&str, &str); 2] = [("new_sdk.py", "py-new"), ("new_sdk.js", "node")];

/// Variants of the drivers, and what their key is made with.
const VARIANTS: [(&str, &[&str]); 3] =
    [("https", &[]), ("https-sts", &["--temporary"]), ("https-bearer", &["--bearer"])];

#[test]
fn the_new_sdks_speak_https_with_every_kind_of_key() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    let mut backstop = Backstop::init("https")?;
    secure(&mut backstop, &CertificateAuthority::new()?)?;
    backstop.serve()?;
    backstop.register("orders", &source)?;
    let mut wrong = Vec::new();
    for (variant, options) in VARIANTS {
        let create = [&["accesskey", "create"], options].concat();
        let key = backstop.cli(&create)?.done()?;
        for (driver, interpreter) in DRIVERS {
            if let Err(error) = drive(&backstop, interpreter, driver, variant, &key) {
                wrong.push(format!("{driver} {variant}: {error:#}"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}\n{}", wrong.join("\n"), backstop.log_tail());
    }
    Ok(())
}

/// Gives the service a certificate, and its clients the CA.
fn secure(backstop: &mut Backstop, ca: &CertificateAuthority) -> Result<()> {
    issue(backstop, ca)?;
    for (name, variable) in
        [(CERTIFICATE, "BACKSTOP_TLS_CERT"), (KEY, "BACKSTOP_TLS_KEY"), (CA, "BACKSTOP_CA_FILE")]
    {
        let file = backstop.place(name);
        backstop.set(variable, file.to_str().context("UTF-8")?);
    }
    Ok(())
}

/// Writes a new certificate over the one before, as whatever renews them does.
fn issue(backstop: &Backstop, ca: &CertificateAuthority) -> Result<()> {
    let certificate = ca.issue(&["127.0.0.1"])?;
    let files =
        [(CERTIFICATE, certificate.certificate_pem.as_str()), (KEY, &certificate.key_pem), (CA, ca.pem())];
    for (name, pem) in files {
        std::fs::write(backstop.place(name), pem)?;
    }
    Ok(())
}

#[test]
fn a_set_is_downloaded_over_https_and_a_new_certificate_counts_at_once() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    source.fill(1)?;
    let mut backstop = Backstop::init("https-download")?;
    secure(&mut backstop, &CertificateAuthority::new()?)?;
    backstop.serve()?;
    backstop.register("orders", &source)?;
    backstop.cli(&["backup", "create", "orders", "--wait"])?.done()?;
    let archive = backstop.place("set.tar");
    let bytes = download(&backstop, &archive)?;
    ensure!(newest(&backstop)?["BackupSize"] == bytes, "{bytes} bytes came");
    let data = backstop.place("data");
    std::fs::create_dir(&data)?;
    run(Command::new("tar").arg("xf").arg(&archive).current_dir(&data))?;
    let restored = Restored::start(source.cluster.installation(), &data, &[])?;
    let differences = difference(&source.cluster, &restored)?;
    ensure!(differences.is_empty(), "{differences:?}");

    let read_again = |times: usize| {
        wait_for("the certificate to be read again", READ_TIMEOUT, || {
            Ok((backstop.log().matches("certificate read again").count() >= times).then_some(()))
        })
    };
    // The files are what they were: nothing but the signal has them read.
    backstop.hang_up()?;
    read_again(1)?;
    issue(&backstop, &CertificateAuthority::new()?)?;
    backstop.hang_up()?;
    read_again(2)?;
    // By the new CA alone.
    ensure!(download(&backstop, &backstop.place("again.tar"))? == bytes);
    Ok(())
}

fn newest(backstop: &Backstop) -> Result<Value> {
    let listed = backstop.cli(&["api", "DescribeBackups", "--DBInstanceId", "orders"])?.done()?;
    Ok(listed["Items"]["Backup"][0].clone())
}

/// Downloads the newest set, with a client that trusts the CA and nobody else; answers how many bytes came.
fn download(backstop: &Backstop, file: &Path) -> Result<u64> {
    let row = newest(backstop)?;
    let url = row["BackupDownloadURL"].as_str().context("a link")?;
    ensure!(url.starts_with("https://"), "{url}");
    let fetch = "import shutil, ssl, sys, urllib.request as r; \
        c = ssl.create_default_context(cafile=sys.argv[1]); \
        shutil.copyfileobj(r.urlopen(sys.argv[2], context=c), open(sys.argv[3], 'wb'))";
    run(Command::new("python3").args(["-c", fetch]).arg(backstop.place(CA)).arg(url).arg(file))?;
    Ok(std::fs::metadata(file)?.len())
}

fn drive(backstop: &Backstop, interpreter: &str, driver: &str, variant: &str, key: &Value) -> Result<()> {
    let text = |name: &str| key[name].as_str().unwrap_or("-");
    let mut command = client_driver(interpreter, driver)?;
    let ca = backstop.place(CA);
    command.env("BACKSTOP_CA_FILE", &ca).env("NODE_EXTRA_CA_CERTS", &ca);
    command.env("BACKSTOP_SECURITY_TOKEN", text("SecurityToken"));
    command.env("BACKSTOP_BEARER_TOKEN", text("BearerToken"));
    command.args(["--variant", variant, "--endpoint", backstop.address()?]);
    command.args(["--key", text("AccessKeyId"), "--secret", text("AccessKeySecret")]);
    command.args(["--instance", "orders", "--timeout", "60", "lifecycle"]);
    let output = command.output().context("start the driver")?;
    let line = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("{}{}", line, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
