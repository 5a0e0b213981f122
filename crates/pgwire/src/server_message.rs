//! Errors and notices as the server words them (`ErrorResponse` and `NoticeResponse`: "Error and Notice Message
//! Fields" in PostgreSQL's protocol documentation).

use std::fmt;

use crate::Retry;
use crate::backend::Fields;

/// Five characters that say what kind of error it is ("PostgreSQL Error Codes" in its documentation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// The password is wrong.
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// No line of `pg_hba.conf` admits the connection, or the role may not log in.
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// A right is missing.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// The statement was canceled, by request or by a timeout.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// No connection, walsender or replication slot is free.
    pub const TOO_MANY_CONNECTIONS: Self = Self(*b"53300");
    /// A limit of the configuration is reached, such as `max_replication_slots`.
    pub const CONFIGURATION_LIMIT_EXCEEDED: Self = Self(*b"53400");
    /// What the server says when it has no better code; also ours when it sent none.
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");

    /// `None` unless five digits or upper-case letters.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 5] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()).then_some(Self(bytes))
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }

    /// The first two characters.
    pub fn class(&self) -> &str {
        &self.as_str()[..2]
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error or a notice of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMessage {
    /// `ERROR`, `FATAL`, `PANIC`, `WARNING`, `NOTICE` and so on, not translated.
    pub severity: String,
    /// What kind of error.
    pub sqlstate: SqlState,
    /// One line for people, in the server's language.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What may help.
    pub hint: Option<String>,
    /// Where in the server it happened (`context`).
    pub context: Option<String>,
}

impl ServerMessage {
    /// Reads the body of the message. Any bytes read as something: an unknown field is passed over, a missing one
    /// is empty.
    pub(crate) fn decode(body: &[u8]) -> Self {
        let mut decoded = Self {
            severity: String::new(),
            sqlstate: SqlState::INTERNAL_ERROR,
            message: String::new(),
            detail: None,
            hint: None,
            context: None,
        };
        let mut fields = Fields::new(body);
        while let Some((code, value)) = fields.next_tagged_text() {
            match code {
                b'S' if decoded.severity.is_empty() => decoded.severity = value,
                b'V' => decoded.severity = value,
                b'C' => decoded.sqlstate = SqlState::parse(&value).unwrap_or(SqlState::INTERNAL_ERROR),
                b'M' => decoded.message = value,
                b'D' => decoded.detail = Some(value),
                b'H' => decoded.hint = Some(value),
                b'W' => decoded.context = Some(value),
                _ => {}
            }
        }
        decoded
    }

    /// Whether the server ends the session after it.
    pub fn is_fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }

    /// What may be done about it, by the class of the code.
    pub fn retry(&self) -> Retry {
        match (self.sqlstate.class(), self.sqlstate.as_str()) {
            // Operator intervention: shutting down, starting up, canceled. Object in use. Lock not available.
            ("08" | "40" | "53" | "57", _) | (_, "55006" | "55P03") => Retry::Later,
            // Authorization, privileges, no such database, not the right state of a prerequisite.
            ("28" | "3D", _) | (_, "42501" | "55000") => Retry::AfterOperator,
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.sqlstate)?;
        if let Some(detail) = &self.detail {
            write!(f, "; {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_read_and_the_untranslated_severity_wins() {
        let message = ServerMessage::decode(
            b"SFEHLER\0VERROR\0C42501\0Mmust be owner\0Dwhy\0Hask\0Wline 1\0Ffile.c\0\0",
        );
        assert_eq!(message.severity, "ERROR");
        assert_eq!(message.sqlstate, SqlState::INSUFFICIENT_PRIVILEGE);
        assert_eq!(message.to_string(), "must be owner (42501); why; hint: ask");
        assert_eq!(message.context.as_deref(), Some("line 1"));
        assert_eq!(message.retry(), Retry::AfterOperator);
    }

    #[test]
    fn broken_bodies_read_as_something() {
        for body in [&b""[..], b"\0", b"M", b"Mno end", b"C4250\0", b"C\xff\xff\xff\xff\xff\0", b"M\xff\0"] {
            let message = ServerMessage::decode(body);
            assert_eq!(message.sqlstate, SqlState::INTERNAL_ERROR);
            assert!(!message.is_fatal());
        }
    }
}
