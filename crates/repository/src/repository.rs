//! An open repository: its identity, its keys, and its sets.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use blobstore::{BlobStore, ObjectKey, StoreError};
use jiff::Timestamp;

use crate::attempt::AttemptWriter;
use crate::error::RepositoryError;
use crate::format::bytes::FormatError;
use crate::format::frame::AttemptName;
use crate::format::header::ObjectKind;
use crate::format::manifest::{Ancestor, Begin, Manifest, Tombstone};
use crate::identity::{IDENTITY_KEY, Identity};
use crate::keys::{KeyListing, KeyRing, KeySecret, Needed, put_wrap};
use crate::reader::FrameReader;
use crate::record::{RECORD_BYTES_MAX, open_record, seal_record};
use crate::seal::DataKey;
use crate::{AttemptId, BackupSetId, BlockHasher, CatalogId, DataKeyId, InstanceId, OpenSet, RepositoryId};

/// Where an attempt's objects lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The instance.
    pub instance: InstanceId,
    /// Set and attempt.
    pub name: AttemptName,
}

/// The sets of an instance that can be read, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct ReadableSets {
    /// Oldest first, each once.
    pub sets: Vec<Manifest>,
    /// One for each manifest that is damaged.
    pub damaged: Vec<RepositoryError>,
}

impl ReadableSets {
    /// Takes the manifest of an attempt; those of one set come one after the other.
    fn add(&mut self, manifest: Result<Manifest, RepositoryError>) -> Result<(), RepositoryError> {
        match (manifest, self.sets.last_mut()) {
            (Ok(manifest), Some(last)) if last.origin.set == manifest.origin.set => {
                if last.origin.epoch < manifest.origin.epoch {
                    *last = manifest;
                }
            }
            (Ok(manifest), _) => self.sets.push(manifest),
            (Err(error), _) if error.is_damage() => self.damaged.push(error),
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }
}

/// What a listing finds of one attempt, without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptListing {
    /// Where it lies.
    pub place: Place,
    /// Whether its manifest is published.
    pub published: bool,
    /// Whether it is to go.
    pub tombstone: bool,
}

impl AttemptListing {
    /// Does it count as a set?
    pub fn is_live(&self) -> bool {
        self.published && !self.tombstone
    }
}

/// An open repository. Cheap to clone; used by many threads at once.
#[derive(Debug, Clone)]
pub struct Repository {
    store: Arc<dyn BlobStore>,
    identity: Identity,
    secrets: Arc<Vec<KeySecret>>,
    needed: Needed,
    keys: Arc<RwLock<KeyRing>>,
}

impl Repository {
    /// Makes a new repository in an empty store: a data key wrapped under `secret`, then the identity,
    /// which makes it count.
    ///
    /// # Errors
    /// There is one already → the store's `Exists`; the store fails.
    pub fn create(
        store: Arc<dyn BlobStore>,
        secret: KeySecret,
        catalog: CatalogId,
        now: Timestamp,
    ) -> Result<Self, RepositoryError> {
        let identity = Identity::new(catalog, now);
        if store.list_folder("keys")?.is_empty() {
            put_wrap(&*store, &DataKey::random(), &secret, now)?;
        }
        store.put(&identity_key(), &[&identity.render()])?;
        Self::open(store, vec![secret])
    }

    /// Opens a repository with the secrets at hand.
    ///
    /// # Errors
    /// There is none, it is damaged, or a data key opens with none of `secrets`.
    pub fn open(store: Arc<dyn BlobStore>, secrets: Vec<KeySecret>) -> Result<Self, RepositoryError> {
        Self::open_with(store, secrets, Needed::Every)
    }

    /// Opens a repository to list, verify and restore, also where only some of its data keys open: what is sealed
    /// under the others is then as if it were damaged. Nothing may be stored in it.
    ///
    /// # Errors
    /// There is none, it is damaged, or no data key opens.
    pub fn open_to_read(store: Arc<dyn BlobStore>, secrets: Vec<KeySecret>) -> Result<Self, RepositoryError> {
        Self::open_with(store, secrets, Needed::Any)
    }

    fn open_with(
        store: Arc<dyn BlobStore>,
        secrets: Vec<KeySecret>,
        needed: Needed,
    ) -> Result<Self, RepositoryError> {
        let identity = Self::identify(&*store)?.ok_or_else(|| RepositoryError::Missing(store.location()))?;
        let keys = KeyRing::load(&*store, &secrets, needed)?;
        Ok(Self { store, identity, secrets: Arc::new(secrets), needed, keys: Arc::new(RwLock::new(keys)) })
    }

    /// The identity of the repository in a store, which needs no key; `None` when there is none.
    ///
    /// # Errors
    /// The store fails, or `repository.json` is damaged.
    pub fn identify(store: &dyn BlobStore) -> Result<Option<Identity>, RepositoryError> {
        let object = identity_key();
        let bytes = match store.get(&object, RECORD_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::Absent { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let identity = Identity::parse(&bytes);
        Ok(Some(identity.map_err(|source| RepositoryError::Damaged { object, source })?))
    }

    /// Its id.
    pub fn id(&self) -> RepositoryId {
        self.identity.repository()
    }

    /// The catalog that it belongs to.
    pub fn catalog(&self) -> CatalogId {
        self.identity.catalog()
    }

    /// The store, for what needs it whole: space, location, the sweep.
    pub fn store(&self) -> &Arc<dyn BlobStore> {
        &self.store
    }

    /// Every instance that has a folder, sorted.
    ///
    /// # Errors
    /// The store fails.
    pub fn instances(&self) -> Result<Vec<InstanceId>, RepositoryError> {
        let folders = self.store.list_folder("")?.into_iter();
        let folders = folders.filter_map(|name| name.strip_suffix('/').and_then(|name| name.parse().ok()));
        let mut instances: Vec<InstanceId> = Vec::new();
        for instance in folders {
            if self.store.list_folder(&format!("{instance}"))?.iter().any(|name| name == "sets/") {
                instances.push(instance);
            }
        }
        Ok(instances)
    }

    /// Every attempt of an instance, whole or not, oldest set first.
    ///
    /// # Errors
    /// The store fails.
    pub fn attempts(&self, instance: &InstanceId) -> Result<Vec<AttemptListing>, RepositoryError> {
        let gone: Vec<AttemptName> = self.names(&format!("{instance}/tombstones"), "")?;
        let mut attempts = Vec::new();
        for name in self.names(&format!("{instance}/sets"), "/")? {
            let place = Place { instance: instance.clone(), name };
            let published = self.store.size(&place.manifest())?.is_some();
            attempts.push(AttemptListing { published, tombstone: gone.contains(&name), place });
        }
        attempts.sort_by_key(|attempt| attempt.place.name);
        Ok(attempts)
    }

    fn names(&self, folder: &str, suffix: &str) -> Result<Vec<AttemptName>, RepositoryError> {
        let names = self.store.list_folder(folder)?;
        Ok(names.iter().filter_map(|name| name.strip_suffix(suffix)?.parse().ok()).collect())
    }

    /// The live sets of an instance, oldest first; of two attempts at one set the one with the higher epoch.
    ///
    /// # Errors
    /// The store fails, or a manifest is damaged.
    pub fn sets(&self, instance: &InstanceId) -> Result<Vec<Manifest>, RepositoryError> {
        let ReadableSets { sets, damaged } = self.readable_sets(instance)?;
        damaged.into_iter().next().map_or(Ok(sets), Err)
    }

    /// As [`Repository::sets`], but a damaged manifest does not hide the other sets.
    ///
    /// # Errors
    /// The store fails.
    pub fn readable_sets(&self, instance: &InstanceId) -> Result<ReadableSets, RepositoryError> {
        let mut found = ReadableSets::default();
        for attempt in self.attempts(instance)?.iter().filter(|attempt| attempt.is_live()) {
            found.add(self.manifest(&attempt.place))?;
        }
        Ok(found)
    }

    /// One live set of an instance, whatever became of the others; `None` when there is none.
    ///
    /// # Errors
    /// The store fails, or a manifest of that very set is damaged.
    pub fn find_set(
        &self,
        instance: &InstanceId,
        set: BackupSetId,
    ) -> Result<Option<Manifest>, RepositoryError> {
        let mut found = ReadableSets::default();
        for attempt in self.attempts(instance)?.iter().filter(|a| a.is_live() && a.place.name.set == set) {
            found.add(self.manifest(&attempt.place))?;
        }
        let ReadableSets { mut sets, damaged } = found;
        damaged.into_iter().next().map_or(Ok(sets.pop()), Err)
    }

    /// The newest live set that can be read; one whose manifest is damaged is passed over.
    ///
    /// # Errors
    /// The store fails.
    pub fn newest_readable_set(&self, instance: &InstanceId) -> Result<Option<Manifest>, RepositoryError> {
        let attempts = self.attempts(instance)?;
        let live = || attempts.iter().rev().filter(|attempt| attempt.is_live());
        let mut found = ReadableSets::default();
        for attempt in live() {
            let newest = found.sets.last().map(|manifest| manifest.origin.set);
            if newest.is_some_and(|newest| newest != attempt.place.name.set) {
                break;
            }
            found.add(self.manifest(&attempt.place))?;
        }
        Ok(found.sets.pop())
    }

    /// Opens a published set.
    ///
    /// # Errors
    /// There is no such manifest, or it is damaged.
    pub fn open_set(&self, place: &Place) -> Result<OpenSet, RepositoryError> {
        Ok(OpenSet::new(self.clone(), self.manifest(place)?))
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Absent → `NoSuchSet`; damaged, or of another place.
    pub fn manifest(&self, place: &Place) -> Result<Manifest, RepositoryError> {
        let object = place.manifest();
        let manifest: Manifest = match self.read_record(&object, ObjectKind::Manifest) {
            Err(RepositoryError::Store(StoreError::Absent { .. })) => {
                let (instance, name) = (place.instance.clone(), place.name.to_string());
                return Err(RepositoryError::NoSuchSet { instance, name });
            }
            read => read?,
        };
        let origin = &manifest.origin;
        if origin.instance == place.instance
            && origin.set == place.name.set
            && origin.attempt == place.name.attempt
        {
            Ok(manifest)
        } else {
            let source = FormatError::new(
                "manifest",
                format!("it is that of set {} of {}", origin.set, origin.instance),
            );
            Err(RepositoryError::Damaged { object, source })
        }
    }

    /// Starts an attempt: writes its `begin`. Its packs may not leave less than `floor_bytes` free.
    ///
    /// # Errors
    /// The store fails.
    pub fn begin(&self, begin: &Begin, floor_bytes: Option<u64>) -> Result<AttemptWriter, RepositoryError> {
        let origin = &begin.origin;
        let name = AttemptName { set: origin.set, attempt: origin.attempt };
        let place = Place { instance: origin.instance.clone(), name };
        self.write_record(&place.begin(), ObjectKind::Begin, begin)?;
        Ok(AttemptWriter::new(Arc::clone(&self.store), self.current_key(), place, floor_bytes))
    }

    /// Publishes a manifest, which makes the set count, and fetches it back. All it refers to must be
    /// durably stored. One that does not read back gets a tombstone.
    ///
    /// # Errors
    /// The attempt's `begin` is too old, or it has a tombstone → `Outlived`, and nothing is written; the store
    /// fails, or does not keep what it took → `Damaged`. The set does not count then, unless the store fails so
    /// that nobody can tell: whoever comes next looks for the manifest.
    pub fn publish(&self, manifest: &Manifest, now: Timestamp) -> Result<(), RepositoryError> {
        let origin = &manifest.origin;
        let name = AttemptName { set: origin.set, attempt: origin.attempt };
        let place = Place { instance: origin.instance.clone(), name };
        self.check_begin(&place)?;
        let object = place.manifest();
        let (header, body) = seal_record(&self.current_key(), ObjectKind::Manifest, manifest)?;
        self.store.put(&object, &[&header, &body])?;
        let kept = match self.store.get_from_medium(&object, RECORD_BYTES_MAX) {
            Ok(kept) => kept == [header.as_slice(), &body].concat(),
            Err(StoreError::Absent { .. } | StoreError::Short { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if kept {
            return Ok(());
        }
        self.put_tombstone(&place, "its manifest did not read back as it was written", now)?;
        let source = FormatError::new("manifest", "the store did not keep it as it was written");
        Err(RepositoryError::Damaged { object, source })
    }

    /// Puts a tombstone on an attempt, published or not; one that has one already keeps it.
    ///
    /// # Errors
    /// The store fails.
    pub fn put_tombstone(&self, place: &Place, reason: &str, now: Timestamp) -> Result<(), RepositoryError> {
        let of = Ancestor { set: place.name.set, attempt: place.name.attempt };
        let record = Tombstone { instance: place.instance.clone(), of, put: now, reason: reason.to_owned() };
        match self.write_record(&place.tombstone(), ObjectKind::Tombstone, &record) {
            Err(RepositoryError::Store(StoreError::Exists { .. })) => Ok(()),
            other => other,
        }
    }

    /// Is the attempt to go?
    ///
    /// # Errors
    /// The store fails.
    pub fn has_tombstone(&self, place: &Place) -> Result<bool, RepositoryError> {
        Ok(self.store.size(&place.tombstone())?.is_some())
    }

    /// Deletes what an attempt that will never be published has stored: packs first, `begin` last. Only
    /// the attempt's own living worker may do this at once.
    ///
    /// # Errors
    /// It is published → `Damaged` with that problem; the store fails.
    pub fn discard(&self, place: &Place) -> Result<(), RepositoryError> {
        if self.store.size(&place.manifest())?.is_some() {
            let source = FormatError::new("attempt", "it is published; only the sweep may delete it");
            return Err(RepositoryError::Damaged { object: place.manifest(), source });
        }
        let begin = place.begin();
        let mut after = None;
        loop {
            let page = self.store.list(&place.folder(), after.as_ref())?;
            for entry in page.entries.iter().filter(|entry| entry.key != begin) {
                self.store.delete(&entry.key)?;
            }
            after = page.entries.into_iter().next_back().map(|entry| entry.key);
            if !page.more {
                break;
            }
        }
        self.store.delete(&begin)?;
        Ok(())
    }

    /// The data keys and what opens them.
    pub fn keys(&self) -> Vec<KeyListing> {
        self.ring().listing()
    }

    /// Wraps all data keys under `secret` too; returns the wrap's name.
    ///
    /// # Errors
    /// It opens them already; the store fails.
    pub fn add_key(&self, secret: &KeySecret) -> Result<String, RepositoryError> {
        let name = self.ring().add(&*self.store, secret)?;
        self.reload_keys()?;
        Ok(name)
    }

    /// Starts a new data key for later objects. `secrets` are needed beside those at hand where others wrap some data
    /// key.
    ///
    /// # Errors
    /// Somebody who can read older objects could not read the new ones: their secret is missing, or their wrap is
    /// damaged. The store fails.
    pub fn rotate_key(&self, secrets: &[KeySecret], now: Timestamp) -> Result<DataKeyId, RepositoryError> {
        let all = [&self.secrets, secrets].concat();
        let id = self.ring().rotate(&*self.store, &all, now)?;
        self.reload_keys()?;
        Ok(id)
    }

    /// Removes the wraps called `name`.
    ///
    /// # Errors
    /// There is none, or it is the last of a key; the store fails.
    pub fn retire_key(&self, name: &str) -> Result<Vec<DataKeyId>, RepositoryError> {
        let keys = self.ring().retire(&*self.store, name)?;
        Ok(keys)
    }

    /// Sizes of the packs that lie in an attempt's folder, by number.
    ///
    /// # Errors
    /// The store fails.
    pub fn pack_sizes(&self, place: &Place) -> Result<BTreeMap<u32, u64>, RepositoryError> {
        let mut sizes = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.store.list(&place.folder(), after.as_ref())?;
            let number = |name: &str| name.rsplit_once("/pack-").and_then(|(_, number)| number.parse().ok());
            let packs = page.entries.iter().filter_map(|e| Some((number(e.key.as_str())?, e.bytes)));
            sizes.extend(packs);
            after = page.entries.into_iter().next_back().map(|entry| entry.key);
            if !page.more {
                return Ok(sizes);
            }
        }
    }

    /// A reader of frames of these attempts, each with the set that it was to make.
    pub fn frame_reader(
        &self,
        instance: InstanceId,
        attempts: impl IntoIterator<Item = (AttemptId, BackupSetId)>,
    ) -> FrameReader {
        FrameReader::new(self.clone(), instance, attempts.into_iter().collect())
    }

    /// The hasher for the blocks of new frames.
    pub fn new_block_hasher(&self) -> BlockHasher {
        BlockHasher::new(self.ring().current().block_hash_key())
    }

    /// The data key that seals new objects.
    pub fn current_key_id(&self) -> DataKeyId {
        self.ring().current().id()
    }

    /// The hasher of blocks under a data key; for comparing with older frames.
    ///
    /// # Errors
    /// The repository does not hold the key.
    pub fn block_hasher(&self, key: DataKeyId) -> Result<BlockHasher, RepositoryError> {
        Ok(BlockHasher::new(self.key(key)?.block_hash_key()))
    }

    pub(crate) fn current_key(&self) -> DataKey {
        self.ring().current().clone()
    }

    /// A data key; one made since the repository was opened is looked for in the store.
    pub(crate) fn key(&self, id: DataKeyId) -> Result<DataKey, RepositoryError> {
        if let Ok(key) = self.ring().get(id) {
            return Ok(key.clone());
        }
        self.reload_keys()?;
        Ok(self.ring().get(id)?.clone())
    }

    fn ring(&self) -> std::sync::RwLockReadGuard<'_, KeyRing> {
        self.keys.read().expect("no thread panics while it holds the keys")
    }

    /// Wraps that are damaged, though their data keys open by others.
    pub(crate) fn damaged_wraps(&self) -> Vec<(ObjectKey, FormatError)> {
        self.ring().damaged().to_vec()
    }

    pub(crate) fn reload_keys(&self) -> Result<(), RepositoryError> {
        let keys = KeyRing::load(&*self.store, &self.secrets, self.needed)?;
        *self.keys.write().expect("no thread panics while it holds the keys") = keys;
        Ok(())
    }

    pub(crate) fn read_record<T: serde::de::DeserializeOwned>(
        &self,
        object: &ObjectKey,
        kind: ObjectKind,
    ) -> Result<T, RepositoryError> {
        let bytes = self.store.get(object, RECORD_BYTES_MAX)?;
        let key = |id| self.key(id);
        open_record(bytes, kind, key, object)
    }

    pub(crate) fn write_record<T: serde::Serialize>(
        &self,
        object: &ObjectKey,
        kind: ObjectKind,
        record: &T,
    ) -> Result<(), RepositoryError> {
        let (header, body) = seal_record(&self.current_key(), kind, record)?;
        self.store.put(object, &[&header, &body])?;
        Ok(())
    }
}

fn identity_key() -> ObjectKey {
    IDENTITY_KEY.parse().expect("a plain name")
}
