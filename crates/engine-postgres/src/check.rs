//! The check stage: everything a backup needs of server and host is tried before the server is asked for anything.
//!
//! Each thing that is wrong becomes a finding with its remedy, in commands to be pasted. Nothing is changed: the
//! one slot that is made is temporary and ends with its connection.

mod directory;
mod replication;
mod rights;
mod space;

use std::path::PathBuf;

use engine::{BackupError, BackupRequest, Finding, JobControl};
use pgwire::{Connection, Host, quote_identifier};

use crate::control_file::ControlFile;
use crate::server::{Server, ServerFacts, server_error};

pub(crate) use directory::{DirectoryInUse, read_control};
pub(crate) use space::space_at;

/// What the check learned.
#[derive(Debug)]
pub(crate) struct Examination {
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
    /// What the server said; `None` when it does not let us in.
    pub(crate) facts: Option<ServerFacts>,
    /// The server's own directory on this host; `None` unless it was found and proven to be.
    pub(crate) directory: Option<DirectoryInUse>,
}

/// Tries everything. With a request, also the places that it names.
pub(crate) fn examine(
    server: &Server,
    request: Option<&BackupRequest>,
    control: &dyn JobControl,
) -> Result<Examination, BackupError> {
    control.check()?;
    let mut connection = match server.connect() {
        Ok(connection) => connection,
        Err(error) => {
            let finding = rights::login_refused(server, &error);
            let finding = finding.ok_or_else(|| server_error(reach(server))(error))?;
            return Ok(Examination { findings: vec![finding], facts: None, directory: None });
        }
    };
    let facts = ServerFacts::ask(&mut connection).map_err(server_error("ask the server about itself"))?;
    let mut findings = rights::check(&facts);
    control.check()?;
    findings.extend(replication::check(server, &facts)?);
    control.check()?;
    let mut directory = None;
    match directory::check(server, &facts, &mut connection)? {
        Ok(found) => directory = Some(found),
        Err(finding) => findings.extend(finding),
    }
    if let (Some(directory), Some(request)) = (&directory, request) {
        findings.extend(space::check_places(&request.own_directories, directory));
        space::check_floor(&request.own_directories, request.free_space_floor_bytes)?;
    }
    Ok(Examination { findings, facts: Some(facts), directory })
}

fn reach(server: &Server) -> String {
    let connect = &server.options.connect;
    match &connect.host {
        Host::Tcp(name) => format!("connect to the server at {name}:{}", connect.port),
        Host::Socket(folder) => {
            format!("connect to the server by {}/.s.PGSQL.{}", folder.display(), connect.port)
        }
    }
}

/// The line of `pg_hba.conf` that lets our role in, to `database` or, by the word `replication`, to the protocol.
fn hba_line(server: &Server, client_address: Option<&str>, database: &str) -> String {
    let role = quoted(&server.options.connect.user);
    match (&server.options.connect.host, client_address) {
        (Host::Socket(_), _) => format!("local {database} {role} peer"),
        (Host::Tcp(_), Some(address)) => {
            let bits = if address.contains(':') { 128 } else { 32 };
            format!("host {database} {role} {address}/{bits} scram-sha-256")
        }
        (Host::Tcp(_), None) => format!("host {database} {role} <this host's address>/32 scram-sha-256"),
    }
}

/// The line of `pg_hba.conf`, and how to make the server read it.
fn hba_remedy(server: &Server, facts: Option<&ServerFacts>, database: &str) -> String {
    let line = hba_line(server, facts.and_then(|facts| facts.client_address.as_deref()), database);
    let file = facts.map(|facts| facts.setting("hba_file")).filter(|file| !file.is_empty());
    let file =
        file.map_or_else(|| "pg_hba.conf (`SHOW hba_file;` says where it is)".to_owned(), str::to_owned);
    format!(
        "add the line `{line}` to {file}, above lines that refuse it, then run `SELECT pg_reload_conf();`"
    )
}

/// A name as SQL and `pg_hba.conf` take it: in quotes only where it needs them.
fn quoted(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { quote_identifier(name).unwrap_or_else(|_| name.to_owned()) }
}

fn finding(problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { problem: problem.into(), remedy: remedy.into() }
}

/// An error and its causes in one line.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What of a connection and the host the directory's check needs.
type Session<'a> = &'a mut Connection;

/// The directory and all that belongs to it on this host.
impl DirectoryInUse {
    /// Data directory, tablespaces and `pg_wal`: nothing of ours may lie in or around them.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.path.clone()];
        places.extend(self.tablespaces.iter().filter_map(|t| t.location.clone()));
        places.push(self.path.join("pg_wal"));
        places
    }

    /// What `pg_control` said.
    pub(crate) fn control(&self) -> &ControlFile {
        &self.control
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_they_must_be() {
        assert_eq!(quoted("backstop_1"), "backstop_1");
        assert_eq!(quoted("Backup\"er"), "\"Backup\"\"er\"");
        assert_eq!(quoted("1st"), "\"1st\"");
    }
}
