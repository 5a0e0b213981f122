//! How a throwaway cluster is to be.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::{Cluster, Installation};
use crate::process::{ServerUser, run};
use crate::tls::ServerCertificate;

/// Settings of a cluster that is to be made.
#[derive(Debug, Clone)]
pub struct ClusterBuilder {
    installation: Installation,
    checksums: bool,
    wal_segment_mib: Option<u32>,
    encoding: String,
    settings: Vec<(String, String)>,
    hba: Vec<String>,
    certificate: Option<ServerCertificate>,
}

impl ClusterBuilder {
    pub(super) fn new(installation: &Installation) -> Self {
        Self {
            installation: installation.clone(),
            checksums: false,
            wal_segment_mib: None,
            encoding: "UTF8".to_owned(),
            settings: Vec::new(),
            hba: Vec::new(),
            certificate: None,
        }
    }

    /// With page checksums; otherwise without, on every version.
    #[must_use]
    pub fn with_checksums(mut self) -> Self {
        self.checksums = true;
        self
    }

    /// Segments of WAL of this many MiB instead of 16.
    #[must_use]
    pub fn wal_segment_mib(mut self, mib: u32) -> Self {
        self.wal_segment_mib = Some(mib);
        self
    }

    /// An encoding instead of UTF8; the locale is C.
    #[must_use]
    pub fn encoding(mut self, encoding: &str) -> Self {
        encoding.clone_into(&mut self.encoding);
        self
    }

    /// A line of `postgresql.conf`; a later one counts. The value is quoted here.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A line of `pg_hba.conf`. The superuser `postgres` may always connect by the socket; nobody else may do
    /// anything without such a line.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }

    /// With TLS and this certificate.
    #[must_use]
    pub fn tls(mut self, certificate: &ServerCertificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// Makes the cluster and starts it.
    ///
    /// # Errors
    /// `initdb` or the server fails; the error shows what they printed.
    pub fn start(&self) -> Result<Cluster> {
        let mut cluster = self.create()?;
        cluster.start()?;
        Ok(cluster)
    }

    /// Makes the cluster and does not start it.
    ///
    /// # Errors
    /// `initdb` fails; the error shows what it printed.
    pub fn create(&self) -> Result<Cluster> {
        let user = ServerUser::find()?;
        let root = root_directory()?;
        let sockets = owned_directory(&root, "s", user)?;
        let data = owned_directory(&root, "data", user)?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).context("close the data directory")?;
        self.initdb(&data)?;
        self.configure(&data, &sockets, user)?;
        Ok(Cluster::new(self.installation.clone(), user, root, data, sockets))
    }

    fn initdb(&self, data: &Path) -> Result<()> {
        let mut command = self.installation.server_command("initdb")?;
        command.arg("--pgdata").arg(data).args([
            "--username=postgres",
            "--locale=C",
            "--no-sync",
            "--auth=trust",
        ]);
        command.arg(format!("--encoding={}", self.encoding));
        if self.checksums {
            command.arg("--data-checksums");
        } else if self.installation.major() >= 18 {
            command.arg("--no-data-checksums");
        }
        if let Some(mib) = self.wal_segment_mib {
            command.arg(format!("--wal-segsize={mib}"));
        }
        run(command.current_dir("/")).map(drop)
    }

    fn configure(&self, data: &Path, sockets: &Path, user: Option<ServerUser>) -> Result<()> {
        let mut lines = String::from("\n");
        // Tests lose no power; whoever wants fsync sets it.
        let defaults = [
            ("listen_addresses", "127.0.0.1"),
            ("fsync", "off"),
            ("shared_buffers", "32MB"),
            ("max_wal_senders", "10"),
            ("log_line_prefix", "%m [%p] "),
            ("unix_socket_directories", sockets.to_str().context("a path that is not UTF-8")?),
        ];
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in defaults.into_iter().chain(given) {
            writeln!(lines, "{name} = '{}'", value.replace('\'', "''"))?;
        }
        if let Some(ServerCertificate { certificate_pem, key_pem }) = &self.certificate {
            write_owned(&data.join("server.crt"), certificate_pem, user)?;
            write_owned(&data.join("server.key"), key_pem, user)?;
            lines.push_str("ssl = on\n");
        }
        let file = data.join("postgresql.conf");
        let original = fs::read_to_string(&file).context("read postgresql.conf")?;
        write_owned(&file, &(original + &lines), user)?;
        let superuser = ["local all postgres trust", "local replication postgres trust"];
        let hba = superuser.into_iter().chain(self.hba.iter().map(String::as_str));
        write_owned(&data.join("pg_hba.conf"), &(hba.collect::<Vec<_>>().join("\n") + "\n"), user)
    }
}

/// A directory that other users may enter. Directly below `/tmp`: the path of a socket may have 107 characters.
pub(super) fn root_directory() -> Result<TempDir> {
    let root = tempfile::Builder::new().prefix("pg-").tempdir_in("/tmp").context("make a directory")?;
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).context("open the directory")?;
    Ok(root)
}

/// A directory in the cluster's own, which the server may write.
pub(super) fn owned_directory(root: &TempDir, name: &str, user: Option<ServerUser>) -> Result<PathBuf> {
    let path = root.path().join(name);
    fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
    own(&path, user)?;
    Ok(path)
}

/// A file of the server's, readable by nobody else, as it wants its key.
fn write_owned(path: &Path, text: &str, user: Option<ServerUser>) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    own(path, user)
}

fn own(path: &Path, user: Option<ServerUser>) -> Result<()> {
    let Some(ServerUser { uid, gid }) = user else {
        return Ok(());
    };
    chown(path, Some(uid), Some(gid)).with_context(|| format!("give {} away", path.display()))
}
