//! The main job by the command line: a PostgreSQL cluster registered, backed up, listed, restored, compared.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use testkit::postgres::{Cluster, Installation, StopMode};
use testkit::process::{ChildGuard, wait_for};

use crate::program::{Program, Run, Service, text};
use crate::restored::Restored;
use crate::sweeping::age;

/// Differs when any row does.
const SUM: &str = "SELECT count(*), sum(hashtext(item::text)) FROM item";

const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster with some rows, registered with a service.
struct Setting {
    program: Program,
    _service: Service,
    cluster: Cluster,
}

impl Setting {
    fn new() -> Self {
        let installation = Installation::debian15().expect("PostgreSQL 15 is installed");
        let cluster = Cluster::builder(&installation)
            .with_checksums()
            .hba("local replication backstop trust")
            .hba("local all backstop trust")
            .start()
            .expect("a cluster starts");
        cluster.psql("CREATE ROLE backstop LOGIN REPLICATION").expect("a role");
        cluster.psql("GRANT pg_read_all_settings TO backstop").expect("a grant");
        for function in ["pg_backup_start(text, boolean)", "pg_backup_stop(boolean)"] {
            cluster.psql(&format!("GRANT EXECUTE ON FUNCTION {function} TO backstop")).expect("a grant");
        }
        let rows = "CREATE TABLE item AS SELECT n AS id, repeat(n::text, 20) AS label FROM generate_series(1, 20000) n";
        cluster.psql(rows).expect("rows");
        let mut program = Program::with_home();
        program.set("BACKSTOP_FREE_SPACE_FLOOR_BYTES", "0");
        let service = program.serve();
        let setting = Self { program, _service: service, cluster };
        setting.register().expect_status(0);
        setting
    }

    fn register(&self) -> Run {
        let (host, data) = (text(self.cluster.socket_dir()), text(self.cluster.data_dir()));
        let port = self.cluster.port().to_string();
        self.program.run(&[
            "instance",
            "register",
            "items",
            "--engine",
            "postgresql",
            "--host",
            host,
            "--port",
            &port,
            "--user",
            "backstop",
            "--data-dir",
            data,
        ])
    }

    fn back_up(&self, options: &[&str]) -> Value {
        let arguments = [&["backup", "create", "items", "--wait", "--output", "json"], options].concat();
        let run = self.program.run(&arguments).expect_status(0);
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert!(
            lines.iter().all(|line| line.starts_with("backup job ")),
            "progress is plain lines: {lines:?}"
        );
        run.json()
    }

    fn sum(&self) -> String {
        self.cluster.psql(SUM).expect("a sum")
    }
}

#[test]
fn an_instance_is_registered_once_shown_and_forgotten() {
    let setting = Setting::new();
    let program = &setting.program;
    setting.register().expect_status(0);
    let list = program.run(&["instance", "list", "--output", "json"]).expect_status(0).json();
    assert_eq!(list["TotalRecordCount"], 1, "{list}");
    let shown = program.run(&["instance", "show", "items", "--output", "json"]).expect_status(0).json();
    assert_eq!(shown["DBInstanceId"], "items");
    assert_eq!(shown["Engine"], "PostgreSQL");
    assert_eq!(shown["DataDirectory"], text(setting.cluster.data_dir()));
    let table = program.run(&["instance", "list"]).expect_status(0).stdout;
    assert!(table.starts_with("INSTANCE") && table.contains("items"), "{table}");
    program.run(&["instance", "deregister", "items"]).expect_status(0);
    program.run(&["instance", "show", "items"]).expect_status(1);
}

#[test]
fn a_backup_is_waited_for_listed_restored_and_deleted() {
    let setting = Setting::new();
    let program = &setting.program;
    let before = setting.sum();
    let job = setting.back_up(&["--full"]);
    assert_eq!((&job["BackupStatus"], &job["Process"]), (&"Finished".into(), &"100".into()), "{job}");
    let (job, backup) = (text_of(&job, "BackupJobId"), text_of(&job, "BackupId"));

    let watched = program.run(&["task", "watch", &job, "--output", "json"]).expect_status(0).json();
    assert_eq!(watched["BackupId"], backup.as_str());
    let report = program.run(&["task", "show", &job, "--output", "json"]).expect_status(0).json();
    assert_eq!((&report["BackupId"], &report["DBInstanceId"]), (&backup.as_str().into(), &"items".into()));
    let tasks = program.run(&["task", "list", "items", "--output", "json"]).expect_status(0).json();
    assert_eq!(tasks["Items"]["BackupJob"][0]["BackupJobId"], job.as_str());
    let sets = program.run(&["backup", "list", "items", "--output", "json"]).expect_status(0).json();
    assert_eq!(sets["Items"]["Backup"][0]["BackupId"], backup.as_str());
    let set = program.run(&["backup", "show", &backup, "--output", "json"]).expect_status(0).json();
    assert_eq!((&set["DBInstanceId"], &set["BackupStatus"]), (&"items".into(), &"Success".into()));

    let listed = program.run(&["repository", "list", "--output", "json"]).expect_status(0).json();
    assert_eq!(listed["Items"]["Backup"][0]["BackupId"], backup.as_str());
    let verified = program.run(&["repository", "verify", "--output", "json"]).expect_status(0).json();
    assert_eq!((&verified["BackupSets"], &verified["FaultCount"]), (&1.into(), &0.into()));

    restore_and_compare(&setting, &["restore", "items", "--backup", &backup], &before);

    program.run(&["backup", "delete", &backup]).expect_status(0);
    program.run(&["backup", "show", &backup]).expect_status(1);
    let listed = program.run(&["repository", "list", "--output", "json"]).expect_status(0).json();
    assert_eq!(listed["TotalRecordCount"], 0, "{listed}");
}

#[test]
fn a_set_is_restored_with_the_repository_and_its_key_alone() {
    let setting = Setting::new();
    let before = setting.sum();
    setting.back_up(&[]);
    let copy = setting.program.path_text("copy.key");
    setting.program.run(&["key", "export", "--to", &copy]).expect_status(0);
    let repository = format!("file://{}", setting.program.path_text("home/repository"));
    let mut other = setting;
    fs::remove_dir_all(other.program.home().join("keys")).expect("the home's keys can be taken away");
    other.program.set("BACKSTOP_HOME", &other.program.path_text("empty"));
    let arguments =
        ["repository", "--repository", &repository, "--key-file", &copy, "restore", "items", "--latest"];
    restore_and_compare(&other, &arguments, &before);
    assert!(!other.program.path("empty").exists());
}

#[test]
fn a_set_that_is_deleted_while_it_is_restored_stays_until_then() {
    let setting = Setting::new();
    let (program, before) = (&setting.program, setting.sum());
    let backup = text_of(&setting.back_up(&[]), "BackupId");
    let sets = program.home().join("repository/items/sets");
    let attempts = || fs::read_dir(&sets).map_or(0, Iterator::count);
    let target = setting.cluster.directory("restored").expect("a new folder").join("data");
    let held = program.path("held");
    fs::write(&held, "").expect("a file");
    let restore = ["restore", "items", "--backup", &backup, "--target", text(&target)];
    let mut command = program.command(&restore);
    command.env("BACKSTOP_FAILPOINTS", format!("restore.begun=hold:{}", text(&held))).stdout(Stdio::null());
    let mut restoring = ChildGuard::spawn(&mut command).expect("it starts");
    wait_for("the note of the restore", PATIENCE, || Ok((attempts() == 2).then_some(()))).expect("noted");

    program.run(&["backup", "delete", &backup]).expect_status(0);
    let tombstones = fs::read_dir(program.home().join("repository/items/tombstones")).expect("a tombstone");
    for tombstone in tombstones {
        let name = tombstone.expect("readable").file_name();
        age(program, &format!("items/tombstones/{}", name.to_str().expect("plain")), 4);
    }
    let sweep = || program.run(&["repository", "sweep", "--output", "json"]).expect_status(0).json();
    assert_eq!(sweep()["Objects"], 0, "it is being read");
    #[expect(clippy::disallowed_methods, reason = "nothing of a repository")]
    fs::remove_file(&held).expect("let go");
    let status = restoring.child().wait().expect("it ends");
    assert!(status.success() && attempts() == 1, "{status}");
    assert_eq!(Restored::start(&setting.cluster, &target).psql(SUM), before);
    assert!(sweep()["Objects"].as_u64() > Some(0));
    assert_eq!(attempts(), 0);
}

#[test]
fn a_failed_job_makes_the_wait_fail_and_names_the_cause() {
    let mut setting = Setting::new();
    setting.cluster.stop(StopMode::Fast).expect("it stops");
    let arguments = ["backup", "create", "items", "--wait", "--output", "json"];
    let run = setting.program.run(&arguments).expect_status(1);
    let job = run.json();
    assert_eq!(job["BackupStatus"], "Failed", "{job}");
    assert!(job.get("BackupId").is_none_or(Value::is_null), "{job}");
    let told = run.stderr.lines().last().unwrap_or_default();
    assert!(
        told.starts_with("error: backup job ") && told.contains(&text_of(&job, "FailureMessage")),
        "{told}"
    );
}

/// Plans and executes the restore, starts a server on what it made, and compares the rows.
#[track_caller]
fn restore_and_compare(setting: &Setting, arguments: &[&str], rows: &str) {
    let program = &setting.program;
    // Beside the cluster, where the server's user can reach it.
    let target = setting.cluster.directory("restored").expect("a new folder").join("data");
    let arguments = [arguments, &["--target", text(&target)]].concat();
    let plan =
        program.run(&[&arguments[..], &["--dry-run", "--output", "json"]].concat()).expect_status(0).json();
    assert!(!target.exists(), "a dry run touches nothing");
    let done = program.run(&[&arguments[..], &["--output", "json"]].concat()).expect_status(0).json();
    assert_eq!((&done["BackupId"], &done["Target"]), (&plan["BackupId"], &text(&target).into()), "{done}");
    program.run(&arguments).expect_status(1);
    assert_eq!(Restored::start(&setting.cluster, &target).psql(SUM), rows);
}

fn text_of(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_else(|| panic!("{field} of {object}")).to_owned()
}
