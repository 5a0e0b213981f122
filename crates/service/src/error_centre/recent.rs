//! The requests refused last, in memory: enough for whoever follows the link of an error just received.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use catalog::NewAuditRecord;
use jiff::Timestamp;
use rpc::{ErrorCode, RequestId};

/// Requests remembered, at most: some 10 MB of the longest messages.
const REQUESTS_MAX: usize = 10_000;
/// Bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 512;

/// A request that was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedRequest {
    /// When.
    pub(crate) at: Timestamp,
    /// The operation as its sender named it; empty where that could not be read.
    pub(crate) action: String,
    /// The row of the error table; `None`: it was answered as asked, or by a code of another release.
    pub(crate) row: Option<ErrorCode>,
    /// Code and message, as far as a log may have them.
    pub(crate) message: String,
}

impl RefusedRequest {
    /// What the audit log has of a request, also of one that was answered as asked.
    pub(crate) fn of_record(record: NewAuditRecord) -> Self {
        let row = ErrorCode::find(&record.outcome).map(|(row, _)| row);
        let said = [record.outcome, record.message];
        let message =
            said.iter().filter(|text| !text.is_empty()).map(String::as_str).collect::<Vec<_>>().join(": ");
        Self { at: record.at, action: record.action, row, message }
    }
}

/// The requests refused last.
#[derive(Debug, Default)]
pub(crate) struct RecentRefusals {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    requests: HashMap<RequestId, RefusedRequest>,
    order: VecDeque<RequestId>,
}

impl RecentRefusals {
    /// Remembers one, and forgets the oldest where there are too many.
    pub(crate) fn remember(&self, id: RequestId, mut refused: RefusedRequest) {
        let end = refused.message.floor_char_boundary(MESSAGE_BYTES_MAX);
        refused.message.truncate(end);
        refused.message.shrink_to_fit();
        let mut inner = self.lock();
        if inner.order.len() >= REQUESTS_MAX
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.requests.remove(&oldest);
        }
        if inner.requests.insert(id, refused).is_none() {
            inner.order.push_back(id);
        }
    }

    /// What became of a request; `None` for one that was answered, is forgotten, or another node's.
    pub(crate) fn find(&self, id: RequestId) -> Option<RefusedRequest> {
        self.lock().requests.get(&id).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: String) -> RefusedRequest {
        let (action, row) = ("DescribeBackups".to_owned(), Some(ErrorCode::InternalError));
        RefusedRequest { at: Timestamp::UNIX_EPOCH, action, row, message }
    }

    fn id(number: usize) -> RequestId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        RequestId::from_random(bytes)
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let recent = RecentRefusals::default();
        for number in 0..=REQUESTS_MAX {
            recent.remember(id(number), refused(number.to_string()));
        }
        assert_eq!(recent.find(id(0)), None);
        assert_eq!(recent.find(id(1)).map(|r| r.message).as_deref(), Some("1"));
        assert_eq!(recent.lock().order.len(), REQUESTS_MAX);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let recent = RecentRefusals::default();
        recent.remember(id(1), refused("ä".repeat(400)));
        assert_eq!(recent.find(id(1)).map(|r| r.message.len()), Some(MESSAGE_BYTES_MAX));
    }
}
