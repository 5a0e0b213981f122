//! Access keys: who may call, as what, and for which instances.

use jiff::Timestamp;
use repository::InstanceId;
use sea_orm::{EntityTrait, QueryOrder};

use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::{corrupt, json, micros, parsed, stored_words, timestamp, timestamp_opt};
use crate::entity::access_key::{Column, Entity, Model};
use crate::error::{Doing, Error};
use crate::statement::execute;

stored_words! {
    /// What a key may do.
    Role, "a role (reader, operator or administrator)" {
        /// Look.
        Reader = "reader",
        /// Look, back up and restore.
        Operator = "operator",
        /// Everything.
        Administrator = "administrator",
    }
}

stored_words! {
    /// Whether a key is accepted.
    AccessKeyStatus, "a key status (active or disabled)" {
        /// It is, until it expires.
        Active = "active",
        /// It is not, for ever.
        Disabled = "disabled",
    }
}

stored_words! {
    /// How a key proves who calls.
    AccessKeyKind, "a kind of key (permanent, temporary or bearer)" {
        /// By a signature.
        Permanent = "permanent",
        /// By a signature and a token that comes with every call.
        Temporary = "temporary",
        /// By a token alone.
        Bearer = "bearer",
    }
}

/// A key to store.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAccessKey {
    /// The public part.
    pub id: String,
    /// The secret part, sealed by the caller.
    pub sealed_secret: Vec<u8>,
    /// How it proves who calls.
    pub kind: AccessKeyKind,
    /// What it may do.
    pub role: Role,
    /// The instances it is for. `None`: all, also later ones.
    pub instances: Option<Vec<InstanceId>>,
    /// For temporary and bearer keys: hash of the token that comes with every call.
    pub token_hash: Option<Vec<u8>>,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// A stored key.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The public part.
    pub id: String,
    /// The secret part, as the caller sealed it.
    pub sealed_secret: Vec<u8>,
    /// How it proves who calls.
    pub kind: AccessKeyKind,
    /// What it may do.
    pub role: Role,
    /// The instances it is for. `None`: all.
    pub instances: Option<Vec<InstanceId>>,
    /// Whether it is accepted.
    pub status: AccessKeyStatus,
    /// For temporary and bearer keys: hash of the token that comes with every call.
    pub token_hash: Option<Vec<u8>>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// A key was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateAccessKeyError {
    /// The id is taken.
    #[error("access key {id} exists already")]
    Exists {
        /// The id.
        id: String,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

impl Change {
    /// Stores a key, active at once.
    ///
    /// # Errors
    /// Id taken → [`CreateAccessKeyError::Exists`].
    pub async fn create_access_key(&mut self, key: NewAccessKey) -> Result<(), CreateAccessKeyError> {
        let NewAccessKey { id, sealed_secret, kind, role, instances, token_hash, expires } = key;
        let instances_json = instances.map(|instances| {
            instances.iter().map(InstanceId::as_str).collect::<serde_json::Value>().to_string()
        });
        let sql = "INSERT INTO access_key \
             (id, sealed_secret, role, instances_json, status, token_hash, created_micros, expires_micros, kind) \
             VALUES ($1, $2, $3, $4, 'active', $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
        let values = [
            id.as_str().into(),
            sealed_secret.into(),
            role.as_str().into(),
            instances_json.into(),
            token_hash.into(),
            micros(self.now).into(),
            expires.map(micros).into(),
            kind.as_str().into(),
        ];
        match execute(&self.transaction, "store an access key", sql, values).await? {
            0 => Err(CreateAccessKeyError::Exists { id }),
            _ => Ok(()),
        }
    }

    /// Disables a key for ever. `false`: there is none of that id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn disable_access_key(&mut self, id: &str) -> Result<bool, Error> {
        let sql = "UPDATE access_key SET status = 'disabled' WHERE id = $1";
        Ok(execute(&self.transaction, "disable an access key", sql, [id.into()]).await? > 0)
    }
}

impl Catalog {
    /// The key of that id, whatever its status.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_access_key(&self, id: &str) -> Result<Option<AccessKey>, Error> {
        let found = Entity::find_by_id(id).one(self.readers()).await.doing("read an access key")?;
        found.map(AccessKey::from_row).transpose()
    }

    /// All keys, by id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_access_keys(&self) -> Result<Vec<AccessKey>, Error> {
        let query = Entity::find().order_by_asc(Column::Id);
        let rows = query.all(self.readers()).await.doing("list access keys")?;
        rows.into_iter().map(AccessKey::from_row).collect()
    }
}

impl AccessKey {
    fn from_row(row: Model) -> Result<Self, Error> {
        const INSTANCES: &str = "access_key.instances_json";
        let instances = row.instances_json.map(|text| {
            let serde_json::Value::Array(ids) = json(INSTANCES, &text)? else {
                return Err(corrupt(INSTANCES, &text));
            };
            let ids = ids.iter().map(|id| parsed(INSTANCES, id.as_str().unwrap_or_default()));
            ids.collect::<Result<Vec<InstanceId>, Error>>()
        });
        Ok(Self {
            instances: instances.transpose()?,
            kind: parsed("access_key.kind", &row.kind)?,
            role: parsed("access_key.role", &row.role)?,
            status: parsed("access_key.status", &row.status)?,
            created: timestamp("access_key.created_micros", row.created_micros)?,
            expires: timestamp_opt("access_key.expires_micros", row.expires_micros)?,
            id: row.id,
            sealed_secret: row.sealed_secret,
            token_hash: row.token_hash,
        })
    }
}

impl std::fmt::Debug for NewAccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccessKey").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("AccessKey");
        shown
            .field("id", &self.id)
            .field("role", &self.role)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
