//! What lies in an instance's folder: the attempts with what says how they stand, and the tombstones.

use std::collections::BTreeMap;

use blobstore::{BlobStore, ObjectEntry, StoreError};

use super::parts;
use crate::InstanceId;
use crate::begin::{BeginObject, Begun};
use crate::format::frame::AttemptName;

/// One attempt, without its packs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attempt {
    pub(super) begun: Option<Begun>,
    pub(super) has_begin: bool,
    pub(super) published: bool,
    /// When the newest of its objects was stored.
    pub(super) newest_seconds: u64,
}

/// Instances with sets, or with tombstones that are left.
pub(super) fn instances(store: &dyn BlobStore) -> Result<Vec<InstanceId>, StoreError> {
    let folders = store.list_folder("")?.into_iter();
    let mut instances = Vec::new();
    for instance in folders.filter_map(|name| name.strip_suffix('/')?.parse::<InstanceId>().ok()) {
        let inside = store.list_folder(instance.as_str())?;
        if inside.iter().any(|name| name == "sets/" || name == "tombstones/") {
            instances.push(instance);
        }
    }
    Ok(instances)
}

/// The tombstones, each with the time at which it was stored.
pub(super) fn tombstones(
    store: &dyn BlobStore,
    instance: &InstanceId,
) -> Result<BTreeMap<AttemptName, u64>, StoreError> {
    let mut found = BTreeMap::new();
    for_each(store, &format!("{instance}/tombstones"), |entry| {
        if let Ok(name) = entry.key.file_name().parse() {
            found.insert(name, entry.stored_seconds);
        }
    })?;
    Ok(found)
}

/// All attempts, in the order of their names.
pub(super) fn attempts(
    store: &dyn BlobStore,
    instance: &InstanceId,
) -> Result<BTreeMap<AttemptName, Attempt>, StoreError> {
    let mut found: BTreeMap<AttemptName, Attempt> = BTreeMap::new();
    for_each(store, &format!("{instance}/sets"), |entry| {
        let Some((name, file)) = parts(&entry.key) else { return };
        let Ok(name) = name.parse() else { return };
        let attempt = found.entry(name).or_default();
        attempt.newest_seconds = attempt.newest_seconds.max(entry.stored_seconds);
        attempt.published |= file == "manifest";
        if let Some(object) = BeginObject::named(file) {
            attempt.has_begin |= object == BeginObject::Begin;
            Begun::add(&mut attempt.begun, object, entry.stored_seconds);
        }
    })?;
    Ok(found)
}

/// Each object below a folder; a page of the listing in memory.
pub(super) fn for_each(
    store: &dyn BlobStore,
    folder: &str,
    mut take: impl FnMut(&ObjectEntry),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.list(folder, after.as_ref())?;
        page.entries.iter().for_each(&mut take);
        after = page.entries.into_iter().next_back().map(|entry| entry.key);
        if !page.more {
            return Ok(());
        }
    }
}
