//! Messages that we send ("Message Formats" in PostgreSQL's protocol documentation, protocol 3.0).
//!
//! Pure: values in, bytes out. Integers are big-endian; a length counts itself but not the tag.

use std::fmt;

use pgwal::Lsn;

use crate::{ConnectOptions, Error, Replication};

const PROTOCOL_3_0: i32 = 3 << 16;
const SSL_REQUEST: i32 = (1234 << 16) + 5679;
const CANCEL_REQUEST: i32 = (1234 << 16) + 5678;

/// Asks whether the server has TLS; the answer is a single byte.
pub(crate) fn ssl_request() -> Vec<u8> {
    untagged(&SSL_REQUEST.to_be_bytes())
}

/// Asks to cancel what the session does; sent on a connection of its own.
pub(crate) fn cancel_request(key: &CancelKey) -> Vec<u8> {
    let mut body = CANCEL_REQUEST.to_be_bytes().to_vec();
    body.extend_from_slice(&key.process_id.to_be_bytes());
    body.extend_from_slice(&key.secret);
    untagged(&body)
}

/// What the server gave at the start for canceling the session's commands.
#[derive(Clone)]
pub(crate) struct CancelKey {
    pub(crate) process_id: i32,
    pub(crate) secret: Box<[u8]>,
}

impl fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelKey {{ process_id: {}, secret: [redacted] }}", self.process_id)
    }
}

/// Opens the session.
pub(crate) fn startup(options: &ConnectOptions) -> Result<Vec<u8>, Error> {
    let mut body = PROTOCOL_3_0.to_be_bytes().to_vec();
    push_parameter(&mut body, "user", &options.user)?;
    if let Some(database) = &options.database {
        push_parameter(&mut body, "database", database)?;
    }
    match options.replication {
        Replication::No => {}
        Replication::Physical => push_parameter(&mut body, "replication", "true")?,
        Replication::Database => push_parameter(&mut body, "replication", "database")?,
    }
    push_parameter(&mut body, "client_encoding", "UTF8")?;
    push_parameter(&mut body, "application_name", &options.application_name)?;
    for (name, value) in &options.options {
        if name.is_empty() {
            return Err(Error::Setting { setting: "options", problem: "has a parameter without a name" });
        }
        push_parameter(&mut body, name, value)?;
    }
    body.push(0);
    Ok(untagged(&body))
}

fn push_parameter(body: &mut Vec<u8>, name: &str, value: &str) -> Result<(), Error> {
    if name.contains('\0') || value.contains('\0') {
        return Err(Error::Setting { setting: "startup parameters", problem: "have a zero byte" });
    }
    body.extend_from_slice(name.as_bytes());
    body.push(0);
    body.extend_from_slice(value.as_bytes());
    body.push(0);
    Ok(())
}

/// One string of SQL or one replication command.
pub(crate) fn query(sql: &str) -> Result<Vec<u8>, Error> {
    if sql.contains('\0') {
        return Err(Error::Unquotable { text: crate::error::excerpt(sql), role: "SQL" });
    }
    let mut body = sql.as_bytes().to_vec();
    body.push(0);
    Ok(tagged(b'Q', &body))
}

/// A password, or its MD5 form; zero-terminated.
pub(crate) fn password(text: &[u8]) -> Result<Vec<u8>, Error> {
    if text.contains(&0) {
        return Err(Error::Setting { setting: "password", problem: "has a zero byte" });
    }
    let mut body = text.to_vec();
    body.push(0);
    Ok(tagged(b'p', &body))
}

/// Chooses a SASL mechanism and gives its first message.
pub(crate) fn sasl_initial_response(mechanism: &str, message: &[u8]) -> Vec<u8> {
    let mut body = mechanism.as_bytes().to_vec();
    body.push(0);
    body.extend_from_slice(&length(message.len()).to_be_bytes());
    body.extend_from_slice(message);
    tagged(b'p', &body)
}

/// A further SASL message.
pub(crate) fn sasl_response(message: &[u8]) -> Vec<u8> {
    tagged(b'p', message)
}

/// Ends the session.
pub(crate) fn terminate() -> Vec<u8> {
    tagged(b'X', &[])
}

/// Ends our side of a copy.
pub(crate) fn copy_done() -> Vec<u8> {
    tagged(b'c', &[])
}

/// "Standby status update" of the replication protocol, in a `CopyData`.
pub(crate) fn standby_status(status: &StandbyStatus) -> Vec<u8> {
    let StandbyStatus { written, flushed, applied, sent_at, reply } = *status;
    let mut body = vec![b'r'];
    for lsn in [written, flushed, applied] {
        body.extend_from_slice(&lsn.as_u64().to_be_bytes());
    }
    body.extend_from_slice(&sent_at.to_be_bytes());
    body.push(u8::from(reply));
    tagged(b'd', &body)
}

/// How far a receiver of WAL is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StandbyStatus {
    pub(crate) written: Lsn,
    pub(crate) flushed: Lsn,
    pub(crate) applied: Lsn,
    /// Microseconds since 2000-01-01 UTC.
    pub(crate) sent_at: i64,
    /// Whether the server shall answer at once.
    pub(crate) reply: bool,
}

fn untagged(body: &[u8]) -> Vec<u8> {
    let mut message = length(body.len() + 4).to_be_bytes().to_vec();
    message.extend_from_slice(body);
    message
}

fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() + 5);
    message.push(tag);
    message.extend_from_slice(&length(body.len() + 4).to_be_bytes());
    message.extend_from_slice(body);
    message
}

fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("commands and passwords of ours stay far below 2 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Host;

    #[test]
    fn startup_names_user_database_and_replication() {
        let mut options = ConnectOptions::new(Host::Tcp("h".to_owned()), 1, "u");
        options.database = Some("d".to_owned());
        options.replication = Replication::Database;
        options.options = vec![("work_mem".to_owned(), "1MB".to_owned())];
        let message = startup(&options).expect("sendable");
        let text = b"user\0u\0database\0d\0replication\0database\0client_encoding\0UTF8\0\
            application_name\0backstop\0work_mem\x001MB\0\0";
        assert_eq!(&message[4..8], &[0, 3, 0, 0]);
        assert_eq!(&message[8..], text);
        assert_eq!(message[..4], u32::try_from(message.len()).expect("small").to_be_bytes());
    }

    #[test]
    fn zero_bytes_never_reach_the_wire() {
        let mut options = ConnectOptions::new(Host::Tcp("h".to_owned()), 1, "u\0database\0other");
        assert!(matches!(startup(&options), Err(Error::Setting { .. })));
        options.user = "u".to_owned();
        options.options = vec![(String::new(), String::new())];
        assert!(matches!(startup(&options), Err(Error::Setting { .. })));
        assert!(matches!(query("SELECT '\0'"), Err(Error::Unquotable { .. })));
        assert!(matches!(password(b"a\0b"), Err(Error::Setting { .. })));
    }

    #[test]
    fn fixed_messages_have_the_documented_bytes() {
        assert_eq!(ssl_request(), [0, 0, 0, 8, 4, 210, 22, 47]);
        let key = CancelKey { process_id: 7, secret: Box::from([0, 0, 0, 9]) };
        assert_eq!(cancel_request(&key), [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 7, 0, 0, 0, 9]);
        assert_eq!(terminate(), [b'X', 0, 0, 0, 4]);
        let status = StandbyStatus {
            written: Lsn::new(3),
            flushed: Lsn::new(2),
            applied: Lsn::new(1),
            sent_at: -1,
            reply: true,
        };
        let message = standby_status(&status);
        assert_eq!(message.len(), 1 + 4 + 34);
        assert_eq!(message[13], 3);
        assert_eq!(message.last(), Some(&1));
    }
}
