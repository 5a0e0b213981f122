//! The sample code of the documentation, run as it stands there.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{
    Access, Backstop, Operation, Sample, Source, Turn, api_reference, client_driver, parts_directory, samples,
};
use serde_json::{Value, json};
use testkit::postgres::{Cluster, Installation};

/// The instances that the examples name.
const INSTANCES: [&str; 2] = ["rm-uf6wjk5xxxxxxx", "orders"];

/// What comes before all other samples, and after them. What ends an instance comes when its backup is over.
const FIRST: [&str; 1] = ["TagResources"];
const LATE: [&str; 1] = ["UntagResources"];
const LAST: [&str; 2] = ["DeleteDBInstance", "DeregisterDBInstance"];

/// The samples that are refused, by the code; all others succeed. The examples' jobs, sets and keys are not there, and
/// the id that one of them registers is taken.
const REFUSED: [(&str, &[&str]); 5] = [
    ("InvalidAccessKeyId.NotFound", &["DisableAccessKey"]),
    ("InvalidBackupJobId.NotFound", &["CancelBackupJob", "DescribeBackupJobReport"]),
    (
        "InvalidBackupSetID.NotFound",
        &[
            "CloneDBInstance",
            "CreateTempDBInstance",
            "DeleteBackup",
            "DeleteBackupFile",
            "DescribeAvailableRecoveryTime",
            "DescribeBackupDatabase",
            "DescribeMetaList",
            "ModifyBackupSetExpireTime",
            "RecoveryDBInstance",
            "RestoreTable",
        ],
    ),
    ("InvalidDBInstanceId.Duplicate", &["RegisterDBInstance"]),
    ("OperationDenied.NotSupported", &["CreateDBInstance", "ModifyInstanceCrossBackupPolicy"]),
];

#[test]
fn every_sample_runs_as_it_stands() -> Result<()> {
    let reference = api_reference()?;
    let samples = samples()?;
    let meant = meant(&samples)?;
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    let mut backstop = Backstop::init("samples")?;
    backstop.serve()?;
    let mut wrong = Vec::new();
    for syntax in ["python", "js", "sh"] {
        for instance in INSTANCES {
            backstop.register(instance, &source)?;
        }
        let mut of_language: Vec<&Sample> = samples.iter().filter(|sample| sample.syntax == syntax).collect();
        of_language.sort_by_key(|sample| rank(&sample.operation));
        ensure_all(&reference, &of_language)?;
        let rows = run_all(&backstop, syntax, &of_language)?;
        for (sample, row) in of_language.iter().zip(&rows) {
            if let Err(error) = check(&reference[&sample.operation], sample, &meant[&sample.operation], row) {
                wrong.push(format!("{syntax} {}: {error:#}\n{row:#}", sample.operation));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}\n{}", wrong.join("\n\n"), backstop.log_tail());
    }
    Ok(())
}

/// Its place among the samples.
fn rank(operation: &str) -> usize {
    let groups = [&FIRST[..], &LATE, &LAST];
    match groups.iter().position(|group| group.contains(&operation)) {
        Some(0) => 0,
        Some(group) => group + 1,
        None => 1,
    }
}

fn ensure_all(reference: &BTreeMap<String, Operation>, samples: &[&Sample]) -> Result<()> {
    let documented: BTreeSet<&str> = reference.keys().map(String::as_str).collect();
    let with_sample: BTreeSet<&str> = samples.iter().map(|sample| sample.operation.as_str()).collect();
    ensure!(documented == with_sample, "documented: {documented:?}\nwith a sample: {with_sample:?}");
    ensure!(samples.len() == with_sample.len(), "an operation has two samples in a language");
    Ok(())
}

/// The parameters of each operation's sample for the command line, which names them as the API does.
fn meant(samples: &[Sample]) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let mut meant = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.syntax == "sh") {
        let script = format!("backstop() {{ printf '%s\\0' \"$@\"; }}\n{}", sample.code);
        let output = Command::new("sh").args(["-c", &script]).output().context("start the shell")?;
        let words = String::from_utf8(output.stdout)?;
        let words: Vec<&str> = words.trim_end_matches('\0').split('\0').collect();
        ensure!(words.starts_with(&["api", &sample.operation]), "{}: {words:?}", sample.operation);
        let mut parameters = BTreeMap::new();
        for pair in words[2..].chunks(2) {
            let [name, value] = pair else { bail!("{}: {words:?}", sample.operation) };
            let name = name.strip_prefix("--").context("a parameter's name")?;
            parameters.insert(name.to_owned(), (*value).to_owned());
        }
        meant.insert(sample.operation.clone(), parameters);
    }
    Ok(meant)
}

/// Runs samples in their order; those that end instances when the backup that another one made is over.
fn run_all(backstop: &Backstop, syntax: &str, samples: &[&Sample]) -> Result<Vec<Value>> {
    let lasting = samples.iter().filter(|sample| !LAST.contains(&sample.operation.as_str())).count();
    let (lasting, last) = samples.split_at(lasting);
    let mut rows = run(backstop, syntax, lasting)?;
    let created = lasting.iter().position(|sample| sample.operation == "CreateBackup");
    let created = created.and_then(|index| rows.get(index)).context("a sample creates a backup")?;
    if let Ok(answer) = answer(created) {
        let job = answer["BackupJobId"].as_str().context("a job id")?;
        backstop.end(INSTANCES[0], job, Duration::from_mins(1))?;
    }
    rows.extend(run(backstop, syntax, last)?);
    ensure!(rows.len() == samples.len(), "{} of {} samples were run", rows.len(), samples.len());
    Ok(rows)
}

/// Runs samples of a language. The rows are those of `samples/run.py`.
fn run(backstop: &Backstop, syntax: &str, samples: &[&Sample]) -> Result<Vec<Value>> {
    match syntax {
        "python" => run_in_one_process(backstop, "py-new", "run.py", include_str!("samples/run.py"), samples),
        "js" => run_in_one_process(backstop, "node", "run.mjs", include_str!("samples/run.mjs"), samples),
        _ => samples.iter().map(|sample| run_in_shell(backstop, sample)).collect(),
    }
}

/// Loading an SDK takes longer than all its calls.
fn run_in_one_process(
    backstop: &Backstop,
    interpreter: &str,
    runner: &str,
    program: &str,
    samples: &[&Sample],
) -> Result<Vec<Value>> {
    let folder = folder(backstop, interpreter)?;
    let runner = folder.join(runner);
    std::fs::write(&runner, program)?;
    let mut command = client_driver(interpreter, runner.to_str().context("UTF-8")?)?;
    let ending = if interpreter == "node" { "mjs" } else { "py" };
    for sample in samples {
        let file = folder.join(format!("{}.{ending}", sample.operation));
        std::fs::write(&file, &sample.code)?;
        command.arg(file);
    }
    set_environment(backstop, &mut command)?;
    let output = command.output().context("start the samples")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{interpreter}: {errors}");
    serde_json::from_slice(&output.stdout).with_context(|| format!("{interpreter}: {errors}"))
}

/// A folder as a program's own, with its modules where Node looks for what a module imports.
fn folder(backstop: &Backstop, interpreter: &str) -> Result<PathBuf> {
    let folder = backstop.place(interpreter);
    if !folder.exists() {
        std::fs::create_dir(&folder)?;
        symlink(parts_directory().join("node/node_modules"), folder.join("node_modules"))?;
    }
    Ok(folder)
}

fn run_in_shell(backstop: &Backstop, sample: &Sample) -> Result<Value> {
    let folder = backstop.place("bin");
    let program = folder.join("backstop");
    if !program.exists() {
        std::fs::create_dir_all(&folder)?;
        symlink(Path::new(backstop.command().get_program()), &program)?;
    }
    let path = format!("{}:{}", folder.display(), env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-c", &sample.code]).env("PATH", path).env("BACKSTOP_HOME", backstop.place("no-home"));
    set_environment(backstop, &mut command)?;
    let output = command.output().context("start the shell")?;
    let printed = String::from_utf8(output.stdout)?;
    match output.status.code() {
        Some(0) => Ok(json!({"printed": printed})),
        Some(1) => {
            let answer: Value = serde_json::from_str(&printed).context("the answer is JSON")?;
            Ok(json!({"refusal": answer["Code"]}))
        }
        _ => Ok(json!({"failure": String::from_utf8_lossy(&output.stderr)})),
    }
}

/// What the page tells its readers to set.
fn set_environment(backstop: &Backstop, command: &mut Command) -> Result<()> {
    let key = backstop.key();
    command.env("BACKSTOP_ENDPOINT", format!("http://{}", backstop.address()?));
    command.env("ALIBABA_CLOUD_ACCESS_KEY_ID", &key.id).env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &key.secret);
    Ok(())
}

fn answer(row: &Value) -> Result<Value> {
    let printed = row["printed"].as_str().context("nothing was printed")?;
    serde_json::from_str(printed).with_context(|| format!("no JSON was printed: {printed}"))
}

fn check(
    operation: &Operation,
    sample: &Sample,
    meant: &BTreeMap<String, String>,
    row: &Value,
) -> Result<()> {
    ensure!(row.get("failure").is_none(), "it failed on the client's side");
    if let Some(sent) = row.get("sent") {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let sent = sent.as_object().context("an object")?.iter();
        let sent: BTreeMap<String, String> = sent.map(|(name, value)| (name.clone(), text(value))).collect();
        ensure!(&sent == meant, "the command line sends {meant:?}");
    }
    let mistyped = row["mistyped"].as_array().map_or(0, Vec::len);
    ensure!(mistyped == 0, "the request does not fit the SDK's model");
    let expected = REFUSED.iter().find(|(_, operations)| operations.contains(&sample.operation.as_str()));
    let expected = expected.map(|(code, _)| *code);
    let refusal = row.get("refusal").map(|code| code.as_str().unwrap_or_default());
    if let Some(code) = refusal {
        ensure!(operation.errors.iter().any(|error| error == code), "{code} is no documented error");
    }
    ensure!(refusal == expected, "refused: {refusal:?}, expected was {expected:?}");
    if refusal.is_some() {
        return Ok(());
    }
    let answer = answer(row)?;
    ensure!(answer["RequestId"].is_string(), "no answer of the service");
    for name in answer.as_object().context("an object")?.keys() {
        ensure!(
            operation.tells_of(name) || operation.tells_of(&format!("{name}[]")),
            "{name} is not on the page"
        );
    }
    if sample.operation == "ListTagResources" {
        // As the sample of TagResources, which came first, gave them.
        let tag = &answer["TagResources"]["TagResource"][0];
        ensure!(tag["TagKey"] == "team" && tag["TagValue"] == "payments", "the tag did not arrive whole");
    }
    Ok(())
}
