//! A cluster as Debian's `pg_createcluster` makes it: settings in `/etc`, and started with `config_file`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use testkit::postgres::Installation;
use testkit::process::{ServerUser, run, wait_until};

use crate::harness::{Control, ROLE, RestoredServer, Store, fingerprint, restore, restore_options};

/// Ends the server of a data directory, by the id in its `postmaster.pid`.
struct EndsServer(PathBuf);

impl Drop for EndsServer {
    fn drop(&mut self) {
        let text = fs::read_to_string(self.0.join("postmaster.pid")).unwrap_or_default();
        let id = text.lines().next().and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            let _ = kill_process(id, Signal::QUIT);
            let _ = wait_until("the server to end", std::time::Duration::from_secs(20), || {
                !self.0.join("postmaster.pid").exists()
            });
        }
    }
}

fn owned_folder(root: &Path, name: &str) -> PathBuf {
    let path = root.join(name);
    fs::create_dir(&path).expect("a folder");
    if let Some(user) = ServerUser::find().expect("a user") {
        std::os::unix::fs::chown(&path, Some(user.uid), Some(user.gid)).expect("root may do that");
    }
    path
}

/// Makes a cluster with its settings below `etc`, reached by a socket in `sockets`, and starts it.
fn start_debian_cluster(
    installation: &Installation,
    etc: &Path,
    sockets: &Path,
    data: &Path,
    logs: &Path,
) -> RestoredServer {
    let mut create = Command::new("pg_createcluster");
    create.env("PG_CLUSTER_CONF_ROOT", etc).arg(format!("--datadir={}", data.display()));
    create
        .arg(format!("--socketdir={}", sockets.display()))
        .arg(format!("--logfile={}/main.log", logs.display()));
    create.args([
        "--port=5432",
        "--start-conf=manual",
        "15",
        "main",
        "--",
        "--data-checksums",
        "--no-sync",
        "--username=postgres",
    ]);
    run(create.current_dir("/")).expect("pg_createcluster makes a cluster");
    let config = etc.join("15/main");
    let hba = fs::read_to_string(config.join("pg_hba.conf")).expect("there");
    let trust = format!("local all postgres trust\nlocal all {ROLE} trust\nlocal replication {ROLE} trust\n");
    fs::write(config.join("pg_hba.conf"), trust + &hba).expect("written");
    // The key of Debian's own certificate is readable by a group that a test's server is not in.
    let settings = fs::read_to_string(config.join("postgresql.conf")).expect("there");
    fs::write(config.join("postgresql.conf"), settings + "ssl = off\n").expect("written");
    let option = format!("config_file={}", config.join("postgresql.conf").display());
    let source = RestoredServer::start(installation, data, &["-c", &option]);
    for sql in [
        format!("CREATE ROLE {ROLE} LOGIN REPLICATION"),
        format!("GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean) TO {ROLE}"),
        format!("GRANT EXECUTE ON FUNCTION pg_backup_stop(boolean) TO {ROLE}"),
        format!("GRANT pg_read_all_settings TO {ROLE}"),
        "CREATE TABLE kept AS SELECT generate_series(1, 1000) i".to_owned(),
    ] {
        source.psql(&sql).expect("the superuser may do that");
    }
    source
}

#[test]
fn a_cluster_of_pg_createcluster_comes_back_by_the_printed_command() {
    let installation = Installation::debian15().expect("Debian's PostgreSQL 15 is installed");
    let root = tempfile::Builder::new().prefix("pd-").tempdir_in("/tmp").expect("temporary folder");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("opened");
    let (etc, sockets) = (owned_folder(root.path(), "etc"), owned_folder(root.path(), "s"));
    let (data, logs) = (owned_folder(root.path(), "var").join("main"), owned_folder(root.path(), "log"));
    let source = start_debian_cluster(&installation, &etc, &sockets, &data, &logs);
    let store = Store::new();
    let (_, set) = store.back_up_by(&source.engine(), 1, &Control::default()).expect("the backup finishes");
    let expect = source.psql(&fingerprint("kept")).expect("readable");
    drop(source);
    blobstore::durable::rename(&etc, &root.path().join("etc-lost")).expect("lost");

    let target = owned_folder(root.path(), "new").join("main");
    let plan = restore(&set, &restore_options(&target)).expect("restored");
    let config =
        target.join("backstop-config").join(etc.strip_prefix("/").expect("absolute")).join("15/main");
    assert!(config.join("conf.d").is_dir(), "an empty folder of settings is needed too");
    let _ends = EndsServer(target.clone());
    let path = format!("{}:/usr/bin:/bin", installation.bin().display());
    let line = format!("{} -l {}/new.log", plan.start_command(), logs.display());
    let mut shell = installation.server_command("/bin/sh").expect("the server's user exists");
    run(shell.current_dir("/").env("PATH", path).args(["-c", &line])).expect("the printed command starts it");

    let ask = |sql: &str| {
        let mut psql = installation.command("psql");
        psql.env("PGHOST", &sockets).env("PGPORT", "5432").env("PGUSER", "postgres");
        let answer = run(psql.args(["-X", "-A", "-t", "-d", "postgres", "-c", sql]));
        answer.expect("the restored server answers").trim_end().to_owned()
    };
    assert_eq!(ask(&fingerprint("kept")), expect);
    assert_eq!(ask("SHOW external_pid_file"), "", "the original's is left alone");
    assert_eq!(ask("SHOW config_file"), config.join("postgresql.conf").display().to_string());
}
