//! The audit log: who changed what, and who was refused.
//!
//! A change writes its record in its own transaction: either both are there or neither. Refusals are written by
//! the service in batches. Nothing here is a secret: callers leave secrets out.

use std::str::FromStr;

use jiff::Timestamp;
use repository::InstanceId;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    Statement, Value,
};

use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::{json, micros, parsed, timestamp};
use crate::entity::audit_log::{Column, Entity, Model};
use crate::error::{Doing, Error};
use crate::statement::{execute, get, query_one};

/// Numbers of records that one statement inserts, so that few statements are prepared.
const INSERTED_AT_ONCE: [usize; 3] = [100, 10, 1];

/// Records deleted in one go: some ten milliseconds of work.
const FORGOTTEN_AT_ONCE: i64 = 5_000;

/// `$1` time, `$2` how many.
pub(crate) const OLD_UP_TO: &str =
    "SELECT at_micros FROM audit_log WHERE at_micros < $1 ORDER BY at_micros LIMIT 1 OFFSET $2";
/// `$1` time.
pub(crate) const FORGET_OLD: &str = "DELETE FROM audit_log WHERE at_micros <= $1";

/// What is written down of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditRecord {
    /// When.
    pub at: Timestamp,
    /// The id of the request.
    pub request_id: String,
    /// Id of the access key that was used.
    pub key: String,
    /// The operation.
    pub action: String,
    /// The instance that it was about, where there is one.
    pub instance: Option<InstanceId>,
    /// What came of it: a word of the caller's for success, else the error's code.
    pub outcome: String,
    /// What was said beside; may be empty.
    pub message: String,
    /// The address that the call came from.
    pub source: Option<String>,
    /// What else is known, without secrets: an object.
    pub details: serde_json::Value,
}

/// What was written down of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the log.
    pub position: AuditPosition,
    /// The record.
    pub record: NewAuditRecord,
}

/// A place in the log: records are ordered by time, and those of one moment by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPosition {
    at_micros: i64,
    number: i64,
}

impl std::fmt::Display for AuditPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.at_micros, self.number)
    }
}

/// A text that is no place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the audit log")]
pub struct NotAPosition;

impl FromStr for AuditPosition {
    type Err = NotAPosition;

    /// As [`AuditPosition`] is displayed.
    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let digits = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<i64>().ok()).flatten()
        };
        let (at, number) = text.split_once('-').ok_or(NotAPosition)?;
        match (digits(at), digits(number)) {
            (Some(at_micros), Some(number)) => Ok(Self { at_micros, number }),
            _ => Err(NotAPosition),
        }
    }
}

/// Which records to list; what is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only from this time on.
    pub start: Option<Timestamp>,
    /// Only before this time.
    pub end: Option<Timestamp>,
    /// Only of this request.
    pub request_id: Option<String>,
    /// Only of this access key.
    pub key: Option<String>,
    /// Only about this instance.
    pub instance: Option<InstanceId>,
    /// Only those older than this one.
    pub after: Option<AuditPosition>,
}

impl Change {
    /// Writes a record that belongs to this change.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record_audit(&mut self, record: &NewAuditRecord) -> Result<(), Error> {
        insert(&self.transaction, std::slice::from_ref(record)).await
    }

    /// Writes records of calls that changed nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record_audits(&mut self, records: &[NewAuditRecord]) -> Result<(), Error> {
        let mut left = records;
        for size in INSERTED_AT_ONCE {
            while let Some((some, rest)) = left.split_at_checked(size) {
                insert(&self.transaction, some).await?;
                left = rest;
            }
        }
        Ok(())
    }

    /// Deletes some of the records from before `before`, oldest first and those of one moment together, and answers
    /// how many; 0: there are no more.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn forget_audits(&mut self, before: Timestamp) -> Result<u64, Error> {
        let values = [micros(before).into(), FORGOTTEN_AT_ONCE.into()];
        let many = query_one(&self.transaction, "look for old audit records", OLD_UP_TO, values).await?;
        let end = many.map_or(Ok(micros(before) - 1), |row| get(&row, "at_micros"))?;
        execute(&self.transaction, "forget old audit records", FORGET_OLD, [end.into()]).await
    }
}

impl Catalog {
    /// The newest records that the filter leaves, at most `records_max`, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_audits(
        &self,
        filter: &AuditFilter,
        records_max: u32,
    ) -> Result<Vec<AuditRecord>, Error> {
        let query = filter.newest(u64::from(records_max));
        let rows = query.all(self.readers()).await.doing("list audit records")?;
        rows.into_iter().map(AuditRecord::from_row).collect()
    }

    /// The last record of a request.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_audit(&self, request_id: &str) -> Result<Option<AuditRecord>, Error> {
        let filter = AuditFilter { request_id: Some(request_id.to_owned()), ..AuditFilter::default() };
        Ok(self.list_audits(&filter, 1).await?.pop())
    }
}

impl AuditFilter {
    /// The statement of a listing.
    pub(crate) fn newest(&self, limit: u64) -> Select<Entity> {
        let Self { start, end, request_id, key, instance, after } = self;
        let start = start.map(|start| Column::AtMicros.gte(micros(start)));
        let end = end.map(|end| Column::AtMicros.lt(micros(end)));
        let request_id = request_id.as_ref().map(|id| Column::RequestId.eq(id));
        let key = key.as_ref().map(|key| Column::KeyId.eq(key));
        let instance = instance.as_ref().map(|instance| Column::InstanceId.eq(instance.as_str()));
        let after = after.map(|AuditPosition { at_micros, number }| {
            let same_moment = Condition::all().add(Column::AtMicros.eq(at_micros)).add(Column::Id.lt(number));
            let earlier = Condition::any().add(Column::AtMicros.lt(at_micros)).add(same_moment);
            // The first condition alone bounds what the index has to be read for.
            Condition::all().add(Column::AtMicros.lte(at_micros)).add(earlier)
        });
        let conditions = [start, end, request_id, key, instance].into_iter().flatten();
        let all = conditions.fold(Condition::all(), Condition::add).add_option(after);
        Entity::find().filter(all).order_by_desc(Column::AtMicros).order_by_desc(Column::Id).limit(limit)
    }
}

impl AuditRecord {
    fn from_row(row: Model) -> Result<Self, Error> {
        let instance = row.instance_id.map(|id| parsed("audit_log.instance_id", &id)).transpose()?;
        let record = NewAuditRecord {
            at: timestamp("audit_log.at_micros", row.at_micros)?,
            details: json("audit_log.details_json", &row.details_json)?,
            request_id: row.request_id,
            key: row.key_id,
            action: row.action,
            instance,
            outcome: row.outcome,
            message: row.message,
            source: row.source,
        };
        Ok(Self { position: AuditPosition { at_micros: row.at_micros, number: row.id }, record })
    }
}

async fn insert(connection: &impl ConnectionTrait, records: &[NewAuditRecord]) -> Result<(), Error> {
    const COLUMNS: usize = 9;
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..records.len()).map(row).collect();
    let sql = format!(
        "INSERT INTO audit_log \
         (at_micros, request_id, key_id, action, instance_id, outcome, message, source, details_json) VALUES {}",
        rows.join(", ")
    );
    let values = records.iter().flat_map(|record| -> [Value; COLUMNS] {
        let NewAuditRecord { at, request_id, key, action, instance, outcome, message, source, details } =
            record;
        [
            micros(*at).into(),
            request_id.as_str().into(),
            key.as_str().into(),
            action.as_str().into(),
            instance.as_ref().map(InstanceId::as_str).into(),
            outcome.as_str().into(),
            message.as_str().into(),
            source.as_deref().into(),
            details.to_string().into(),
        ]
    });
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    connection.execute_raw(statement).await.doing("write audit records")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_shown() {
        let place = AuditPosition { at_micros: 1_795_505_000_123_456, number: 7 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "1", "-", "1-", "-1", "1-2-3", "1--2", "+1-2", "99999999999999999999-1"] {
            assert_eq!(bad.parse::<AuditPosition>(), Err(NotAPosition), "{bad}");
        }
    }
}
