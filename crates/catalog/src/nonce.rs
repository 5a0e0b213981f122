//! Nonces: numbers used once. A signed call that is sent again is refused, also after a restart.
//!
//! A changing call remembers its nonce in the [`Change`] that it causes: either both are there or
//! neither. Reading calls are remembered by the service in memory and handed over in batches.
//! A key may have [`NONCES_PER_KEY_MAX`] at a time; the count is kept in a row beside, because
//! counting two million rows at each call is no bound at all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement};

use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::{corrupt, micros, timestamp};
use crate::error::{Doing, Error};
use crate::statement::{execute, get, query_all, query_one};

/// Nonces that one key may have remembered at a time: about 2,200 calls a second over the quarter
/// of an hour that a signature is good for.
pub const NONCES_PER_KEY_MAX: u32 = 2_000_000;

/// Expired nonces forgotten in one go: some ten milliseconds of work.
const FORGOTTEN_AT_ONCE: i64 = 10_000;

/// Numbers of nonces that one statement inserts, so that few statements are prepared. A switch to the
/// database's thread and back for each nonce would cost more than the call that it is of.
const INSERTED_AT_ONCE: [usize; 3] = [256, 16, 1];

/// Nonces read in one go when a service starts.
const LOADED_AT_ONCE: i64 = 10_000;

/// A short hash of a nonce, made by the caller; the catalog never sees the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NonceHash([u8; 16]);

impl NonceHash {
    /// The hash of those bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A nonce of an access key, to be refused until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce {
    /// Id of the access key.
    pub key: String,
    /// Hash of the nonce.
    pub hash: NonceHash,
    /// When a signature with it would be too old anyway.
    pub expires: Timestamp,
}

/// A nonce was not remembered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NonceError {
    /// The call was made before.
    #[error("nonce of access key {key} was used already")]
    AlreadyUsed {
        /// Id of the access key.
        key: String,
    },
    /// The key made more calls than are remembered.
    #[error("access key {key} has {NONCES_PER_KEY_MAX} nonces remembered")]
    TooMany {
        /// Id of the access key.
        key: String,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

impl Change {
    /// Remembers the nonce of the call that causes this change.
    ///
    /// # Errors
    /// Remembered before and not expired → [`NonceError::AlreadyUsed`]; the key has too many →
    /// [`NonceError::TooMany`]. Undo the change after either.
    pub async fn remember_nonce(&mut self, nonce: &Nonce) -> Result<(), NonceError> {
        self.remember_nonce_within(nonce, NONCES_PER_KEY_MAX).await
    }

    /// As [`Change::remember_nonce`], with another bound.
    pub(crate) async fn remember_nonce_within(
        &mut self,
        nonce: &Nonce,
        bound: u32,
    ) -> Result<(), NonceError> {
        if !insert(&self.transaction, nonce, self.now).await? {
            return Err(NonceError::AlreadyUsed { key: nonce.key.clone() });
        }
        if add_to_quota(&self.transaction, &nonce.key, 1, bound).await? {
            return Ok(());
        }
        forget_expired(&self.transaction, self.now).await?;
        if add_to_quota(&self.transaction, &nonce.key, 1, bound).await? {
            return Ok(());
        }
        Err(NonceError::TooMany { key: nonce.key.clone() })
    }

    /// Remembers what the service accepted in memory since the last batch, and forgets some of what
    /// expired. Those remembered before, and those beyond a key's bound, are passed over: their calls
    /// were answered already.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remember_nonces(&mut self, batch: &[Nonce]) -> Result<(), Error> {
        forget_expired(&self.transaction, self.now).await?;
        let mut by_key = BTreeMap::<&str, Vec<&Nonce>>::new();
        for nonce in batch {
            by_key.entry(&nonce.key).or_default().push(nonce);
        }
        for (key, nonces) in by_key {
            let mut count = 0;
            let mut left = nonces.as_slice();
            for size in INSERTED_AT_ONCE {
                while let Some((some, rest)) = left.split_at_checked(size) {
                    count += insert_many(&self.transaction, key, some, self.now).await?;
                    left = rest;
                }
            }
            // The batch was accepted under the service's own bound; here it only has to be counted.
            add_to_quota(&self.transaction, key, count, u32::MAX).await?;
        }
        Ok(())
    }
}

impl Catalog {
    /// Hands every nonce that expires after `now` to `visit`, for a service that starts.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn load_nonces(&self, now: Timestamp, mut visit: impl FnMut(Nonce)) -> Result<(), Error> {
        let sql = "SELECT key_id, nonce_hash, expires_micros FROM nonce \
                   WHERE (key_id, nonce_hash) > ($1, $2) ORDER BY key_id, nonce_hash LIMIT $3";
        let mut after = (String::new(), Vec::<u8>::new());
        loop {
            let values = [after.0.clone().into(), after.1.clone().into(), LOADED_AT_ONCE.into()];
            let rows = query_all(self.readers(), "load nonces", sql, values).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (get(last, "key_id")?, get(last, "nonce_hash")?);
            for row in &rows {
                let bytes: Vec<u8> = get(row, "nonce_hash")?;
                let bytes =
                    <[u8; 16]>::try_from(bytes).map_err(|_| corrupt("nonce.nonce_hash", "another length"))?;
                let expires = timestamp("nonce.expires_micros", get(row, "expires_micros")?)?;
                if expires > now {
                    visit(Nonce { key: get(row, "key_id")?, hash: NonceHash::from_bytes(bytes), expires });
                }
            }
        }
    }
}

/// Inserts a nonce, or takes over the row of the same one that expired. `false`: it is still good.
async fn insert(connection: &impl ConnectionTrait, nonce: &Nonce, now: Timestamp) -> Result<bool, Error> {
    let Nonce { key, hash, expires } = nonce;
    let hash = hash.as_bytes().to_vec();
    let sql = "INSERT INTO nonce (key_id, nonce_hash, expires_micros) VALUES ($1, $2, $3) \
               ON CONFLICT (key_id, nonce_hash) DO NOTHING";
    let values = [key.as_str().into(), hash.clone().into(), micros(*expires).into()];
    if execute(connection, "remember a nonce", sql, values).await? == 1 {
        return Ok(true);
    }
    let sql = "DELETE FROM nonce WHERE key_id = $1 AND nonce_hash = $2 AND expires_micros <= $3";
    let values = [key.as_str().into(), hash.clone().into(), micros(now).into()];
    if execute(connection, "forget an expired nonce", sql, values).await? == 0 {
        return Ok(false);
    }
    add_to_quota(connection, key, -1, u32::MAX).await?;
    let sql = "INSERT INTO nonce (key_id, nonce_hash, expires_micros) VALUES ($1, $2, $3)";
    let values = [key.as_str().into(), hash.into(), micros(*expires).into()];
    execute(connection, "remember a nonce again", sql, values).await?;
    Ok(true)
}

/// Inserts nonces of one key, and answers how many were new.
async fn insert_many(
    connection: &impl ConnectionTrait,
    key: &str,
    nonces: &[&Nonce],
    now: Timestamp,
) -> Result<i64, Error> {
    let rows = (0..nonces.len()).map(|row| format!("($1, ${}, ${})", 2 * row + 2, 2 * row + 3));
    let sql = format!(
        "INSERT INTO nonce (key_id, nonce_hash, expires_micros) VALUES {} \
         ON CONFLICT (key_id, nonce_hash) DO NOTHING",
        rows.collect::<Vec<_>>().join(", ")
    );
    let of_nonce = |nonce: &&Nonce| [nonce.hash.as_bytes().to_vec().into(), micros(nonce.expires).into()];
    let values = std::iter::once(key.into()).chain(nonces.iter().flat_map(of_nonce));
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let inserted = connection.execute_raw(statement).await.doing("remember nonces")?.rows_affected();
    let mut count = i64::try_from(inserted).unwrap_or(i64::MAX);
    if inserted < nonces.len() as u64 {
        // Some were there; those of them that expired are taken over one by one.
        for nonce in nonces {
            count += i64::from(insert(connection, nonce, now).await?);
        }
    }
    Ok(count)
}

/// Counts `added` more nonces of a key. `false`, and nothing counted: there would be more than `bound`.
async fn add_to_quota(
    connection: &impl ConnectionTrait,
    key: &str,
    added: i64,
    bound: u32,
) -> Result<bool, Error> {
    let sql = "INSERT INTO nonce_quota (key_id, used_count) VALUES ($1, 0) ON CONFLICT (key_id) DO NOTHING";
    execute(connection, "count a key's nonces", sql, [key.into()]).await?;
    let sql =
        "UPDATE nonce_quota SET used_count = used_count + $2 WHERE key_id = $1 AND used_count + $2 <= $3";
    let values = [key.into(), added.into(), i64::from(bound).into()];
    Ok(execute(connection, "count a key's nonces", sql, values).await? == 1)
}

/// `$1` time, `$2` how many to pass over: the moment up to which so many expired.
pub(crate) const EXPIRED_UP_TO: &str =
    "SELECT expires_micros FROM nonce WHERE expires_micros <= $1 ORDER BY expires_micros LIMIT 1 OFFSET $2";
/// `$1` time.
pub(crate) const FORGET_EXPIRED: &str = "DELETE FROM nonce WHERE expires_micros <= $1 RETURNING key_id";

/// Forgets [`FORGOTTEN_AT_ONCE`] nonces that expired, and those that expired with the last of them.
async fn forget_expired(connection: &impl ConnectionTrait, now: Timestamp) -> Result<(), Error> {
    let values = [micros(now).into(), FORGOTTEN_AT_ONCE.into()];
    let many = query_one(connection, "look for expired nonces", EXPIRED_UP_TO, values).await?;
    let end = many.map_or(Ok(micros(now)), |row| get(&row, "expires_micros"))?;
    let mut forgotten = BTreeMap::<String, i64>::new();
    for row in query_all(connection, "forget expired nonces", FORGET_EXPIRED, [end.into()]).await? {
        *forgotten.entry(get(&row, "key_id")?).or_default() += 1;
    }
    for (key, count) in forgotten {
        add_to_quota(connection, &key, -count, u32::MAX).await?;
    }
    Ok(())
}

impl Catalog {
    /// How many nonces are counted against a key's bound.
    #[cfg(feature = "conformance")]
    pub(crate) async fn nonce_count(&self, key: &str) -> Result<i64, Error> {
        let sql = "SELECT used_count FROM nonce_quota WHERE key_id = $1";
        let row = query_one(self.readers(), "read a key's nonce count", sql, [key.into()]).await?;
        row.map_or(Ok(0), |row| get(&row, "used_count"))
    }
}
