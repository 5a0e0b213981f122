//! The audit log's way into the catalog.
//!
//! - A change writes its record in its own transaction, with its nonce.
//! - A refusal changes nothing, so it waits in memory and is stored with the next flush. A flood of them costs
//!   little: so many a second are recorded one by one, and of the rest one record says how many they were.
//! - Only callers whose identity was proven have records: anybody can send anything under another's name.

mod diagnostic;
mod witness;

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use catalog::{Catalog, NewAuditRecord};
use governor::{DefaultDirectRateLimiter, Quota};
use jiff::{SignedDuration, Timestamp};
use rpc::{AccessDenied, ActionSpec, ErrorCode};
use serde_json::json;

pub(crate) use diagnostic::request_of_diagnostic;
pub(crate) use witness::Witness;

use crate::context::Context;
use crate::error_chain::error_chain;
use crate::refusal::Refusal;

/// The outcome of a call that did as asked.
pub(crate) const SUCCESS: &str = "Success";
/// Whose records say that refusals were left out.
const NOBODY: &str = "-";

/// Refusals recorded in a second, on the long run: at most about 2 GB in a year of uninterrupted misuse.
const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("20 is not 0");
/// Refusals recorded at once after a quiet time; also the most that wait in memory, about 1 MB.
const REFUSALS_BURST: NonZeroU32 = NonZeroU32::new(1000).expect("1000 is not 0");
/// Bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 512;

/// Refusals that wait to be stored.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    limiter: DefaultDirectRateLimiter,
    inner: Mutex<Inner>,
    /// Held while some are stored: whoever reads the log waits for them.
    storing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<NewAuditRecord>,
    /// Those that are not recorded one by one.
    left_out: u64,
}

impl Default for RefusalLog {
    fn default() -> Self {
        let quota = Quota::per_second(REFUSALS_PER_SECOND).allow_burst(REFUSALS_BURST);
        let limiter = DefaultDirectRateLimiter::direct(quota);
        Self { limiter, inner: Mutex::default(), storing: tokio::sync::Mutex::default() }
    }
}

impl RefusalLog {
    /// Notes that a call was refused, and completes what the caller is told of it.
    pub(crate) fn refuse(
        &self,
        witness: &Witness<'_>,
        action: Option<&'static ActionSpec>,
        mut refusal: Refusal,
    ) -> Refusal {
        if let Some(denied) = refusal.error.access_denied() {
            let auth_action = denied.auth_action.clone();
            let encoded_diagnostic_message = diagnostic::encoded(witness.request_id);
            let detail = AccessDenied { auth_action, encoded_diagnostic_message };
            refusal.error = refusal.error.with_access_denied(detail);
        }
        let mut inner = self.lock();
        let room = inner.waiting.len() < REFUSALS_BURST.get() as usize;
        if room && self.limiter.check().is_ok() {
            inner.waiting.push(witness.record_of_refusal(action, &refusal));
        } else {
            inner.left_out += 1;
        }
        refusal
    }

    /// Takes what waits; what was left out is one record more.
    fn take(&self, now: Timestamp) -> Vec<NewAuditRecord> {
        let Inner { mut waiting, left_out } = std::mem::take(&mut *self.lock());
        if left_out > 0 {
            waiting.push(NewAuditRecord {
                at: now,
                request_id: NOBODY.to_owned(),
                key: NOBODY.to_owned(),
                action: NOBODY.to_owned(),
                instance: None,
                outcome: ErrorCode::Throttling.spec().code.to_owned(),
                message: format!("{left_out} refusals came too fast to be recorded one by one"),
                source: None,
                details: json!({ "LeftOut": left_out }),
            });
        }
        waiting
    }

    /// Puts back what could not be stored. What came meanwhile goes first where there is no room for both.
    fn put_back(&self, mut records: Vec<NewAuditRecord>) {
        let mut inner = self.lock();
        let room = (REFUSALS_BURST.get() as usize).saturating_sub(inner.waiting.len());
        let counted = |record: &NewAuditRecord| record.details["LeftOut"].as_u64();
        let left_out: u64 = records.iter().filter_map(counted).sum();
        records.retain(|record| counted(record).is_none());
        let kept = records.len().min(room);
        inner.left_out += left_out + (records.len() - kept) as u64;
        records.truncate(kept);
        records.append(&mut inner.waiting);
        inner.waiting = records;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores the refusals that wait, those included that are being stored already.
pub(crate) async fn flush_refusals(context: &Context) {
    let _storing = context.refusals.storing.lock().await;
    let now = context.clock.now();
    let records = context.refusals.take(now);
    if records.is_empty() {
        return;
    }
    if let Err(error) = store(&context.catalog, &records, now).await {
        tracing::warn!("audit records are kept in memory for now: {}", error_chain(&error));
        context.refusals.put_back(records);
    }
}

async fn store(catalog: &Catalog, records: &[NewAuditRecord], now: Timestamp) -> Result<(), catalog::Error> {
    let mut change = catalog.change(now).await?;
    change.record_audits(records).await?;
    change.commit().await
}

/// Deletes the records that are older than the configuration says.
pub(crate) async fn forget_old_records(context: &Context) {
    let hours = i64::try_from(context.config.audit_days.get()).unwrap_or(i64::MAX).saturating_mul(24);
    let Ok(before) = context.clock.now().checked_sub(SignedDuration::from_hours(hours)) else { return };
    loop {
        match forget_some(context, before).await {
            Ok(0) => return,
            Ok(records) => tracing::debug!(records, "old audit records deleted"),
            Err(error) => {
                tracing::warn!("delete old audit records: {}", error_chain(&error));
                return;
            }
        }
    }
}

async fn forget_some(context: &Context, before: Timestamp) -> Result<u64, catalog::Error> {
    let mut change = context.catalog.change(context.clock.now()).await?;
    let forgotten = change.forget_audits(before).await?;
    change.commit().await?;
    Ok(forgotten)
}

/// A message as it is stored.
fn shortened(mut message: String) -> String {
    let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
    message.truncate(end);
    message
}

#[cfg(test)]
mod tests {
    use rpc::{RequestId, Role};

    use super::*;
    use crate::authentication::Caller;

    fn caller() -> Caller {
        Caller { key: "key".into(), role: Role::Reader, instances: None }
    }

    fn refuse(log: &RefusalLog, number: usize) -> Refusal {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let caller = caller();
        let witness = Witness {
            caller: &caller.clone(),
            claimed_action: "CreateBackup",
            instance: None,
            source: None,
            now: Timestamp::UNIX_EPOCH,
            request_id: RequestId::from_random(bytes),
        };
        let action = rpc::find_action("CreateBackup").unwrap();
        let error = caller.require_role(action).unwrap_err();
        log.refuse(&witness, Some(action), error.into())
    }

    #[test]
    fn a_flood_is_recorded_in_part_and_counted_for_the_rest() {
        let log = RefusalLog::default();
        let sent = 5_000;
        for number in 0..sent {
            refuse(&log, number);
        }
        let records = log.take(Timestamp::UNIX_EPOCH);
        let (count, kept) = (records.last().unwrap(), records.len() - 1);
        assert!(kept <= REFUSALS_BURST.get() as usize, "{kept}");
        assert_eq!(count.details["LeftOut"], sent - kept);
        // A flush that failed loses no count.
        log.put_back(records);
        refuse(&log, sent);
        let again = log.take(Timestamp::UNIX_EPOCH);
        let left_out = again.last().unwrap().details["LeftOut"].as_u64().unwrap();
        assert_eq!(again.len() as u64 - 1 + left_out, sent as u64 + 1);
    }

    #[test]
    fn what_the_caller_is_told_leads_to_the_record() {
        let log = RefusalLog::default();
        let refusal = refuse(&log, 7);
        let denied = refusal.error.access_denied().unwrap();
        assert_eq!(denied.auth_action, "rds:CreateBackup");
        let records = log.take(Timestamp::UNIX_EPOCH);
        let found = request_of_diagnostic(&denied.encoded_diagnostic_message).unwrap();
        assert_eq!(found.to_string(), records[0].request_id);
        assert_eq!(records[0].outcome, "Forbidden.RAM");
        assert_eq!(records[0].details["NeedsRole"], "operator");
        assert!(log.take(Timestamp::UNIX_EPOCH).is_empty());
    }
}
