//! What a repository loses is found, and never restored as if it were whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{Access, Backstop, Restored, SmallDisk, Source, Tree, Turn, difference, flip_byte, program, tree};
use serde_json::Value;
use testkit::postgres::{Cluster, Installation};
use testkit::process::run;

const JOB_TIMEOUT: Duration = Duration::from_mins(2);

/// A source in which nothing changes by itself.
fn quiet_source() -> Result<Source> {
    Source::start(Cluster::builder(&Installation::find(15)?).setting("autovacuum", "off"), Access::Peer)
}

/// Files below a directory, sorted.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let all = tree(directory)?;
    Ok(all
        .iter()
        .filter(|(_, what)| what.contains(" bytes "))
        .map(|(path, _)| directory.join(path))
        .collect())
}

#[test]
fn each_byte_of_identity_and_keys_counts() -> Result<()> {
    let backstop = Backstop::init("damage-roots")?;
    // The wraps of others count as well: whoever verifies has one secret, and cannot open these.
    let (passphrase, key_file) = (backstop.place("passphrase"), backstop.place("other.key"));
    fs::write(&passphrase, "somebody else's\n")?;
    let (passphrase, key_file) = (passphrase.to_str().context("UTF-8")?, key_file.to_str().context("UTF-8")?);
    backstop.cli(&["key", "add", "--passphrase-file", passphrase])?.done()?;
    backstop.cli(&["key", "add", "--key-file", key_file])?.done()?;
    ensure!(backstop.cli(&["repository", "verify"])?.done()?["FaultCount"] == 0);
    let files = files(&backstop.repository())?;
    ensure!(files.len() == 4, "identity and three wraps: {files:?}");
    for file in files {
        let name = file.strip_prefix(backstop.repository())?.display().to_string();
        for offset in 0..fs::metadata(&file)?.len() {
            flip_byte(&file, offset)?;
            let answer = backstop.cli(&["repository", "verify"])?;
            ensure!(answer.status == Some(1), "byte {offset} of {name} was flipped: {answer}");
            let told = format!("{}{}", answer.stdout, answer.stderr);
            ensure!(
                told.contains(&name) && !told.contains("panicked"),
                "byte {offset} of {name} was flipped: {answer}"
            );
            flip_byte(&file, offset)?;
        }
    }
    ensure!(backstop.cli(&["repository", "verify"])?.done()?["FaultCount"] == 0);
    Ok(())
}

/// A repository with a full set, a set that refers to it, and a tombstone.
struct Repository {
    backstop: Backstop,
    newest: String,
    deleted: String,
    /// The newest set, restored while all was well.
    whole: Tree,
}

impl Repository {
    fn make(name: &str) -> Result<Self> {
        let source = quiet_source()?;
        source.fill(1)?;
        let mut backstop = Backstop::init(name)?;
        backstop.serve()?;
        backstop.register("orders", &source)?;
        backstop.back_up("orders")?;
        let deleted = backstop.back_up("orders")?;
        source.cluster.psql("UPDATE quiet SET text = 'changed' WHERE n % 100 = 0")?;
        let newest = backstop.back_up("orders")?;
        backstop.call("DeleteBackup", &[("DBInstanceId", "orders"), ("BackupId", &deleted)])?;
        backstop.stop()?;
        let mut this = Self { backstop, newest, deleted, whole: Tree::new() };
        this.whole = this.restore()?.context("a whole repository restores")?;
        Ok(this)
    }

    /// What a restore of the newest set writes; `None` when it fails, which it must say, leaving nothing that starts.
    fn restore(&self) -> Result<Option<Tree>> {
        let target = self.backstop.place("restored");
        let path = target.to_str().context("UTF-8")?;
        let answer = self.backstop.cli(&["restore", "orders", "--backup", &self.newest, "--target", path])?;
        let outcome = if answer.status == Some(0) {
            Some(tree(&target)?)
        } else {
            answer.failed()?;
            ensure!(!target.join("global/pg_control").exists(), "a failed restore left pg_control: {answer}");
            None
        };
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        Ok(outcome)
    }

    /// Verifies a repository in which `object` is damaged; returns what the verification says of it.
    fn verify_damaged(&self, object: &Path, how: &str) -> Result<Value> {
        let name = object.strip_prefix(self.backstop.repository())?.display().to_string();
        let answer = self.backstop.cli(&["repository", "verify"])?;
        answer.ended(1).with_context(|| format!("{name}, {how}"))?;
        let report = answer.json()?;
        let faults = report["Faults"]["Fault"].as_array().context("no list of faults")?;
        let fault =
            faults.iter().find(|fault| fault["Object"].as_str().is_some_and(|found| found.contains(&name)));
        Ok(fault.with_context(|| format!("{name}, {how}: not named: {answer}"))?.clone())
    }
}

/// The kind of an object, by its name.
fn kind(object: &Path) -> Result<&'static str> {
    let name = object.file_name().and_then(|name| name.to_str()).context("UTF-8")?;
    let folder = |wanted: &str| object.components().any(|part| part.as_os_str() == wanted);
    match name {
        "repository.json" => Ok("identity"),
        "begin" => Ok("begin"),
        "manifest" => Ok("manifest"),
        _ if name.starts_with("pack-") => Ok("pack"),
        _ if folder("tombstones") => Ok("tombstone"),
        _ if folder("keys") => Ok("key"),
        _ => bail!("{} is an object of no known kind", object.display()),
    }
}

/// Places in a sealed object: each field of its header, then its content, and in a pack its index and trailer.
fn offsets(bytes: u64) -> Vec<u64> {
    let header = [0, 8, 10, 11, 12, 16, 40];
    let content =
        [64, bytes / 3, bytes / 2, bytes.saturating_sub(200), bytes.saturating_sub(20), bytes - 9, bytes - 1];
    let mut all: Vec<u64> = header.into_iter().chain(content).filter(|offset| *offset < bytes).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn a_flipped_byte_in_any_object_is_found_and_named_with_what_it_touches() -> Result<()> {
    let _turn = Turn::wait()?;
    let repository = Repository::make("damage-bytes")?;
    let mut seen = Vec::new();
    for object in files(&repository.backstop.repository())? {
        let kind = kind(&object)?;
        // One object of a kind is as good as another, but packs differ in what they hold.
        if seen.contains(&kind) && kind != "pack" {
            continue;
        }
        seen.push(kind);
        if matches!(kind, "identity" | "key") {
            continue;
        }
        for offset in offsets(fs::metadata(&object)?.len()) {
            flip_byte(&object, offset)?;
            let fault = repository.verify_damaged(&object, &format!("byte {offset} flipped"))?;
            // Nothing that is still listed needs a pack of the deleted set.
            let of_deleted = object.to_string_lossy().contains(&format!("/sets/{}.", repository.deleted));
            if kind == "pack" && !of_deleted {
                let touched = fault["Touched"]["File"].as_array().is_some_and(|touched| !touched.is_empty());
                ensure!(touched, "a damaged pack touches something: {fault}");
            }
            flip_byte(&object, offset)?;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    ensure!(seen == ["begin", "identity", "key", "manifest", "pack", "tombstone"], "{seen:?}");
    ensure!(repository.backstop.cli(&["repository", "verify"])?.done()?["FaultCount"] == 0);
    Ok(())
}

#[test]
fn damage_is_never_restored_silently() -> Result<()> {
    let _turn = Turn::wait()?;
    let repository = Repository::make("damage-restore")?;
    let mut failed = 0;
    for object in files(&repository.backstop.repository())? {
        let bytes = fs::metadata(&object)?.len();
        let offsets = match kind(&object)? {
            "pack" => vec![30, 64, bytes / 2, bytes - 1],
            "manifest" => vec![40, bytes / 2],
            _ => vec![bytes / 2],
        };
        for offset in offsets {
            flip_byte(&object, offset)?;
            match repository.restore()? {
                Some(restored) => ensure!(
                    restored == repository.whole,
                    "byte {offset} of {} was flipped, and a restore wrote something else",
                    object.display()
                ),
                None => failed += 1,
            }
            flip_byte(&object, offset)?;
        }
    }
    ensure!(failed >= 4, "only {failed} restores failed: the damage was not where the set is");
    ensure!(repository.restore()?.as_ref() == Some(&repository.whole));
    Ok(())
}

#[test]
fn an_object_that_is_gone_or_cut_is_found() -> Result<()> {
    let _turn = Turn::wait()?;
    let repository = Repository::make("damage-absent")?;
    let packs = files(&repository.backstop.repository())?
        .into_iter()
        .filter(|path| kind(path).is_ok_and(|kind| kind == "pack"));
    let first = packs.into_iter().next().context("there is a pack")?;
    let content = fs::read(&first)?;
    for length in [0, 10, 64, content.len() / 2, content.len() - 1] {
        fs::write(&first, &content[..length])?;
        repository.verify_damaged(&first, &format!("cut to {length} bytes"))?;
    }
    rustix::fs::unlink(&first)?;
    repository.verify_damaged(&first, "absent")?;
    ensure!(repository.restore()?.is_none(), "a set restored without its pack");
    fs::write(&first, &content)?;
    ensure!(repository.restore()?.as_ref() == Some(&repository.whole));
    Ok(())
}

#[test]
fn the_next_backup_copies_anew_what_is_damaged() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    source.fill(1)?;
    let mut backstop = Backstop::init("damage-next")?;
    backstop.serve()?;
    backstop.register("orders", &source)?;
    backstop.back_up("orders")?;
    for object in files(&backstop.repository())? {
        if kind(&object)? == "pack" {
            rustix::fs::unlink(&object)?;
        }
    }
    let set = backstop.back_up("orders")?;
    backstop.stop()?;
    let target = backstop.place("restored");
    backstop
        .cli(&["restore", "orders", "--backup", &set, "--target", target.to_str().context("UTF-8")?])?
        .done()?;
    let restored = Restored::start(source.cluster.installation(), &target, &[])?;
    ensure!(
        difference(&source.cluster, &restored)?.is_empty(),
        "{:?}",
        difference(&source.cluster, &restored)?
    );
    Ok(())
}

#[test]
fn repository_and_key_are_enough() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = quiet_source()?;
    source.fill(1)?;
    let mut backstop = Backstop::init("damage-bare")?;
    backstop.serve()?;
    backstop.register("orders", &source)?;
    let set = backstop.back_up("orders")?;
    backstop.stop()?;
    let elsewhere = tempfile::Builder::new().prefix("bare-").tempdir_in("/tmp")?;
    fs::set_permissions(elsewhere.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let (key, copy) = (elsewhere.path().join("backstop.key"), elsewhere.path().join("copy"));
    backstop.cli(&["key", "export", "--to", key.to_str().context("UTF-8")?])?.done()?;
    run(Command::new("cp").arg("-a").arg(backstop.repository()).arg(&copy))?;
    drop(backstop);

    let home = elsewhere.path().join("home");
    fs::create_dir(&home)?;
    let url = format!("file://{}", copy.display());
    let opened = ["repository", "--repository", &url, "--key-file", key.to_str().context("UTF-8")?];
    let with = |arguments: &[&str]| program(&home, &[&opened[..], arguments].concat());
    let list = with(&["list"])?.done()?;
    ensure!(list["Items"]["Backup"][0]["BackupId"] == set.as_str(), "{list}");
    ensure!(list["Items"]["Backup"][0]["DBInstanceId"] == "orders", "{list}");
    ensure!(with(&["verify"])?.done()?["FaultCount"] == 0);
    let target = elsewhere.path().join("restored");
    with(&["restore", "orders", "--latest", "--target", target.to_str().context("UTF-8")?])?.done()?;
    let restored = Restored::start(source.cluster.installation(), &target, &[])?;
    ensure!(
        difference(&source.cluster, &restored)?.is_empty(),
        "{:?}",
        difference(&source.cluster, &restored)?
    );
    ensure!(tree(&home)?.is_empty(), "the empty home was written to: {:?}", tree(&home)?);
    Ok(())
}

/// Backs up a source that does not fit on the disk, and checks that the earlier set did not suffer. Returns the failed
/// job's report.
fn fill_up(name: &str, disk: &SmallDisk, floor_bytes: u64) -> Result<Value> {
    let source = quiet_source()?;
    let mut backstop = Backstop::init_on(name, disk)?;
    backstop.set("BACKSTOP_FREE_SPACE_FLOOR_BYTES", &floor_bytes.to_string());
    backstop.serve()?;
    backstop.register("orders", &source)?;
    let earlier = backstop.back_up("orders")?;
    let mut random = vec![0; 120 * 1024 * 1024];
    getrandom::fill(&mut random)?;
    let large = source.cluster.data_dir().join("large");
    fs::write(&large, &random)?;

    let job = backstop.create_backup("orders", &[])?;
    let end = backstop.end("orders", &job, JOB_TIMEOUT)?;
    ensure!(end.status == "Failed", "{end:?}");
    let report = backstop.report(&job)?;
    ensure!(backstop.sets("orders")? == [earlier.as_str()], "the earlier set is listed");
    ensure!(backstop.sets_in_repository("orders")? == [earlier.as_str()], "the earlier set is listed");

    rustix::fs::unlink(&large)?;
    let later = backstop.back_up("orders").context("back up after space was made")?;
    ensure!(backstop.sets("orders")? == [later.as_str(), earlier.as_str()]);
    ensure!(backstop.cli(&["repository", "verify"])?.done()?["FaultCount"] == 0);
    backstop.stop()?;
    let target = backstop.place("restored");
    backstop
        .cli(&["restore", "orders", "--backup", &earlier, "--target", target.to_str().context("UTF-8")?])?
        .done()?;
    let restored = Restored::start(source.cluster.installation(), &target, &[])?;
    ensure!(
        difference(&source.cluster, &restored)?.is_empty(),
        "{:?}",
        difference(&source.cluster, &restored)?
    );
    Ok(report)
}

#[test]
fn a_full_disk_fails_the_job_and_nothing_else() -> Result<()> {
    let _turn = Turn::wait()?;
    let disk = SmallDisk::mount(80)?;
    let report = fill_up("damage-full", &disk, 0)?;
    let message = report["FailureMessage"].as_str().context("no FailureMessage")?;
    ensure!(report["FailureCode"] == "OperationDenied.SpaceNotEnough", "{report}");
    ensure!(message.contains(&format!("{}/repository is full", disk.path().display())), "{report}");
    Ok(())
}

#[test]
fn the_floor_stops_a_job_before_the_disk_is_full() -> Result<()> {
    let _turn = Turn::wait()?;
    let disk = SmallDisk::mount(80)?;
    let report = fill_up("damage-floor", &disk, 30 * 1024 * 1024)?;
    ensure!(report["FailureCode"] == "OperationDenied.SpaceNotEnough", "{report}");
    let message = report["FailureMessage"].as_str().context("no FailureMessage")?;
    ensure!(message.contains("31457280") && message.contains("free_space_floor_bytes"), "{report}");
    Ok(())
}
