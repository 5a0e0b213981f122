//! A PostgreSQL server to back up, with the least-privileged role that README documents.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use testkit::postgres::{Cluster, ClusterBuilder};
use testkit::process::{current_user_name, run};
use testkit::tls::CertificateAuthority;

use crate::backstop::temporary_directory;

/// The role that backs up.
const ROLE: &str = "backstop";
const PASSWORD: &str = "correct horse 'battery' staple";

/// How the role gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By the socket's directory, as the user of the operating system that the service runs as.
    Peer,
    /// By TCP, with a password (SCRAM) and TLS whose certificate and name are verified.
    ScramVerifyFull,
}

/// The server.
#[derive(Debug)]
pub struct Source {
    /// The cluster.
    pub cluster: Cluster,
    /// Where its WAL is archived.
    pub archive: PathBuf,
    access: Access,
    secrets: TempDir,
}

impl Source {
    /// Makes a cluster that archives its WAL into a directory of its own, starts it, and makes the role.
    ///
    /// # Errors
    /// The server does not start.
    pub fn start(builder: ClusterBuilder, access: Access) -> Result<Self> {
        let secrets = temporary_directory("secrets-")?;
        let mut builder = builder.setting("wal_level", "replica").setting("max_wal_size", "256MB");
        match access {
            Access::Peer => {
                for database in ["all", "replication"] {
                    builder = builder.hba(&format!("local {database} {ROLE} peer map=backup"));
                }
            }
            Access::ScramVerifyFull => {
                let authority = CertificateAuthority::new()?;
                fs::write(secrets.path().join("ca.pem"), authority.pem())?;
                write_secret(&secrets.path().join("password"), PASSWORD)?;
                builder = builder.tls(&authority.issue(&["127.0.0.1"])?);
                for database in ["all", "replication"] {
                    builder = builder.hba(&format!("hostssl {database} {ROLE} 127.0.0.1/32 scram-sha-256"));
                }
            }
        }
        let mut cluster = builder.create()?;
        let map = format!("backup {} {ROLE}\n", current_user_name()?);
        fs::write(cluster.data_dir().join("pg_ident.conf"), map).context("write pg_ident.conf")?;
        let archive = cluster.directory("archive")?;
        let to = archive.display();
        // By rename, as an archive must: a half segment is never seen.
        cluster.set("archive_command", &format!("cp '%p' '{to}/%f.part' && mv '{to}/%f.part' '{to}/%f'"))?;
        cluster.set("archive_mode", "on")?;
        cluster.start()?;
        let source = Self { cluster, archive, access, secrets };
        source.make_role()?;
        Ok(source)
    }

    fn make_role(&self) -> Result<()> {
        let password = match self.access {
            Access::Peer => String::new(),
            Access::ScramVerifyFull => format!(" PASSWORD '{}'", PASSWORD.replace('\'', "''")),
        };
        let functions = if self.cluster.installation().major() < 15 {
            "pg_start_backup(text, boolean, boolean), pg_stop_backup(boolean, boolean)"
        } else {
            "pg_backup_start(text, boolean), pg_backup_stop(boolean)"
        };
        self.cluster.psql(&format!(
            "CREATE ROLE {ROLE} LOGIN REPLICATION{password};
             GRANT EXECUTE ON FUNCTION {functions} TO {ROLE};
             GRANT pg_read_all_settings TO {ROLE};"
        ))?;
        Ok(())
    }

    /// The options of `backstop instance register`.
    ///
    /// # Errors
    /// A path is not UTF-8.
    pub fn register_arguments(&self) -> Result<Vec<String>> {
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a path that is not UTF-8");
        let port = self.cluster.port().to_string();
        let data = text(self.cluster.data_dir())?;
        let mut arguments =
            vec!["--engine", "postgresql", "--port", &port, "--user", ROLE, "--data-dir", &data]
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>();
        match self.access {
            Access::Peer => arguments.extend(["--host".to_owned(), text(self.cluster.socket_dir())?]),
            Access::ScramVerifyFull => {
                arguments.extend(["--host", "127.0.0.1", "--sslmode", "verify-full"].map(str::to_owned));
                for (option, file) in [("--password-file", "password"), ("--ca-file", "ca.pem")] {
                    arguments.extend([option.to_owned(), text(&self.secrets.path().join(file))?]);
                }
            }
        }
        Ok(arguments)
    }

    /// Fills the database `postgres` with pgbench's tables and with tables of every other kind.
    ///
    /// # Errors
    /// SQL fails.
    pub fn fill(&self, scale: u32) -> Result<()> {
        self.pgbench_tables(scale)?;
        self.cluster.psql(
            "CREATE TABLE quiet AS SELECT n, md5(n::text) AS text FROM generate_series(1, 20000) AS n;
             CREATE INDEX ON quiet (text);
             CREATE TABLE long (n int, value text);
             ALTER TABLE long ALTER COLUMN value SET STORAGE EXTERNAL;
             INSERT INTO long SELECT n, repeat(md5(n::text), 400) FROM generate_series(1, 100) AS n;
             CREATE TABLE documents (n int, body jsonb);
             INSERT INTO documents SELECT n, jsonb_build_object('n', n, 'words', ARRAY[md5(n::text)]) FROM generate_series(1, 2000) AS n;
             CREATE INDEX ON documents USING gin (body);
             CREATE TABLE parted (n int) PARTITION BY RANGE (n);
             CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);
             CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (2000);
             INSERT INTO parted SELECT generate_series(0, 1999);
             CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM quiet;
             CREATE UNLOGGED TABLE forgotten AS SELECT generate_series(1, 100) AS n;
             SELECT lo_from_bytea(0, decode(repeat('c0ffee', 2000), 'hex'));",
        )?;
        Ok(())
    }

    /// Makes pgbench's tables.
    ///
    /// # Errors
    /// pgbench fails.
    pub fn pgbench_tables(&self, scale: u32) -> Result<()> {
        run(self.cluster.client("pgbench").args([
            "-i",
            "-q",
            "-I",
            "dtGvp",
            "-s",
            &scale.to_string(),
            "postgres",
        ]))?;
        Ok(())
    }
}

fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    writeln!(file, "{text}").with_context(|| format!("write {}", path.display()))
}
