//! What is needed: whole attempts, and packs of others.

use std::collections::BTreeSet;

use crate::AttemptId;
use crate::format::frame::PackId;
use crate::format::manifest::{Begin, Manifest};
use crate::pack_use::PackUse;

#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    /// Attempts at work, and what they name: nothing of them may go.
    pub(super) whole: BTreeSet<AttemptId>,
    packs: PackUse,
    /// Attempts of which some pack is needed.
    touched: BTreeSet<AttemptId>,
}

impl Reach {
    /// All packs that a set refers to.
    pub(super) fn add_set(&mut self, manifest: &Manifest) {
        for reference in &manifest.references {
            self.touched.insert(reference.of.attempt);
            reference.packs().for_each(|(pack, _)| self.packs.add_pack(pack));
        }
    }

    /// An attempt at work and all that it names.
    pub(super) fn add_begin(&mut self, begin: &Begin) {
        self.whole.insert(begin.origin.attempt);
        self.whole.extend(begin.ancestors.iter().map(|ancestor| ancestor.attempt));
    }

    pub(super) fn contains(&self, pack: PackId) -> bool {
        self.packs.contains(pack)
    }

    /// Is the attempt named, or a pack of it?
    pub(super) fn names(&self, attempt: AttemptId) -> bool {
        self.whole.contains(&attempt) || self.touched.contains(&attempt)
    }
}
