//! The server's half of the conversation: answers in order, with what may come in between kept aside.

use std::sync::Arc;
use std::time::Instant;

use super::{Connection, NOTICES_MAX, PARAMETERS_MAX, RESULT_BYTES_MAX, TransactionStatus, UNEXPECTED_COPY};
use crate::backend::{Fields, decode_data_row, decode_row_description, tag};
use crate::frontend::CancelKey;
use crate::wire::Head;
use crate::{Error, ResultSet, Row, ServerMessage};

/// One step of the server's answer to a command.
#[derive(Debug)]
pub(crate) enum Answer {
    Row(Row),
    /// A statement is done. `columns` is empty for one that gives no rows.
    Complete {
        columns: Arc<[String]>,
        tag: String,
    },
    /// The command is done; the server waits for the next.
    Ready,
    /// A copy in both directions begins.
    CopyBoth,
    /// The server's side of the copy is done.
    CopyDone,
}

impl Connection {
    /// Runs one exchange, unless an earlier one broke the connection, and latches when this one does.
    pub(crate) fn exchange<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        self.statement_error = None;
        self.columns = Arc::from([]);
        let outcome = run(self);
        if outcome.as_ref().is_err_and(Error::ends_connection) {
            self.broken = true;
        }
        outcome
    }

    /// The next step. An error of a statement is kept for [`Connection::take_statement_error`]; the rest of the
    /// answer is read first, because only then does the server listen again.
    pub(crate) fn next_answer(
        &mut self,
        deadline: Instant,
        waiting_for: &'static str,
    ) -> Result<Answer, Error> {
        loop {
            let head = self.wire.receive(deadline, waiting_for)?;
            if let Some(answer) = self.interpret(&head)? {
                return Ok(answer);
            }
        }
    }

    /// What a message means; `None` for one that is kept aside.
    pub(crate) fn interpret(&mut self, head: &Head) -> Result<Option<Answer>, Error> {
        let body = self.wire.body(head);
        match head.tag {
            tag::ROW_DESCRIPTION => self.columns = decode_row_description(body)?.into(),
            tag::DATA_ROW => {
                let values = decode_data_row(body, self.columns.len())?;
                return Ok(Some(Answer::Row(Row::new(Arc::clone(&self.columns), values))));
            }
            tag::COMMAND_COMPLETE => {
                let tag = Fields::new(body).text().unwrap_or_default();
                let columns = std::mem::replace(&mut self.columns, Arc::from([]));
                return Ok(Some(Answer::Complete { columns, tag }));
            }
            tag::EMPTY_QUERY => {
                return Ok(Some(Answer::Complete { columns: Arc::from([]), tag: String::new() }));
            }
            tag::READY_FOR_QUERY => {
                self.transaction = match body {
                    b"I" => TransactionStatus::Idle,
                    b"T" => TransactionStatus::Open,
                    b"E" => TransactionStatus::Failed,
                    _ => return Err(Error::Protocol { problem: "an unknown transaction status" }),
                };
                return Ok(Some(Answer::Ready));
            }
            tag::ERROR => {
                let message = ServerMessage::decode(body);
                if message.is_fatal() {
                    return Err(Error::Server(Box::new(message)));
                }
                self.statement_error.get_or_insert(message);
            }
            tag::COPY_BOTH_RESPONSE => return Ok(Some(Answer::CopyBoth)),
            tag::COPY_DONE => return Ok(Some(Answer::CopyDone)),
            _ => self.keep_aside(head)?,
        }
        Ok(None)
    }

    /// Messages that may come at any time.
    fn keep_aside(&mut self, head: &Head) -> Result<(), Error> {
        let body = self.wire.body(head);
        match head.tag {
            tag::NOTICE if self.notices.len() < NOTICES_MAX => self.notices.push(ServerMessage::decode(body)),
            tag::NOTICE | tag::NOTIFICATION | tag::NEGOTIATE_PROTOCOL_VERSION => {}
            tag::PARAMETER_STATUS => {
                let mut fields = Fields::new(body);
                if let (Some(name), Some(value)) = (fields.text(), fields.text())
                    && (self.parameters.len() < PARAMETERS_MAX || self.parameters.contains_key(&name))
                {
                    self.parameters.insert(name, value);
                }
            }
            tag::BACKEND_KEY_DATA => {
                let mut fields = Fields::new(body);
                let process_id = fields.i32().ok_or(Error::Protocol { problem: "a key is cut short" })?;
                self.cancel_key = Some(CancelKey { process_id, secret: fields.rest().into() });
            }
            _ => return Err(Error::Protocol { problem: "a message that does not belong here" }),
        }
        Ok(())
    }

    /// The first error of the statements of this exchange, if any.
    pub(crate) fn take_statement_error(&mut self) -> Result<(), Error> {
        match self.statement_error.take() {
            Some(message) => Err(Error::Server(Box::new(message))),
            None => Ok(()),
        }
    }

    pub(super) fn wait_until_ready(&mut self, deadline: Instant) -> Result<(), Error> {
        if !matches!(self.next_answer(deadline, "the end of the startup")?, Answer::Ready) {
            return Err(Error::Protocol { problem: "an answer before any command" });
        }
        self.take_statement_error()
    }

    /// Reads the whole answer to a command and keeps its rows.
    pub(crate) fn collect_sets(&mut self, deadline: Instant) -> Result<Vec<ResultSet>, Error> {
        let (mut sets, mut rows, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
        loop {
            match self.next_answer(deadline, "the answer to a command")? {
                Answer::Row(row) => {
                    bytes = bytes.saturating_add(row.memory_bytes());
                    if bytes > RESULT_BYTES_MAX {
                        return Err(Error::ResultTooLarge { bytes_max: RESULT_BYTES_MAX });
                    }
                    rows.push(row);
                }
                Answer::Complete { columns, tag } => {
                    sets.push(ResultSet::new(columns, std::mem::take(&mut rows), tag));
                }
                Answer::Ready => return self.take_statement_error().map(|()| sets),
                Answer::CopyBoth | Answer::CopyDone => return Err(UNEXPECTED_COPY),
            }
        }
    }
}
