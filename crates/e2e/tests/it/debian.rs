//! A cluster as Debian makes it: its settings lie outside of the data directory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{Backstop, Restored, Turn, tree};
use testkit::postgres::Installation;
use testkit::process::{ChildGuard, ServerUser, run, wait_until};

/// A cluster made by `pg_createcluster`, running; its settings lie outside of its data directory.
struct DebianCluster {
    root: tempfile::TempDir,
    server: Option<ChildGuard>,
    port: u16,
}

impl DebianCluster {
    fn start() -> Result<Self> {
        let user = ServerUser::find()?;
        let root = tempfile::Builder::new().prefix("deb-").tempdir_in("/tmp")?;
        fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        for folder in ["etc", "sockets"] {
            fs::create_dir(root.path().join(folder))?;
        }
        let path = |name: &str| root.path().join(name).display().to_string();
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let owner = user.map_or_else(testkit::process::current_user_name, |_| Ok("postgres".to_owned()))?;
        run(Command::new("chown").args([&owner, &path("sockets")]))?;
        let mut create = Command::new("pg_createcluster");
        create.env("PG_CLUSTER_CONF_ROOT", path("etc")).args(["15", "main", "--user", &owner, "--no-status"]);
        create.args(["--datadir", &path("data"), "--socketdir", &path("sockets"), "--logfile", &path("log")]);
        create.args(["--port", &port.to_string(), "--start-conf", "manual", "--", "--no-sync"]);
        run(&mut create)?;
        let mut cluster = Self { root, server: None, port };
        cluster.configure(&owner)?;
        cluster.run()?;
        Ok(cluster)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    /// As an administrator sets up a backup on Debian: a role by `peer`, and a setting in `conf.d`.
    fn configure(&self, owner: &str) -> Result<()> {
        let settings = self.path("etc/15/main");
        fs::write(settings.join("conf.d/own.conf"), "work_mem = '7654kB'\nautovacuum = off\nssl = off\n")?;
        let os_user = testkit::process::current_user_name()?;
        fs::write(
            settings.join("pg_ident.conf"),
            format!("backup {os_user} backstop\nadmin {os_user} postgres\n"),
        )?;
        let hba = "local all postgres peer map=admin\nlocal all backstop peer map=backup\nlocal replication backstop peer map=backup\n";
        fs::write(settings.join("pg_hba.conf"), hba)?;
        run(Command::new("chown").args(["-R", owner]).arg(&settings))?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let mut command = Installation::debian15()?.server_command("postgres")?;
        command.arg("-D").arg(self.path("etc/15/main")).current_dir("/").stdin(Stdio::null());
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("own-log"))?;
        command.stdout(log.try_clone()?).stderr(log);
        self.server = Some(ChildGuard::spawn(&mut command)?);
        let ready = || self.psql("SELECT 1").is_ok();
        wait_until("Debian's cluster", Duration::from_secs(30), ready)
            .with_context(|| fs::read_to_string(self.path("own-log")).unwrap_or_default())
    }

    fn psql(&self, sql: &str) -> Result<String> {
        let mut command = Installation::debian15()?.command("psql");
        command
            .env("PGHOST", self.path("sockets"))
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql]);
        Ok(run(&mut command)?.trim_end().to_owned())
    }
}

impl Drop for DebianCluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.signal(rustix::process::Signal::QUIT);
            let _ = server.wait(Duration::from_secs(30));
        }
    }
}

#[test]
fn a_cluster_of_pg_createcluster_comes_back_with_its_settings() -> Result<()> {
    let _turn = Turn::wait()?;
    let cluster = DebianCluster::start()?;
    cluster.psql(
        "CREATE ROLE backstop LOGIN REPLICATION; GRANT pg_read_all_settings TO backstop;
         GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean) TO backstop;
         CREATE TABLE kept AS SELECT n, md5(n::text) FROM generate_series(1, 1000) AS n;",
    )?;
    let mut backstop = Backstop::init("matrix-debian")?;
    backstop.serve()?;
    let (sockets, data, port) = (cluster.path("sockets"), cluster.path("data"), cluster.port.to_string());
    let (sockets, data) = (sockets.to_str().context("UTF-8")?, data.to_str().context("UTF-8")?);
    let mut arguments = vec!["instance", "register", "orders", "--engine", "postgresql", "--host", sockets];
    arguments.extend(["--port", &port, "--user", "backstop", "--data-dir", data]);
    backstop.cli(&arguments)?.done()?;
    let set = backstop.back_up("orders")?;
    let target = backstop.place("restored");
    let path = target.to_str().context("UTF-8")?;
    let done = backstop.cli(&["restore", "orders", "--backup", &set, "--target", path])?.done()?;

    let settings = target.join("backstop-config");
    let stored = tree(&settings)?;
    for file in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "conf.d/own.conf"] {
        let found = stored.keys().any(|path| path.ends_with(Path::new("etc/15/main").join(file)));
        ensure!(found, "{file} is not in {stored:?}");
    }
    let start = done["StartCommand"].as_str().with_context(|| format!("no StartCommand: {done}"))?;
    let restored = Restored::start_as_told(&Installation::debian15()?, &target, start)?;
    ensure!(restored.psql("SELECT count(*) FROM kept")? == "1000");
    ensure!(
        restored.psql("SHOW work_mem")? == "7654kB",
        "the settings outside of the data directory are not used"
    );
    ensure!(restored.psql("SHOW data_directory")? == target.display().to_string());
    let hba = restored.psql("SHOW hba_file")?;
    ensure!(Path::new(&hba).starts_with(&settings), "the restored server reads {hba}");
    if cluster.psql("SELECT count(*) FROM kept")? != "1000" {
        bail!("the source changed");
    }
    Ok(())
}
