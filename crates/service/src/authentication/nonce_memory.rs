//! Nonces in memory, and their way into the catalog.
//!
//! Each is kept as 8 bytes in a bucket of nonces that expire in the same five minutes, so that forgetting
//! is dropping a bucket. Two million of one key take about 36 MB. Those of reading calls are stored in
//! batches; a changing call stores its own with its change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use catalog::{Catalog, NONCES_PER_KEY_MAX, Nonce};
use jiff::Timestamp;
use rpc::{ApiError, ErrorCode};

use crate::context::Context;
use crate::error_chain::error_chain;

/// How often the nonces of reading calls are stored: what a killed service may forget.
pub(crate) const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Nonces that wait to be stored. At 50,000 calls a second ten flushes may fail before calls are refused;
/// about 50 MB.
const WAITING_MAX: usize = 500_000;

/// Nonces stored in one transaction, which keeps others from writing meanwhile.
const BATCH_MAX: usize = 5_000;

/// Width of a bucket. Nonces live for at most 45 minutes, so a key has at most ten buckets.
const BUCKET_SECONDS: i64 = 300;

#[derive(Debug, Default)]
pub(super) struct NonceMemory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<String, KeyNonces>,
    waiting: Vec<Nonce>,
}

/// Of one key: by bucket, the last one first to be dropped.
#[derive(Debug, Default)]
struct KeyNonces {
    buckets: BTreeMap<i64, HashSet<u64>>,
}

impl NonceMemory {
    /// A nonce that the catalog remembers.
    pub(super) fn load(&self, nonce: &Nonce) {
        let mut inner = self.lock();
        let bucket = bucket_of(nonce);
        inner
            .keys
            .entry(nonce.key.clone())
            .or_default()
            .buckets
            .entry(bucket)
            .or_default()
            .insert(short(nonce));
    }

    /// Uses a nonce up. With `store`, it will be stored with the next batch.
    ///
    /// # Errors
    /// Used before → `SignatureNonceUsed`; the key has too many → `Throttling.User`; the catalog has not
    /// taken any for long → `ServiceUnavailable`.
    pub(super) fn use_up(&self, nonce: &Nonce, now: Timestamp, store: bool) -> Result<(), ApiError> {
        let mut inner = self.lock();
        if store && inner.waiting.len() >= WAITING_MAX {
            return Err(ApiError::new(ErrorCode::ServiceUnavailable));
        }
        if !inner.keys.contains_key(&nonce.key) {
            inner.keys.insert(nonce.key.clone(), KeyNonces::default());
        }
        let key = inner.keys.get_mut(&nonce.key).expect("it was just put there");
        key.forget_expired(now);
        let hash = short(nonce);
        if key.buckets.values().any(|bucket| bucket.contains(&hash)) {
            return Err(ApiError::new(ErrorCode::SignatureNonceUsed));
        }
        if key.buckets.values().map(HashSet::len).sum::<usize>() >= NONCES_PER_KEY_MAX as usize {
            return Err(ApiError::new(ErrorCode::ThrottlingUser));
        }
        key.buckets.entry(bucket_of(nonce)).or_default().insert(hash);
        if store {
            inner.waiting.push(nonce.clone());
        }
        Ok(())
    }

    /// Has a nonce stored that was used up before.
    pub(super) fn store_later(&self, nonce: Nonce) {
        self.lock().waiting.push(nonce);
    }

    /// Takes a batch to store, oldest first.
    fn take_batch(&self) -> Vec<Nonce> {
        let mut inner = self.lock();
        let count = inner.waiting.len().min(BATCH_MAX);
        if count == inner.waiting.len() {
            return std::mem::take(&mut inner.waiting);
        }
        inner.waiting.drain(..count).collect()
    }

    /// Puts back a batch that could not be stored.
    fn put_back(&self, mut batch: Vec<Nonce>) {
        let mut inner = self.lock();
        batch.append(&mut inner.waiting);
        inner.waiting = batch;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no thread panics while it holds the nonces")
    }
}

impl KeyNonces {
    fn forget_expired(&mut self, now: Timestamp) {
        let current = now.as_second().div_euclid(BUCKET_SECONDS);
        while self.buckets.first_key_value().is_some_and(|(bucket, _)| *bucket < current) {
            self.buckets.pop_first();
        }
    }
}

/// Stores all nonces that wait.
pub(crate) async fn flush_nonces(context: &Context) {
    let nonces = &context.authentication.nonces;
    loop {
        let batch = nonces.take_batch();
        if batch.is_empty() {
            return;
        }
        if let Err(error) = store(&context.catalog, &batch, context.clock.now()).await {
            tracing::warn!("nonces are kept in memory for now: {}", error_chain(&error));
            nonces.put_back(batch);
            return;
        }
    }
}

async fn store(catalog: &Catalog, batch: &[Nonce], now: Timestamp) -> Result<(), catalog::Error> {
    let mut change = catalog.change(now).await?;
    change.remember_nonces(batch).await?;
    change.commit().await
}

fn bucket_of(nonce: &Nonce) -> i64 {
    nonce.expires.as_second().div_euclid(BUCKET_SECONDS)
}

/// The chance that two of two million nonces share these 64 bits is one in nine million.
fn short(nonce: &Nonce) -> u64 {
    u64::from_le_bytes(*nonce.hash.as_bytes().first_chunk().expect("a hash has 16 bytes"))
}

#[cfg(test)]
mod tests {
    use catalog::NonceHash;
    use jiff::SignedDuration;

    use super::*;

    fn nonce(number: u8, now: Timestamp) -> Nonce {
        let expires = now + SignedDuration::from_mins(30);
        Nonce { key: "k".to_owned(), hash: NonceHash::from_bytes([number; 16]), expires }
    }

    #[test]
    fn a_nonce_is_refused_until_it_expires_and_then_forgotten() {
        let memory = NonceMemory::default();
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        memory.use_up(&nonce(1, now), now, true).unwrap();
        let later = now + SignedDuration::from_mins(30);
        for time in [now, later - SignedDuration::from_secs(1)] {
            let refused = memory.use_up(&nonce(1, time), time, true).unwrap_err();
            assert_eq!(refused.code(), "SignatureNonceUsed");
        }
        let gone = later + SignedDuration::from_mins(5);
        memory.use_up(&nonce(1, gone), gone, false).unwrap();
        assert_eq!(memory.take_batch().len(), 1);
        assert_eq!(memory.lock().keys["k"].buckets.len(), 1);
    }

    #[test]
    fn keys_do_not_share_nonces() {
        let memory = NonceMemory::default();
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        memory.load(&nonce(1, now));
        memory.use_up(&nonce(1, now), now, true).unwrap_err();
        memory.use_up(&Nonce { key: "other".to_owned(), ..nonce(1, now) }, now, true).unwrap();
    }
}
