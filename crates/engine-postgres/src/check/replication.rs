//! Whether WAL can be received: the line in `pg_hba.conf`, a walsender and a slot, tried by using them.

use engine::{BackupError, Finding};
use pgwire::{SlotName, SqlState, WalReservation};
use repository::AttemptId;

use super::{error_chain, finding, hba_remedy};
use crate::server::{Right, Server, ServerFacts, is_refusal, server_error};

pub(super) fn check(server: &Server, facts: &ServerFacts) -> Result<Vec<Finding>, BackupError> {
    if facts.setting("wal_level") == "minimal" {
        return Ok(vec![finding(
            "wal_level is minimal, with which no running server can be backed up",
            "run `ALTER SYSTEM SET wal_level = 'replica';` and `ALTER SYSTEM SET max_wal_senders = 10;`, \
             then restart the server",
        )]);
    }
    if !facts.may(Right::Replication) {
        // The connection would only fail for the reason that is told already.
        return Ok(Vec::new());
    }
    let mut connection = match server.connect_walsender() {
        Ok(connection) => connection,
        Err(error) => return refused(server, facts, error).map(|finding| vec![finding]),
    };
    let identity =
        connection.identify_system().map_err(server_error("ask the walsender which cluster it serves"))?;
    if identity.system_identifier != facts.system_identifier {
        return Ok(vec![finding(
            format!(
                "the replication protocol reaches cluster {}, SQL reaches cluster {}",
                identity.system_identifier, facts.system_identifier
            ),
            "connect to the server itself, not through something that spreads connections over servers",
        )]);
    }
    let name = format!("backstop_check_{}", AttemptId::random());
    let name = SlotName::parse(&name).expect("letters, digits and underscores, 47 of them");
    match connection.create_temporary_physical_slot(&name, WalReservation::AtFirstUse) {
        Ok(_) => Ok(Vec::new()),
        Err(error)
            if is_refusal(&error, SqlState::CONFIGURATION_LIMIT_EXCEEDED) || is_out_of_slots(&error) =>
        {
            Ok(vec![no_free_slot(facts)])
        }
        Err(error) => Err(server_error("make a temporary replication slot")(error)),
    }
}

fn refused(server: &Server, facts: &ServerFacts, error: pgwire::Error) -> Result<Finding, BackupError> {
    if is_refusal(&error, SqlState::TOO_MANY_CONNECTIONS) {
        let more = number(facts.setting("max_wal_senders")) + 5;
        return Ok(finding(
            format!("no walsender is free: {}", error_chain(&error)),
            format!(
                "run `ALTER SYSTEM SET max_wal_senders = {more};` and restart the server, or stop a receiver"
            ),
        ));
    }
    let refusal =
        [SqlState::INVALID_AUTHORIZATION, SqlState::INVALID_PASSWORD, SqlState::INSUFFICIENT_PRIVILEGE];
    if refusal.iter().any(|code| is_refusal(&error, *code)) || matches!(error, pgwire::Error::PasswordMissing)
    {
        return Ok(finding(
            format!("the server refuses a replication connection: {}", error_chain(&error)),
            hba_remedy(server, Some(facts), "replication"),
        ));
    }
    Err(server_error("connect by the replication protocol")(error))
}

/// With `max_replication_slots = 0` the server speaks of a state, not of a limit.
fn is_out_of_slots(error: &pgwire::Error) -> bool {
    error.server_message().is_some_and(|message| message.sqlstate.as_str() == "55000")
}

fn no_free_slot(facts: &ServerFacts) -> Finding {
    let more = number(facts.setting("max_replication_slots")) + 5;
    finding(
        format!("all {} replication slots are in use", facts.setting("max_replication_slots")),
        format!(
            "drop a slot that nobody uses (`SELECT slot_name, active FROM pg_replication_slots;`, \
             `SELECT pg_drop_replication_slot('…');`), or run `ALTER SYSTEM SET max_replication_slots = {more};` \
             and restart the server"
        ),
    )
}

fn number(setting: &str) -> u32 {
    setting.parse().unwrap_or(0)
}
