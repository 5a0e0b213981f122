//! A few named texts: the catalog's own id, the repository it belongs to, and what the service keeps.

use jiff::{SignedDuration, Timestamp};
use sea_orm::ConnectionTrait;

use crate::change::Change;
use crate::column::micros;
use crate::error::Error;
use crate::statement::{execute, get, query_one};

/// Name of this catalog's id.
pub(crate) const CATALOG_ID: &str = "catalog_id";
/// Name of the id of the repository that the catalog is tied to.
pub(crate) const REPOSITORY_ID: &str = "repository_id";

impl Change {
    /// Stores `value` under `name`, in place of what was there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_setting(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        execute(&self.transaction, "store a setting", sql, [name.into(), value.into()]).await?;
        Ok(())
    }

    /// Takes the next turn at something that is done every so often, whatever the number of nodes: `true` for
    /// the one that comes first after `every` has passed since the last turn. A last turn that lies in the
    /// future, for the clock was put back since, counts no more.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn take_turn(&mut self, name: &str, every: SignedDuration) -> Result<bool, Error> {
        let before = self.now.saturating_sub(every).unwrap_or(Timestamp::MIN);
        let future = self.now.saturating_add(CLOCK_PUT_BACK).unwrap_or(Timestamp::MAX);
        let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE \
                   SET value = excluded.value \
                   WHERE CAST(setting.value AS BIGINT) <= $3 OR CAST(setting.value AS BIGINT) > $4";
        let values = [
            format!("turn.{name}").into(),
            micros(self.now).to_string().into(),
            micros(before).into(),
            micros(future).into(),
        ];
        Ok(execute(&self.transaction, "take a turn", sql, values).await? == 1)
    }
}

/// So far ahead a turn of another node may lie, whose clock is another.
const CLOCK_PUT_BACK: SignedDuration = SignedDuration::from_hours(1);

/// The value under `name`.
pub(crate) async fn find(connection: &impl ConnectionTrait, name: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT value FROM setting WHERE name = $1";
    let row = query_one(connection, "read a setting", sql, [name.into()]).await?;
    row.map(|row| get(&row, "value")).transpose()
}

/// The value under `name`, which is `value` if there was none: whoever comes first decides.
pub(crate) async fn get_or_put(
    connection: &impl ConnectionTrait,
    name: &str,
    value: &str,
) -> Result<String, Error> {
    let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    execute(connection, "store a setting once", sql, [name.into(), value.into()]).await?;
    Ok(find(connection, name).await?.unwrap_or_else(|| value.to_owned()))
}
