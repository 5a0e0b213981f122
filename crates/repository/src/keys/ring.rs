//! The data keys of an open repository, and the commands on them.

use std::collections::{BTreeMap, BTreeSet};

use blobstore::{BlobStore, ObjectKey, StoreError};
use jiff::Timestamp;

use super::KeySecret;
use super::wrap::Wrap;
use crate::DataKeyId;
use crate::format::bytes::FormatError;
use crate::seal::{DataKey, random_bytes};

/// Largest wrap: it has fixed fields only.
const WRAP_BYTES_MAX: u64 = 4096;

/// Why a key cannot be had or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The repository has no key at all.
    #[error("{location} holds no wrapped data key")]
    None {
        /// The store.
        location: String,
    },
    /// None of the secrets at hand opens this data key.
    #[error(
        "data key {key} opens with none of the secrets given; it is wrapped by: {wraps}. Where other data keys open, a \
         change of keys broke off: have whoever holds one of these run it again"
    )]
    Locked {
        /// The data key.
        key: DataKeyId,
        /// Names of its wraps.
        wraps: String,
    },
    /// An object is sealed under a data key that the repository does not hold.
    #[error("data key {0} is not in the repository")]
    Unknown(DataKeyId),
    /// A new data key could not be wrapped for everybody who can read the old ones.
    #[error(
        "{wrap} cannot be wrapped anew without its secret: give its key file or passphrase too, or take its right away \
         with `backstop key retire`"
    )]
    SecretMissing {
        /// Name of the wrap.
        wrap: String,
    },
    /// The secret already wraps all data keys.
    #[error("that secret already opens this repository, as {wrap}")]
    Known {
        /// Name of the wrap.
        wrap: String,
    },
    /// Without that wrap nobody could read.
    #[error("{wrap} is the only wrap of data key {key}; add another one first")]
    Last {
        /// Name of the wrap.
        wrap: String,
        /// The data key.
        key: DataKeyId,
    },
    /// No wrap has that name.
    #[error("no key is wrapped by {wrap}; `backstop key list` shows the names")]
    NoSuchWrap {
        /// What was asked for.
        wrap: String,
    },
    /// A wrap is damaged.
    #[error("read {object}")]
    Damaged {
        /// The object.
        object: ObjectKey,
        /// What is wrong.
        #[source]
        source: FormatError,
    },
    /// A new data key could not be wrapped for the holder of a damaged wrap.
    #[error(
        "{wrap} is damaged, and its holder would be left out: `backstop key retire {wrap}`, then add it anew"
    )]
    LeftOut {
        /// The wrap's name.
        wrap: String,
        /// What is wrong.
        #[source]
        source: FormatError,
    },
    /// The store failed.
    #[error("reach the keys")]
    Store(#[from] StoreError),
}

/// One data key, for listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyListing {
    /// The data key.
    pub key: DataKeyId,
    /// When it was made.
    pub created: Timestamp,
    /// Whether new objects are sealed under it.
    pub current: bool,
    /// What opens it.
    pub wraps: Vec<WrapListing>,
}

/// One wrap, for listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapListing {
    /// Its name, as `key retire` takes it.
    pub name: String,
    /// A passphrase, or a key file.
    pub passphrase: bool,
}

/// Which data keys must open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needed {
    /// All: whoever writes does so under the newest, and may refer to what is under any.
    Every,
    /// One at least: what is under it can be restored, whatever became of the others.
    Any,
}

/// The data keys that are open.
#[derive(Debug)]
pub(crate) struct KeyRing {
    keys: BTreeMap<DataKeyId, DataKey>,
    /// The newest that is open.
    current: DataKeyId,
    wraps: Vec<Wrap>,
    /// What is damaged, though the data keys open by others, and what does not belong here.
    damaged: Vec<(ObjectKey, FormatError)>,
}

/// Somebody who can read.
struct Holder<'a> {
    /// The name of their wraps.
    name: &'a str,
    secret: &'a KeySecret,
}

impl KeyRing {
    /// Opens the data keys of the repository with the secrets at hand.
    ///
    /// # Errors
    /// A key that is needed is locked, or damaged in all its wraps, or there is none.
    pub(crate) fn load(
        store: &dyn BlobStore,
        secrets: &[KeySecret],
        needed: Needed,
    ) -> Result<Self, KeyError> {
        let (mut wraps, mut damaged) = read_wraps(store)?;
        let mut keys = BTreeMap::new();
        for wrap in &wraps {
            let id = wrap.key();
            if keys.contains_key(&id) {
                continue;
            }
            match open(wrap, secrets) {
                Ok(Some(key)) => {
                    keys.insert(id, key);
                }
                Ok(None) => {}
                Err(KeyError::Damaged { object, source }) => damaged.push((object, source)),
                Err(error) => return Err(error),
            }
        }
        let is_enough = needed == Needed::Any && !keys.is_empty();
        // What has no data key's name is nobody's wrap.
        let is_needed =
            |object: &ObjectKey| names_in(object).is_some_and(|(key, _)| !keys.contains_key(&key));
        if let Some(position) = damaged.iter().position(|(object, _)| is_needed(object) && !is_enough) {
            let (object, source) = damaged.swap_remove(position);
            return Err(KeyError::Damaged { object, source });
        }
        let locked = wraps.iter().map(Wrap::key).find(|key| !keys.contains_key(key));
        if let Some(key) = locked.filter(|_| !is_enough) {
            return Err(KeyError::Locked { key, wraps: names_of(&wraps, key) });
        }
        let open = wraps.iter().filter(|wrap| keys.contains_key(&wrap.key()));
        let Some((_, current)) = open.map(|wrap| (wrap.created(), wrap.key())).max() else {
            return Err(KeyError::None { location: store.location() });
        };
        // What only the seal gives away was whole enough to be parsed; it is no wrap to count on.
        wraps.retain(|wrap| {
            let object = object_key(wrap.key(), wrap.name());
            damaged.iter().all(|(known, _)| *known != object)
        });
        Ok(Self { keys, current, wraps, damaged })
    }

    /// What is damaged, though the data keys open by others, and what does not belong here.
    pub(crate) fn damaged(&self) -> &[(ObjectKey, FormatError)] {
        &self.damaged
    }

    pub(crate) fn current(&self) -> &DataKey {
        &self.keys[&self.current]
    }

    pub(crate) fn get(&self, id: DataKeyId) -> Result<&DataKey, KeyError> {
        self.keys.get(&id).ok_or_else(|| match names_of(&self.wraps, id) {
            wraps if wraps.is_empty() => KeyError::Unknown(id),
            wraps => KeyError::Locked { key: id, wraps },
        })
    }

    pub(crate) fn listing(&self) -> Vec<KeyListing> {
        let mut listing: Vec<KeyListing> = Vec::new();
        for wrap in &self.wraps {
            let key = wrap.key();
            let shown = WrapListing { name: wrap.name().to_owned(), passphrase: wrap.is_passphrase() };
            match listing.iter_mut().find(|known| known.key == key) {
                Some(known) => known.wraps.push(shown),
                None => listing.push(KeyListing {
                    key,
                    created: wrap.created(),
                    current: key == self.current,
                    wraps: vec![shown],
                }),
            }
        }
        listing.sort_by_key(|known| (known.created, known.key));
        listing
    }

    /// Wraps every data key under `secret` too; those that it does not open yet, where an addition broke off.
    pub(crate) fn add(&self, store: &dyn BlobStore, secret: &KeySecret) -> Result<String, KeyError> {
        let mut opened = BTreeMap::new();
        for wrap in &self.wraps {
            if open(wrap, std::slice::from_ref(secret))?.is_some() {
                opened.insert(wrap.key(), wrap.name());
            }
        }
        let name = opened.values().next().map_or_else(|| new_name(secret), |name| (*name).to_owned());
        if opened.len() == self.keys.len() {
            return Err(KeyError::Known { wrap: name });
        }
        let is_damaged = |object: &ObjectKey| names_in(object).is_some_and(|(_, known)| known == name);
        if let Some((object, source)) = self.damaged.iter().find(|(object, _)| is_damaged(object)) {
            return Err(KeyError::Damaged { object: object.clone(), source: source.clone() });
        }
        for known in self.listing().iter().filter(|known| !opened.contains_key(&known.key)) {
            put(store, &Wrap::new(self.get(known.key)?, known.created, secret, &name))?;
        }
        Ok(name)
    }

    /// Makes a new data key for objects to come, wrapped for everybody who can read older ones. Who can read only
    /// some, because an addition or a rotation broke off, can read all afterwards.
    ///
    /// The first of `secrets` gets the new key first: should this break off, it still opens everything.
    pub(crate) fn rotate(
        &self,
        store: &dyn BlobStore,
        secrets: &[KeySecret],
        now: Timestamp,
    ) -> Result<DataKeyId, KeyError> {
        for (object, source) in &self.damaged {
            if let Some((_, wrap)) = names_in(object) {
                return Err(KeyError::LeftOut { wrap: wrap.to_owned(), source: source.clone() });
            }
        }
        let holders = self.holders(secrets)?;
        let listing = self.listing();
        for Holder { name, secret } in &holders {
            let is_left_out = |known: &&KeyListing| known.wraps.iter().all(|wrap| wrap.name != *name);
            for known in listing.iter().filter(is_left_out) {
                put(store, &Wrap::new(self.get(known.key)?, known.created, secret, name))?;
            }
        }
        // The newest key is the current one, also when the clock went back, or stood, since the last was made.
        let newest = listing.iter().map(|known| known.created).max().filter(|newest| *newest >= now);
        let created = newest.map_or(now, |newest| newest + jiff::SignedDuration::from_millis(1));
        let key = DataKey::random();
        for Holder { name, secret } in holders {
            put(store, &Wrap::new(&key, created, secret, name))?;
        }
        Ok(key.id())
    }

    /// Everybody who can read something, with their secrets, in the order of those.
    fn holders<'a>(&'a self, secrets: &'a [KeySecret]) -> Result<Vec<Holder<'a>>, KeyError> {
        let mut found = BTreeMap::new();
        for wrap in &self.wraps {
            if found.contains_key(wrap.name()) {
                continue;
            }
            for (order, secret) in secrets.iter().enumerate() {
                if open(wrap, std::slice::from_ref(secret))?.is_some() {
                    found.insert(wrap.name(), (order, secret));
                    break;
                }
            }
            if !found.contains_key(wrap.name()) {
                return Err(KeyError::SecretMissing { wrap: wrap.name().to_owned() });
            }
        }
        let mut holders: Vec<_> = found.into_iter().collect();
        holders.sort_by_key(|(_, (order, _))| *order);
        Ok(holders.into_iter().map(|(name, (_, secret))| Holder { name, secret }).collect())
    }

    /// Removes the wraps called `name`, where each key keeps another one. Damaged ones go too: that is how
    /// they are replaced.
    pub(crate) fn retire(&self, store: &dyn BlobStore, name: &str) -> Result<Vec<DataKeyId>, KeyError> {
        let mut going = BTreeSet::new();
        for known in self.listing() {
            if known.wraps.iter().any(|wrap| wrap.name == name) {
                if known.wraps.len() == 1 {
                    return Err(KeyError::Last { wrap: name.to_owned(), key: known.key });
                }
                going.insert(known.key);
            }
        }
        // The key of a damaged wrap has opened by another.
        let damaged = self.damaged.iter().filter_map(|(object, _)| names_in(object));
        going.extend(damaged.filter(|(_, damaged)| *damaged == name).map(|(key, _)| key));
        if going.is_empty() {
            return Err(KeyError::NoSuchWrap { wrap: name.to_owned() });
        }
        for key in &going {
            store.delete(&object_key(*key, name))?;
        }
        Ok(going.into_iter().collect())
    }
}

/// Wraps `key` under `secret`; for a new repository.
pub(crate) fn put_wrap(
    store: &dyn BlobStore,
    key: &DataKey,
    secret: &KeySecret,
    now: Timestamp,
) -> Result<(), KeyError> {
    put(store, &Wrap::new(key, now, secret, &new_name(secret)))
}

fn new_name(secret: &KeySecret) -> String {
    let random = || format!("passphrase-{}", &blake3::Hash::from_bytes(random_bytes()).to_hex()[..16]);
    secret.file_name().unwrap_or_else(random)
}

fn put(store: &dyn BlobStore, wrap: &Wrap) -> Result<(), KeyError> {
    store.put(&object_key(wrap.key(), wrap.name()), &[&wrap.render()])?;
    Ok(())
}

fn object_key(key: DataKeyId, name: &str) -> ObjectKey {
    format!("keys/{key}.{name}").parse().expect("ids and names are plain")
}

type Damaged = Vec<(ObjectKey, FormatError)>;

fn read_wraps(store: &dyn BlobStore) -> Result<(Vec<Wrap>, Damaged), KeyError> {
    let (mut wraps, mut damaged) = (Vec::new(), Vec::new());
    for name in store.list_folder("keys")? {
        let Ok(object) = format!("keys/{name}").parse::<ObjectKey>() else { continue };
        if names_in(&object).is_none() {
            damaged.push((object, FormatError::new("wrapped key", "its name is not that of a wrapped key")));
            continue;
        }
        let bytes = match store.get(&object, WRAP_BYTES_MAX) {
            Ok(bytes) => bytes,
            // It was retired meanwhile.
            Err(StoreError::Absent { .. }) => continue,
            Err(StoreError::TooLarge { .. }) => {
                damaged.push((object, FormatError::new("wrapped key", "it is larger than any")));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let wrap = Wrap::parse(&bytes).and_then(|wrap| {
            let is_its_own = object == object_key(wrap.key(), wrap.name());
            if is_its_own {
                Ok(wrap)
            } else {
                Err(FormatError::new("wrapped key", "it lies under another name"))
            }
        });
        match wrap {
            Ok(wrap) => wraps.push(wrap),
            Err(source) => damaged.push((object, source)),
        }
    }
    Ok((wraps, damaged))
}

/// The data key and the wrap's name that an object `keys/<key-id>.<wrap>` is called by.
fn names_in(object: &ObjectKey) -> Option<(DataKeyId, &str)> {
    let (key, name) = object.as_str().strip_prefix("keys/")?.split_once('.')?;
    Some((key.parse().ok()?, name))
}

fn open(wrap: &Wrap, secrets: &[KeySecret]) -> Result<Option<DataKey>, KeyError> {
    for secret in secrets {
        let opened = wrap.open(secret).map_err(|source| damaged(wrap, source))?;
        if opened.is_some() {
            return Ok(opened);
        }
    }
    Ok(None)
}

fn damaged(wrap: &Wrap, source: FormatError) -> KeyError {
    KeyError::Damaged { object: object_key(wrap.key(), wrap.name()), source }
}

fn names_of(wraps: &[Wrap], key: DataKeyId) -> String {
    let names = wraps.iter().filter(|wrap| wrap.key() == key).map(Wrap::name);
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
