//! Each client that programs written for the RDS API use, unchanged, against the service.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{Access, Backstop, Source, Turn, client_driver};
use serde_json::Value;
use testkit::postgres::{Cluster, Installation};

/// Driver, interpreter and variants, as `e2e/clients/README.md` lists them.
const DRIVERS: [(&str, &str, &[&str]); 5] = [
    ("new_sdk.py", "py-new", &["v3", "v1", "sm3"]),
    ("first_sdk.py", "py-first", &["v1"]),
    ("old_sdk.py", "py-old", &["classes", "common", "common-xml"]),
    ("new_sdk.js", "node", &["v3", "v1"]),
    ("pop_core.js", "node", &["get", "post"]),
];

const REFUSALS: [&str; 5] =
    ["wrong-secret", "expired-timestamp", "replayed-nonce", "replayed-backup", "unknown-instance"];

/// Runs each variant of each client through `scenarios`; all are run, also after one went wrong.
fn check(name: &str, scenarios: &[&str]) -> Result<()> {
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    let mut backstop = Backstop::init(name)?;
    backstop.serve()?;
    backstop.register("orders", &source)?;
    let mut wrong = Vec::new();
    for (driver, interpreter, variants) in DRIVERS {
        for variant in variants {
            for scenario in scenarios {
                if let Err(error) = drive(&backstop, interpreter, driver, variant, scenario) {
                    wrong.push(format!("{driver} {variant} {scenario}: {error:#}"));
                }
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}\n{}", wrong.join("\n"), backstop.log_tail());
    }
    Ok(())
}

fn drive(backstop: &Backstop, interpreter: &str, driver: &str, variant: &str, scenario: &str) -> Result<()> {
    let mut command = client_driver(interpreter, driver)?;
    let key = backstop.key();
    command.args([
        "--variant",
        variant,
        "--endpoint",
        backstop.address()?,
        "--key",
        &key.id,
        "--secret",
        &key.secret,
    ]);
    command.args(["--instance", "orders", "--timeout", "60", scenario]);
    let output = command.output().context("start the driver")?;
    let line = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("{}{}", line, String::from_utf8_lossy(&output.stderr));
    }
    let seen: Value = serde_json::from_str(&line).context("the driver prints JSON")?;
    if seen["scenario"] != scenario || seen.get("unexpected").is_some() {
        bail!("the driver says {seen}");
    }
    if scenario == "replayed-backup" {
        let job = seen["job_id"].as_str().context("the driver tells its job")?;
        backstop.end("orders", job, Duration::from_mins(1))?;
        let newest = backstop.call("DescribeBackupJobs", &[("DBInstanceId", "orders"), ("PageSize", "1")])?;
        let newest = &newest["Items"]["BackupJob"][0]["BackupJobId"];
        ensure!(newest == job, "the replay made job {newest}");
    }
    Ok(())
}

/// The Python lines of README.md's example, as they stand there but for the address.
#[test]
fn the_example_of_the_readme_runs_as_it_stands() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    let mut backstop = Backstop::init("readme")?;
    backstop.serve()?;
    backstop.register("orders", &source)?;
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).context("read README.md")?;
    let example = readme.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let example = example.context("README.md has an example in Python")?;
    ensure!(example.contains("127.0.0.1:8086"), "the example has the default address");
    let script = backstop.place("example.py");
    std::fs::write(&script, example.replace("127.0.0.1:8086", backstop.address()?))?;
    let mut command = client_driver("py-new", script.to_str().context("UTF-8")?)?;
    let key = backstop.key();
    command.env("BACKSTOP_ACCESS_KEY_ID", &key.id).env("BACKSTOP_ACCESS_KEY_SECRET", &key.secret);
    let output = command.output().context("start the example")?;
    let (lines, errors) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{errors}\n{}", backstop.log_tail());
    ensure!(lines.lines().last() == Some("Finished 100"), "it printed {lines:?}");
    Ok(())
}

#[test]
fn every_client_creates_watches_lists_and_deletes_a_backup() -> Result<()> {
    check("clients-lifecycle", &["lifecycle"])
}

#[test]
fn every_client_is_refused_with_the_code_that_its_users_know() -> Result<()> {
    check("clients-refusals", &REFUSALS)
}
