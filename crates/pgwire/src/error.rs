//! What can go wrong between us and a server, and what may be done about it.

use std::io;

use crate::ServerMessage;

/// What to do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same call fails again.
    Never,
    /// The same call may succeed later.
    Later,
    /// Someone has to change a setting, a password or a certificate first.
    AfterOperator,
}

/// A failed conversation with a PostgreSQL server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options cannot be sent, such as a user name with a zero byte.
    #[error("connection setting {setting} {problem}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody listens there, or the name does not resolve.
    #[error("connect to PostgreSQL at {address}")]
    Connect {
        /// Host and port, or the socket's path.
        address: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The server has no TLS and the mode asks for it.
    #[error("the PostgreSQL server at {address} does not offer TLS")]
    TlsNotOffered {
        /// Host and port.
        address: String,
    },
    /// The handshake failed: most often a certificate that is not trusted or names another host.
    #[error("TLS with PostgreSQL at {address}")]
    Tls {
        /// Host and port.
        address: String,
        /// What TLS complained of.
        #[source]
        source: io::Error,
    },
    /// The CA certificates are not PEM, or hold no certificate.
    #[error("read the CA certificates: {problem}")]
    CaCertificates {
        /// What is wrong with them.
        problem: String,
    },
    /// The server asks for a password and there is none.
    #[error("the server asks for a password and none is configured")]
    PasswordMissing,
    /// The server asks for the password in clear text over an unencrypted connection.
    #[error("the server asks for the password in clear text over an unencrypted connection")]
    CleartextRefused,
    /// Kerberos, GSSAPI, SSPI and whatever else we do not speak.
    #[error("the server asks for authentication method {method}, which is not supported")]
    AuthenticationUnsupported {
        /// Its name or number.
        method: String,
    },
    /// The SCRAM exchange failed on our side: the server could not prove that it knows the password.
    #[error("authenticate by SCRAM")]
    Scram(#[source] io::Error),
    /// The server reported an error. The connection stays usable unless it was fatal.
    #[error("{0}")]
    Server(Box<ServerMessage>),
    /// No answer in time.
    #[error("no answer in time: {waiting_for}")]
    Timeout {
        /// What we were waiting for.
        waiting_for: &'static str,
    },
    /// The server closed the connection.
    #[error("the server closed the connection: {during}")]
    Closed {
        /// What we were waiting for.
        during: &'static str,
    },
    /// The socket failed.
    #[error("{during}")]
    Io {
        /// What we were doing.
        during: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The server, or something that stands in its place, sent what the protocol does not allow.
    #[error("unexpected bytes from the server: {problem}")]
    Protocol {
        /// What was expected or found.
        problem: &'static str,
    },
    /// A single message is larger than [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX).
    #[error("the server announces a message of {bytes} bytes")]
    MessageTooLarge {
        /// The announced size.
        bytes: u64,
    },
    /// A result is larger than we keep in memory; ask for it row by row.
    #[error("the result is larger than {bytes_max} bytes")]
    ResultTooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The number of result sets or rows is not what the query must give.
    #[error("expected {expected}, the server sent {found}")]
    ResultShape {
        /// What must come.
        expected: &'static str,
        /// How many came.
        found: usize,
    },
    /// There is no such column.
    #[error("the result has no column {column}")]
    ColumnMissing {
        /// Its name.
        column: String,
    },
    /// The column is null where a value must be.
    #[error("column {column} is null")]
    ColumnNull {
        /// Its name.
        column: String,
    },
    /// The value does not read as the type.
    #[error("column {column} is not {expected}: {found:?}")]
    ColumnFormat {
        /// Its name.
        column: String,
        /// What it must be.
        expected: &'static str,
        /// The first characters of what it is.
        found: String,
    },
    /// A text cannot be part of a command: it has a zero byte, or a slot's name has other characters than
    /// small letters, digits and underscores.
    #[error("{text:?} cannot be {role} in a command")]
    Unquotable {
        /// The first characters of the text.
        text: String,
        /// What it was to be.
        role: &'static str,
    },
    /// An earlier error left the conversation in an unknown state.
    #[error("the connection is unusable after an earlier error")]
    Broken,
}

impl Error {
    /// What may be done about it.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Server(message) => message.retry(),
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Io { .. }
            | Self::Broken => Retry::Later,
            Self::TlsNotOffered { .. }
            | Self::Tls { .. }
            | Self::CaCertificates { .. }
            | Self::PasswordMissing
            | Self::CleartextRefused
            | Self::AuthenticationUnsupported { .. }
            | Self::Scram(_)
            | Self::Setting { .. } => Retry::AfterOperator,
            Self::Protocol { .. }
            | Self::MessageTooLarge { .. }
            | Self::ResultTooLarge { .. }
            | Self::ResultShape { .. }
            | Self::ColumnMissing { .. }
            | Self::ColumnNull { .. }
            | Self::ColumnFormat { .. }
            | Self::Unquotable { .. } => Retry::Never,
        }
    }

    /// The server's own error, if it is one.
    pub fn server_message(&self) -> Option<&ServerMessage> {
        if let Self::Server(message) = self { Some(message) } else { None }
    }

    /// Whether the conversation can go on after it.
    pub(crate) fn ends_connection(&self) -> bool {
        match self {
            Self::Server(message) => message.is_fatal(),
            Self::ResultShape { .. }
            | Self::ColumnMissing { .. }
            | Self::ColumnNull { .. }
            | Self::ColumnFormat { .. }
            | Self::Unquotable { .. } => false,
            Self::Setting { .. }
            | Self::Connect { .. }
            | Self::TlsNotOffered { .. }
            | Self::Tls { .. }
            | Self::CaCertificates { .. }
            | Self::PasswordMissing
            | Self::CleartextRefused
            | Self::AuthenticationUnsupported { .. }
            | Self::Scram(_)
            | Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Io { .. }
            | Self::Protocol { .. }
            | Self::MessageTooLarge { .. }
            | Self::ResultTooLarge { .. }
            | Self::Broken => true,
        }
    }
}

/// The first 64 characters of a foreign text, for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}
