//! The new SDKs, which speak HTTPS unless told otherwise, with each way to prove who calls.

use anyhow::{Context, Result, bail};
use e2e::{Access, Backstop, Source, Turn, client_driver};
use serde_json::Value;
use testkit::postgres::{Cluster, Installation};
use testkit::tls::CertificateAuthority;

const DRIVERS: [(&str, &str); 2] = [("new_sdk.py", "py-new"), ("new_sdk.js", "node")];

/// Variants of the drivers, and what their key is made with.
const VARIANTS: [(&str, &[&str]); 3] =
    [("https", &[]), ("https-sts", &["--temporary"]), ("https-bearer", &["--bearer"])];

#[test]
fn the_new_sdks_speak_https_with_every_kind_of_key() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    let mut backstop = Backstop::init("https")?;
    let ca = CertificateAuthority::new()?;
    let certificate = ca.issue(&["127.0.0.1"])?;
    for (name, variable, pem) in [
        ("cert.pem", "BACKSTOP_TLS_CERT", certificate.certificate_pem.as_str()),
        ("key.pem", "BACKSTOP_TLS_KEY", &certificate.key_pem),
        ("ca.pem", "BACKSTOP_CA_FILE", ca.pem()),
    ] {
        let file = backstop.place(name);
        std::fs::write(&file, pem)?;
        backstop.set(variable, file.to_str().context("UTF-8")?);
    }
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

fn drive(backstop: &Backstop, interpreter: &str, driver: &str, variant: &str, key: &Value) -> Result<()> {
    let text = |name: &str| key[name].as_str().unwrap_or("-");
    let mut command = client_driver(interpreter, driver)?;
    let ca = backstop.place("ca.pem");
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
