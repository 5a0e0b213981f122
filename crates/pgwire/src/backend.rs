//! Messages that the server sends: reading their bodies.
//!
//! Pure: bytes in, values or an error out. Bodies are foreign bytes; no reader here panics, and none allocates more
//! than a small multiple of what it was given.

use pgwal::Lsn;

use crate::Error;

pub(crate) mod tag {
    //! The first byte of each message that we know.
    pub(crate) const AUTHENTICATION: u8 = b'R';
    pub(crate) const BACKEND_KEY_DATA: u8 = b'K';
    pub(crate) const COMMAND_COMPLETE: u8 = b'C';
    pub(crate) const COPY_BOTH_RESPONSE: u8 = b'W';
    pub(crate) const COPY_DATA: u8 = b'd';
    pub(crate) const COPY_DONE: u8 = b'c';
    pub(crate) const DATA_ROW: u8 = b'D';
    pub(crate) const EMPTY_QUERY: u8 = b'I';
    pub(crate) const ERROR: u8 = b'E';
    pub(crate) const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    pub(crate) const NOTICE: u8 = b'N';
    pub(crate) const NOTIFICATION: u8 = b'A';
    pub(crate) const PARAMETER_STATUS: u8 = b'S';
    pub(crate) const READY_FOR_QUERY: u8 = b'Z';
    pub(crate) const ROW_DESCRIPTION: u8 = b'T';
}

/// A body read from front to back.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// What was not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn lsn(&mut self) -> Option<Lsn> {
        self.array().map(u64::from_be_bytes).map(Lsn::new)
    }

    /// Bytes up to a zero byte, which is passed over.
    pub(crate) fn terminated(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|&byte| byte == 0)?;
        let head = self.bytes(end)?;
        self.byte()?;
        Some(head)
    }

    /// Text up to a zero byte; bytes that are not UTF-8 become replacement characters.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.terminated().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A code and its text, as errors and notices have them; `None` at the end.
    pub(crate) fn next_tagged_text(&mut self) -> Option<(u8, String)> {
        match self.byte()? {
            0 => None,
            code => Some((code, self.text()?)),
        }
    }
}

/// `AuthenticationRequest`: what the server wants next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Authentication<'a> {
    Ok,
    CleartextPassword,
    Md5Password { salt: [u8; 4] },
    Sasl { mechanisms: Vec<&'a [u8]> },
    SaslContinue(&'a [u8]),
    SaslFinal(&'a [u8]),
    Other { code: i32 },
}

impl<'a> Authentication<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, Error> {
        const BROKEN: Error = Error::Protocol { problem: "an authentication request is cut short" };
        let mut fields = Fields::new(body);
        Ok(match fields.i32().ok_or(BROKEN)? {
            0 => Self::Ok,
            3 => Self::CleartextPassword,
            5 => Self::Md5Password { salt: fields.array().ok_or(BROKEN)? },
            10 => {
                let mut mechanisms = Vec::new();
                loop {
                    match fields.terminated().ok_or(BROKEN)? {
                        [] => break Self::Sasl { mechanisms },
                        name => mechanisms.push(name),
                    }
                }
            }
            11 => Self::SaslContinue(fields.rest()),
            12 => Self::SaslFinal(fields.rest()),
            code => Self::Other { code },
        })
    }
}

/// `RowDescription`: the names of the columns.
pub(crate) fn decode_row_description(body: &[u8]) -> Result<Vec<String>, Error> {
    const BROKEN: Error = Error::Protocol { problem: "a row description is cut short" };
    // Table, attribute, type, type size, modifier and format, which a client of texts does not need.
    const AFTER_NAME_BYTES: usize = 4 + 2 + 4 + 2 + 4 + 2;
    let mut fields = Fields::new(body);
    let count = fields.u16().ok_or(BROKEN)?;
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(fields.text().ok_or(BROKEN)?);
        fields.bytes(AFTER_NAME_BYTES).ok_or(BROKEN)?;
    }
    Ok(names)
}

/// `DataRow`: one value for each column.
pub(crate) fn decode_data_row(body: &[u8], columns: usize) -> Result<Vec<Option<Box<[u8]>>>, Error> {
    const BROKEN: Error = Error::Protocol { problem: "a row is cut short" };
    let mut fields = Fields::new(body);
    if usize::from(fields.u16().ok_or(BROKEN)?) != columns {
        return Err(Error::Protocol { problem: "a row has another number of values than columns" });
    }
    let mut values = Vec::new();
    for _ in 0..columns {
        values.push(match fields.i32().ok_or(BROKEN)? {
            -1 => None,
            length => {
                let length = usize::try_from(length).map_err(|_| BROKEN)?;
                Some(fields.bytes(length).ok_or(BROKEN)?.into())
            }
        });
    }
    Ok(values)
}

/// The head of a `CopyData` of the replication protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReplicationData {
    /// A stretch of WAL, which follows the head.
    Wal { start: Lsn, server_end: Lsn, sent_at: i64 },
    /// A sign of life.
    Keepalive { server_end: Lsn, sent_at: i64, reply_requested: bool },
}

impl ReplicationData {
    /// Bytes before the WAL itself: the kind and three numbers.
    pub(crate) const WAL_HEADER_BYTES: usize = 1 + 8 + 8 + 8;

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Error> {
        Self::read(&mut Fields::new(body)).ok_or(Error::Protocol { problem: "not a replication message" })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        match fields.byte()? {
            b'w' => {
                Some(Self::Wal { start: fields.lsn()?, server_end: fields.lsn()?, sent_at: fields.i64()? })
            }
            b'k' => Some(Self::Keepalive {
                server_end: fields.lsn()?,
                sent_at: fields.i64()?,
                reply_requested: fields.byte()? != 0,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
