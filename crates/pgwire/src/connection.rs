//! A session with a server, and SQL by the simple query protocol.
//!
//! ```text
//! connect: TLS → startup → authentication → parameters, key → ReadyForQuery
//! query:   Query → (RowDescription DataRow* CommandComplete | EmptyQuery | Error)* → ReadyForQuery
//! ```
//! Between the two arrows notices and changed parameters may come at any time; they are kept.

mod conversation;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::frontend::CancelKey;
use crate::socket::{Address, deadline_after};
use crate::tls::Stream;
use crate::wire::Wire;
use crate::{
    AuthenticationMethod, CancelHandle, CloseHandle, ConnectOptions, Error, ResultSet, Row, ServerMessage,
    ServerVersion, authentication, frontend, quote_identifier,
};

pub(crate) use conversation::Answer;

/// Rows that [`Connection::query`] keeps in memory, in bytes. A list of 200,000 relations fits; what may be larger is
/// read by [`Connection::each_row`].
const RESULT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Notices kept until [`Connection::take_notices`]; later ones are dropped.
const NOTICES_MAX: usize = 100;
/// Parameters that a server reports; real ones report about fifteen.
const PARAMETERS_MAX: usize = 1_000;

/// Whether a transaction is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// None.
    Idle,
    /// One is open.
    Open,
    /// One is open and failed; it takes only `ROLLBACK`.
    Failed,
}

/// A session with a server. One thread at a time uses it; dropping it ends the session.
#[derive(Debug)]
pub struct Connection {
    pub(crate) wire: Wire,
    address: Address,
    options: ConnectOptions,
    parameters: BTreeMap<String, String>,
    cancel_key: Option<CancelKey>,
    authentication: AuthenticationMethod,
    transaction: TransactionStatus,
    notices: Vec<ServerMessage>,
    /// Of the set that is being read.
    columns: Arc<[String]>,
    /// The first error of the exchange that is being read.
    statement_error: Option<ServerMessage>,
    broken: bool,
}

impl Connection {
    /// Connects, negotiates TLS, authenticates, and waits until the server is ready.
    ///
    /// # Errors
    /// Unreachable → [`Error::Connect`]; TLS → [`Error::Tls`] or [`Error::TlsNotOffered`]; refused, such as by a wrong
    /// password → [`Error::Server`]; the whole took longer than `connect_timeout` → [`Error::Timeout`] or
    /// [`Error::Connect`].
    pub fn connect(options: &ConnectOptions) -> Result<Self, Error> {
        let startup = frontend::startup(options)?;
        let deadline = deadline_after(options.connect_timeout);
        let (address, stream) = open_first(options, deadline)?;
        let mut connection = Self {
            wire: Wire::new(stream),
            address,
            options: options.clone(),
            parameters: BTreeMap::new(),
            cancel_key: None,
            authentication: AuthenticationMethod::None,
            transaction: TransactionStatus::Idle,
            notices: Vec::new(),
            columns: Arc::from([]),
            statement_error: None,
            broken: false,
        };
        connection.exchange(|this| {
            this.wire.send(&startup, deadline)?;
            this.authentication = authentication::authenticate(&mut this.wire, &this.options, deadline)?;
            this.wait_until_ready(deadline)
        })?;
        Ok(connection)
    }

    /// Runs SQL, or one replication command, and keeps all rows: one set for each statement.
    ///
    /// # Errors
    /// The server refuses a statement → [`Error::Server`]; no end within `response_timeout` → [`Error::Timeout`]; more than
    /// 64 MiB of rows → [`Error::ResultTooLarge`].
    pub fn query(&mut self, sql: &str) -> Result<Vec<ResultSet>, Error> {
        self.query_within(sql, self.options.response_timeout)
    }

    /// As [`Connection::query`], with a limit of its own for statements that take long by nature, such as the start of a
    /// backup with a spread checkpoint.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub fn query_within(&mut self, sql: &str, timeout: Duration) -> Result<Vec<ResultSet>, Error> {
        let deadline = deadline_after(timeout);
        let message = frontend::query(sql)?;
        self.exchange(|this| {
            this.wire.send(&message, deadline)?;
            this.collect_sets(deadline)
        })
    }

    /// Runs one statement and returns what it gave.
    ///
    /// # Errors
    /// As [`Connection::query`]; several statements → [`Error::ResultShape`].
    pub fn query_one_set(&mut self, sql: &str) -> Result<ResultSet, Error> {
        only_set(self.query(sql)?)
    }

    /// Hands each row of all sets to `on_row` as it arrives and keeps none, for results of any size. `on_row` may stop;
    /// the remaining rows are then read and dropped.
    ///
    /// # Errors
    /// As [`Connection::query`], but `timeout` bounds the wait for each row, not the whole.
    pub fn each_row(
        &mut self,
        sql: &str,
        timeout: Duration,
        on_row: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let message = frontend::query(sql)?;
        self.exchange(|this| {
            this.wire.send(&message, deadline_after(timeout))?;
            let mut wanted = true;
            loop {
                match this.next_answer(deadline_after(timeout), "the next row")? {
                    Answer::Row(row) if wanted => wanted = on_row(row).is_continue(),
                    Answer::Row(_) | Answer::Complete { .. } => {}
                    Answer::Ready => return this.take_statement_error(),
                    Answer::CopyBoth | Answer::CopyDone => return Err(UNEXPECTED_COPY),
                }
            }
        })
    }

    /// The value of a setting, as `SHOW` prints it. Works on every kind of connection.
    ///
    /// # Errors
    /// No such setting, or not for this role to see → [`Error::Server`].
    pub fn show(&mut self, setting: &str) -> Result<String, Error> {
        let quoted: Vec<String> = setting.split('.').map(quote_identifier).collect::<Result<_, _>>()?;
        let set = self.query_one_set(&format!("SHOW {}", quoted.join(".")))?;
        let value = set.one()?.values().next().flatten().unwrap_or_default();
        Ok(String::from_utf8_lossy(value).into_owned())
    }

    /// Switches off every timeout of the server that could end a session which is kept open for hours:
    /// `statement_timeout`, `lock_timeout`, `idle_in_transaction_session_timeout`, from 14 on `idle_session_timeout`,
    /// from 17 on `transaction_timeout`. Needs a connection that takes SQL.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub fn lift_timeouts(&mut self) -> Result<(), Error> {
        let mut settings = vec!["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
        if self.server_version().major >= 14 {
            settings.push("idle_session_timeout");
        }
        if self.server_version().major >= 17 {
            settings.push("transaction_timeout");
        }
        for setting in settings {
            self.query(&format!("SET SESSION {setting} = 0"))?;
        }
        Ok(())
    }

    /// The server's version, as it reported it; 0.0 when it is not one that we can read.
    pub fn server_version(&self) -> ServerVersion {
        self.parameter("server_version")
            .and_then(ServerVersion::parse)
            .unwrap_or(ServerVersion { major: 0, minor: 0 })
    }

    /// A parameter that the server reports by itself, such as `server_encoding` or `in_hot_standby` (since 14).
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The process that serves this session; `None` when the server did not say.
    pub fn process_id(&self) -> Option<i32> {
        self.cancel_key.as_ref().map(|key| key.process_id)
    }

    /// Whether a transaction is open.
    pub fn transaction_status(&self) -> TransactionStatus {
        self.transaction
    }

    /// Whether the bytes are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.wire.stream().is_encrypted()
    }

    /// How the server was satisfied of who we are.
    pub fn authentication(&self) -> AuthenticationMethod {
        self.authentication
    }

    /// Whether an earlier error left the connection unusable.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Notices and warnings since the last call, the first hundred.
    pub fn take_notices(&mut self) -> Vec<ServerMessage> {
        std::mem::take(&mut self.notices)
    }

    /// Lets another thread cancel what the server does for this session.
    pub fn cancel_handle(&self) -> Option<CancelHandle> {
        let key = self.cancel_key.clone()?;
        Some(CancelHandle::new(self.address.clone(), self.options.clone(), key))
    }

    /// Lets another thread end the connection, whatever it waits for.
    ///
    /// # Errors
    /// The socket cannot be shared → [`Error::Io`].
    pub fn close_handle(&self) -> Result<CloseHandle, Error> {
        let shared = self.wire.stream().socket().try_clone();
        shared.map(CloseHandle::new).map_err(|source| Error::Io { during: "share the socket", source })
    }

    /// Refuses everything from here on.
    pub(crate) fn mark_broken(&mut self) {
        self.broken = true;
    }

    pub(crate) fn response_timeout(&self) -> Duration {
        self.options.response_timeout
    }
}

/// Ends the session, without waiting for the server.
impl Drop for Connection {
    fn drop(&mut self) {
        const GOODBYE: Duration = Duration::from_millis(200);
        if !self.broken {
            // A session that is already gone needs no goodbye.
            let _ = self.wire.send(&frontend::terminate(), deadline_after(GOODBYE));
        }
        let _ = self.wire.stream().socket().shut_down();
    }
}

pub(crate) const UNEXPECTED_COPY: Error = Error::Protocol { problem: "a copy that nobody asked for" };

/// Tries each address in turn; the last failure counts.
fn open_first(options: &ConnectOptions, deadline: Instant) -> Result<(Address, Stream), Error> {
    let mut failure = Error::Connect {
        address: format!("{}:{}", options.host, options.port),
        source: std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"),
    };
    for address in Address::resolve(options)? {
        match Stream::open(&address, options, deadline) {
            Ok(stream) => return Ok((address, stream)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn only_set(sets: Vec<ResultSet>) -> Result<ResultSet, Error> {
    let found = sets.len();
    let mut sets = sets.into_iter();
    match (sets.next(), sets.next()) {
        (Some(set), None) => Ok(set),
        _ => Err(Error::ResultShape { expected: "one result", found }),
    }
}
