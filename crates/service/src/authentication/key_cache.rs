//! Access keys as the service needs them at each call: found and opened once, trusted for a short time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catalog::{AccessKey, AccessKeyKind, AccessKeyStatus, Catalog};
use jiff::Timestamp;
use repository::InstanceId;
use zeroize::Zeroizing;

use super::Caller;
use crate::access_key::sealed_for;
use crate::refusal::Refusal;
use crate::secret_box::SecretBox;

/// How long a key that was disabled by another process may still be accepted.
const TRUST: Duration = Duration::from_secs(2);
/// Keys in memory, about 10 MB; an installation has tens.
const KEYS_MAX: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct KeyCache {
    keys: Mutex<HashMap<String, Arc<CachedKey>>>,
}

/// A key, its secret opened.
pub(super) struct CachedKey {
    secret: Zeroizing<Vec<u8>>,
    kind: AccessKeyKind,
    caller: Caller,
    active: bool,
    expires: Option<Timestamp>,
    token_hash: Option<blake3::Hash>,
    read: Instant,
}

impl KeyCache {
    /// The key of that id. Unknown ids are not remembered, so that their number does not matter.
    pub(super) async fn find(
        &self,
        catalog: &Catalog,
        secrets: &SecretBox,
        id: &str,
    ) -> Result<Option<Arc<CachedKey>>, Refusal> {
        if let Some(key) = self.lock().get(id).filter(|key| key.read.elapsed() < TRUST) {
            return Ok(Some(Arc::clone(key)));
        }
        let read = Instant::now();
        let Some(stored) = catalog.find_access_key(id).await? else {
            self.forget(id);
            return Ok(None);
        };
        let key = Arc::new(CachedKey::open(stored, secrets, read)?);
        let mut keys = self.lock();
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        keys.insert(id.to_owned(), Arc::clone(&key));
        Ok(Some(key))
    }

    pub(super) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<CachedKey>>> {
        self.keys.lock().expect("no thread panics while it holds the keys")
    }
}

impl CachedKey {
    fn open(stored: AccessKey, secrets: &SecretBox, read: Instant) -> Result<Self, Refusal> {
        let AccessKey { id, sealed_secret, kind, role, instances, status, token_hash, created: _, expires } =
            stored;
        let token_hash = token_hash.map(|hash| {
            let bytes = <[u8; 32]>::try_from(hash)
                .map_err(|_| Refusal::internal("a token's hash has another length"))?;
            Ok::<_, Refusal>(blake3::Hash::from_bytes(bytes))
        });
        let caller = Caller {
            key: id.as_str().into(),
            role: match role {
                catalog::Role::Reader => rpc::Role::Reader,
                catalog::Role::Operator => rpc::Role::Operator,
                catalog::Role::Administrator => rpc::Role::Administrator,
            },
            instances: instances.map(<Arc<[InstanceId]>>::from),
        };
        Ok(Self {
            secret: secrets.open_sealed(&sealed_for(&id), &sealed_secret)?,
            kind,
            caller,
            active: status == AccessKeyStatus::Active,
            expires,
            token_hash: token_hash.transpose()?,
            read,
        })
    }

    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }

    pub(super) fn caller(&self) -> Caller {
        self.caller.clone()
    }

    pub(super) fn kind(&self) -> AccessKeyKind {
        self.kind
    }

    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    pub(super) fn token_hash(&self) -> Option<&blake3::Hash> {
        self.token_hash.as_ref()
    }
}

impl fmt::Debug for CachedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedKey").field("caller", &self.caller).finish_non_exhaustive()
    }
}
