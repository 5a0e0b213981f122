//! Who is calling: key, signature, nonce, role, instances.
//!
//! Checks go in this order: the key is known and active, the signature is right, the nonce is new. A nonce
//! of a call whose signature was wrong is not remembered, for an attacker could burn other people's.

mod caller;
mod key_cache;
mod nonce_memory;

use catalog::{AccessKeyKind, Catalog, Nonce, NonceHash};
use jiff::Timestamp;
use rpc::{ApiError, CLOCK_WINDOW, Call, Credential, Effect, ErrorCode, VerifiedCall};

pub(crate) use caller::Caller;
use key_cache::{CachedKey, KeyCache};
use nonce_memory::NonceMemory;
pub(crate) use nonce_memory::{FLUSH_EVERY, flush_nonces};

use crate::access_key::key_of_token;
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
        let bearer = ErrorCode::InvalidBearerToken;
        let (id, token) = match call.credential() {
            Credential::AccessKey { id, security_token } => (id, security_token),
            Credential::Bearer { token } => {
                (key_of_token(AccessKeyKind::Bearer, token).ok_or(bearer)?, Some(token))
            }
        };
        let is_bearer = matches!(call.credential(), Credential::Bearer { .. });
        let key = self.keys.find(catalog, secrets, id).await?;
        // Whichever way a bearer key is not good, its sender is a stranger who is told no more than that.
        let key = match (key, is_bearer) {
            (Some(key), true) if key.is_good_bearer(token, now) => key,
            (_, true) => return Err(bearer.into()),
            (Some(key), false) if key.kind() != AccessKeyKind::Bearer => key,
            // With a bearer key nothing is signed.
            (Some(_) | None, false) => return Err(ErrorCode::InvalidAccessKeyIdNotFound.into()),
        };
        let verified = if is_bearer {
            call.accept_bearer()?
        } else {
            key.check(token, now)?;
            call.verify(key.secret())?
        };
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
        let Some(hash) = self.token_hash() else {
            // A token that comes with a permanent key is part of the signature and means nothing else.
            return if expired { Err(ApiError::new(ErrorCode::InvalidAccessKeyIdInactive)) } else { Ok(()) };
        };
        let token =
            security_token.ok_or_else(|| ApiError::about(ErrorCode::MissingParam, "SecurityToken"))?;
        if key_of_token(AccessKeyKind::Temporary, token).is_none() {
            Err(ApiError::new(ErrorCode::InvalidSecurityTokenMalformed))
        } else if blake3::hash(token.as_bytes()) != *hash {
            Err(ApiError::new(ErrorCode::InvalidSecurityTokenMismatch))
        } else if expired {
            Err(ApiError::new(ErrorCode::InvalidSecurityTokenExpired))
        } else {
            Ok(())
        }
    }

    /// Whether a bearer token is this key's, and good now. Hashes are compared in constant time.
    fn is_good_bearer(&self, token: Option<&str>, now: Timestamp) -> bool {
        let hash = token.map(|token| blake3::hash(token.as_bytes()));
        self.kind() == AccessKeyKind::Bearer
            && self.is_active()
            && self.expires().is_none_or(|expires| expires > now)
            && self.token_hash().is_some_and(|own| hash == Some(*own))
    }
}
