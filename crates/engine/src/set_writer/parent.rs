//! The older set that a new one may refer to.

use std::collections::{BTreeSet, HashMap};

use repository::{
    Ancestor, AttemptId, AttemptName, FrameId, InstanceId, Manifest, OpenSet, PackId, Place, Reference,
    Repository,
};

use crate::BackupError;

/// The newest live set of the instance.
#[derive(Debug)]
pub(crate) struct Parent {
    set: OpenSet,
    /// Packs that its manifest names and that are not there, or have another size.
    missing: BTreeSet<PackId>,
    sizes: HashMap<PackId, u32>,
}

impl Parent {
    /// The newest live set that can be read, with its packs looked for.
    pub(crate) fn choose(
        repository: &Repository,
        instance: &InstanceId,
    ) -> Result<Option<Self>, BackupError> {
        let failed = |e| BackupError::repository("look for an older set", e);
        let Some(manifest) = repository.newest_readable_set(instance).map_err(failed)? else {
            return Ok(None);
        };
        let place = place_of(&manifest);
        let sizes = manifest.references.iter().flat_map(Reference::packs).collect();
        let missing = missing_packs(repository, &manifest)?;
        let set = repository.open_set(&place).map_err(failed)?;
        Ok(Some(Self { set, missing, sizes }))
    }

    /// Is it still there, without a tombstone?
    pub(crate) fn is_live(&self, repository: &Repository) -> Result<bool, BackupError> {
        let place = place_of(self.set.manifest());
        let attempts = repository.attempts(&place.instance);
        let attempts = attempts.map_err(|e| BackupError::repository("look for tombstones", e))?;
        Ok(attempts.iter().any(|attempt| attempt.place == place && attempt.is_live()))
    }

    pub(crate) fn set(&self) -> &OpenSet {
        &self.set
    }

    pub(crate) fn ancestor(&self) -> Ancestor {
        let origin = &self.set.manifest().origin;
        Ancestor { set: origin.set, attempt: origin.attempt }
    }

    /// It and all that it refers to.
    pub(crate) fn ancestors(&self) -> Vec<Ancestor> {
        let own = self.ancestor();
        let others = self.set.manifest().references.iter().map(|r| r.of).filter(|of| *of != own);
        std::iter::once(own).chain(others).collect()
    }

    /// What it says of an attempt that it refers to.
    pub(crate) fn reference(&self, attempt: AttemptId) -> Option<&Reference> {
        self.set.manifest().references.iter().find(|reference| reference.of.attempt == attempt)
    }

    pub(crate) fn pack_bytes(&self, pack: PackId) -> Option<u32> {
        self.sizes.get(&pack).copied()
    }

    pub(crate) fn has(&self, frame: FrameId) -> bool {
        self.missing.is_empty() || !self.missing.contains(&frame.pack)
    }

    /// Its table's frames by digest; those in missing packs are left out.
    pub(crate) fn table_frames(&self) -> HashMap<[u8; 16], FrameId> {
        let frames = self.set.manifest().table.iter();
        let frames = frames.filter_map(|frame| Some((frame.digest, self.set.table_frame(frame)?)));
        frames.filter(|(_, frame)| self.has(*frame)).collect()
    }
}

pub(crate) fn place_of(manifest: &Manifest) -> Place {
    let origin = &manifest.origin;
    let name = AttemptName { set: origin.set, attempt: origin.attempt };
    Place { instance: origin.instance.clone(), name }
}

/// Packs that a manifest names and that are not in the store as it names them.
pub(crate) fn missing_packs(
    repository: &Repository,
    manifest: &Manifest,
) -> Result<BTreeSet<PackId>, BackupError> {
    let mut missing = BTreeSet::new();
    for reference in &manifest.references {
        let name = AttemptName { set: reference.of.set, attempt: reference.of.attempt };
        let place = Place { instance: manifest.origin.instance.clone(), name };
        let stored = repository.pack_sizes(&place);
        let stored = stored.map_err(|e| BackupError::repository("list older packs", e))?;
        let absent =
            reference.packs().filter(|(pack, bytes)| stored.get(&pack.number) != Some(&u64::from(*bytes)));
        missing.extend(absent.map(|(pack, _)| pack));
    }
    Ok(missing)
}
