//! A server on a restored directory, beside the one that the backup was made of.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use testkit::postgres::Cluster;
use testkit::process::{ChildGuard, run, wait_for};

const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The server; it ends with the value.
pub(crate) struct Restored<'a> {
    source: &'a Cluster,
    sockets: PathBuf,
    _server: ChildGuard,
}

impl<'a> Restored<'a> {
    /// Starts a server on `data` and waits until its recovery has ended.
    pub(crate) fn start(source: &'a Cluster, data: &Path) -> Self {
        let sockets = source.directory("restored-sockets").expect("a new folder");
        let mut command = source.installation().server_command("postgres").expect("a user for servers");
        let log = sockets.join("log");
        let out = File::create_new(&log).expect("a new file");
        command.arg("-D").arg(data).arg("-k").arg(&sockets).args(["-c", "listen_addresses=", "-p", "5432"]);
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(out.try_clone().expect("a second handle"))
            .stdout(out);
        let mut server = ChildGuard::spawn(&mut command).expect("the server starts");
        let ready = wait_for("the end of recovery", START_TIMEOUT, || {
            anyhow::ensure!(server.try_wait()?.is_none(), "the server ended");
            Ok(psql(source, &sockets, "SELECT pg_is_in_recovery()").filter(|answer| answer == "f").map(drop))
        });
        if let Err(error) = ready {
            panic!("{error:#}:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
        }
        Self { source, sockets, _server: server }
    }

    /// What a statement answers.
    pub(crate) fn psql(&self, sql: &str) -> String {
        psql(self.source, &self.sockets, sql).expect("psql answers")
    }
}

fn psql(source: &Cluster, sockets: &Path, sql: &str) -> Option<String> {
    let mut command = source.installation().command("psql");
    command.arg("-h").arg(sockets).args(["-p", "5432", "-U", "postgres", "-d", "postgres", "-XAtqc", sql]);
    run(&mut command).ok().map(|answer| answer.trim_end().to_owned())
}
