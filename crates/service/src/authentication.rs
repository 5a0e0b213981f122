//! Who is calling: key, signature, nonce, role, instances.
//!
//! Checks go in this order: the key is known and active, the signature is right, the nonce is new. A nonce
//! of a call whose signature was wrong is not remembered, for an attacker could burn other people's.

mod caller;
mod key_cache;
mod nonce_memory;

use catalog::{Catalog, Nonce, NonceHash};
use jiff::Timestamp;
use rpc::{ApiError, CLOCK_WINDOW, Call, Credential, Effect, ErrorCode, VerifiedCall};

pub(crate) use caller::Caller;
use key_cache::{CachedKey, KeyCache};
use nonce_memory::NonceMemory;
pub(crate) use nonce_memory::{FLUSH_EVERY, flush_nonces};

use crate::refusal::Refusal;
use crate::secret_box::SecretBox;

/// Keys and nonces of a running service.
#[derive(Debug)]
pub(crate) struct Authentication {
    keys: KeyCache,
    nonces: NonceMemory,
}

/// A call whose sender is known.
pub(crate) struct Authenticated<'c, 'r> {
    pub(crate) call: VerifiedCall<'c, 'r>,
    pub(crate) caller: Caller,
    pub(crate) nonce: Nonce,
}

impl Authentication {
    /// With every nonce that the catalog remembers.
    pub(crate) async fn load(catalog: &Catalog, now: Timestamp) -> Result<Self, catalog::Error> {
        let nonces = NonceMemory::default();
        catalog.load_nonces(now, |nonce| nonces.load(&nonce)).await?;
        Ok(Self { keys: KeyCache::default(), nonces })
    }

    /// Finds out who is calling, and uses the call's nonce up.
    pub(crate) async fn authenticate<'c, 'r>(
        &self,
        catalog: &Catalog,
        secrets: &SecretBox,
        call: &'c Call<'r>,
        now: Timestamp,
    ) -> Result<Authenticated<'c, 'r>, Refusal> {
        let (id, security_token) = match call.credential() {
            Credential::AccessKey { id, security_token } => (id, security_token),
            // No bearer token was ever issued by this release.
            Credential::Bearer { .. } => return Err(ErrorCode::InvalidBearerToken.into()),
        };
        let key = self.keys.find(catalog, secrets, id).await?;
        let Some(key) = key else { return Err(ErrorCode::InvalidAccessKeyIdNotFound.into()) };
        key.check(security_token, now)?;
        let verified = call.verify(key.secret())?;
        let nonce = nonce_of(id, verified);
        // What an unknown action would do is nothing, so its nonce is remembered as a reader's.
        let reads = verified.action().map_or(true, |action| action.effect == Effect::Reads);
        self.nonces.use_up(&nonce, now, reads)?;
        Ok(Authenticated { call: verified, caller: key.caller(), nonce })
    }

    /// A changing call was refused, so its nonce was not stored with a change: it is stored by itself.
    pub(crate) fn store_nonce(&self, nonce: Nonce) {
        self.nonces.store_later(nonce);
    }

    /// A key was changed by this process.
    #[expect(dead_code, reason = "the operations on access keys come with the issue on them")]
    pub(crate) fn forget_key(&self, id: &str) {
        self.keys.forget(id);
    }
}

fn nonce_of(key: &str, call: VerifiedCall<'_, '_>) -> Nonce {
    let hash = blake3::hash(call.nonce().as_bytes());
    let hash = NonceHash::from_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"));
    // The time leaves the window after one window; clocks may differ by another.
    let expires = call.timestamp().saturating_add(2 * CLOCK_WINDOW).unwrap_or(call.timestamp());
    Nonce { key: key.to_owned(), hash, expires }
}

impl CachedKey {
    fn check(&self, security_token: Option<&str>, now: Timestamp) -> Result<(), ApiError> {
        if !self.is_active() {
            return Err(ApiError::new(ErrorCode::InvalidAccessKeyIdInactive));
        }
        let expired = self.expires().is_some_and(|expires| expires <= now);
        match (self.token_hash(), security_token) {
            // A token that comes with a permanent key is part of the signature and means nothing else.
            (None, _) if expired => Err(ApiError::new(ErrorCode::InvalidAccessKeyIdInactive)),
            (None, _) => Ok(()),
            (Some(_), None) => Err(ApiError::about(ErrorCode::MissingParam, "SecurityToken")),
            (Some(_), Some(_)) if expired => Err(ApiError::new(ErrorCode::InvalidSecurityTokenExpired)),
            (Some(hash), Some(token)) if blake3::hash(token.as_bytes()) == *hash => Ok(()),
            (Some(_), Some(_)) => Err(ApiError::new(ErrorCode::InvalidSecurityTokenMismatch)),
        }
    }
}
