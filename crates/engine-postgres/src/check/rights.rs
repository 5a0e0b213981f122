//! Whether the server lets us in, is one we know, and lets our role do what a backup does.

use engine::Finding;
use pgwire::SqlState;

use super::{error_chain, finding, hba_remedy, quoted};
use crate::server::{BackupFunctions, Right, Server, ServerFacts};

/// Versions that this engine was tested with.
const MAJOR_MIN: u32 = 14;
const MAJOR_MAX: u32 = 18;

/// The finding for a refused login; `None` for an error that may pass by itself.
pub(super) fn login_refused(server: &Server, error: &pgwire::Error) -> Option<Finding> {
    let role = quoted(&server.options.connect.user);
    let problem = format!("the server does not let role {role} in: {}", error_chain(error));
    #[expect(clippy::wildcard_enum_match_arm, reason = "only some errors have a remedy that can be named")]
    let remedy = match error {
        pgwire::Error::PasswordMissing => {
            "register the instance again with `--password-file`, or use `peer` on a socket".to_owned()
        }
        pgwire::Error::Server(message) if message.sqlstate == SqlState::INVALID_PASSWORD => format!(
            "register the instance again with the right `--password-file`, or set the password: \
             `ALTER ROLE {role} PASSWORD '…';`"
        ),
        pgwire::Error::Server(message) if message.sqlstate == SqlState::INVALID_AUTHORIZATION => {
            let database = server.options.connect.database.as_deref().unwrap_or("postgres");
            format!(
                "make the role if there is none (`CREATE ROLE {role} LOGIN REPLICATION;`) and {}",
                hba_remedy(server, None, database)
            )
        }
        pgwire::Error::TlsNotOffered { .. } => {
            "switch TLS on at the server (`ssl = on`), or register the instance with another `--sslmode`".to_owned()
        }
        pgwire::Error::Tls { .. } | pgwire::Error::CaCertificates { .. } => {
            "register the instance with the server's CA certificate (`--ca-file`), and with the host name that its \
             certificate bears"
                .to_owned()
        }
        other if other.retry() == pgwire::Retry::AfterOperator => {
            "register the instance again with what the server asks for".to_owned()
        }
        _ => return None,
    };
    Some(finding(problem, remedy))
}

/// What the role lacks, and a version that is too old or too new.
pub(super) fn check(facts: &ServerFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (role, database) = (quoted(&facts.role), quoted(&facts.database));
    if !(MAJOR_MIN..=MAJOR_MAX).contains(&facts.version.major) {
        findings.push(finding(
            format!("the server is PostgreSQL {}", facts.version_text),
            format!(
                "this engine backs up PostgreSQL {MAJOR_MIN} to {MAJOR_MAX}: upgrade the server or Backstop"
            ),
        ));
    }
    if !facts.may(Right::Replication) {
        findings.push(finding(
            format!("role {role} may not use the replication protocol"),
            format!("run `ALTER ROLE {role} REPLICATION;`"),
        ));
    }
    let functions = BackupFunctions::of(facts.version);
    for (right, function, verb) in
        [(Right::Start, functions.start, "start"), (Right::Stop, functions.stop, "stop")]
    {
        if !facts.may(right) {
            findings.push(finding(
                format!("role {role} may not {verb} a backup"),
                format!("run in database {database}: `GRANT EXECUTE ON FUNCTION {function} TO {role};`"),
            ));
        }
    }
    if !facts.may(Right::ReadSettings) {
        findings.push(finding(
            format!("role {role} may not read where the server's files lie"),
            format!("run `GRANT pg_read_all_settings TO {role};`"),
        ));
    }
    if facts.in_recovery && facts.setting("full_page_writes") == "off" {
        findings.push(finding(
            "full_page_writes is off, so that a standby cannot be backed up",
            "run on the primary `ALTER SYSTEM SET full_page_writes = on;` and `SELECT pg_reload_conf();`",
        ));
    }
    findings
}
