//! Which sets and files a broken pack or frame touches, and which references lead nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use crate::format::block_map::Run;
use crate::format::file_table::{Content, Entry};
use crate::format::frame::{AttemptName, FrameId, PackId};
use crate::format::manifest::Manifest;
use crate::open_set::run_bytes;
use crate::reader::FrameBuffers;
use crate::{BackupSetId, InstanceId, OpenSet, Place, Repository, RepositoryError, StoredPath};

/// Files of one broken pack that are listed; the rest is counted.
const FILES_MAX: usize = 100;

/// A file of a set that needs what is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The instance.
    pub instance: InstanceId,
    /// The set.
    pub set: BackupSetId,
    /// The file; `None` stands for the whole set, whose tables are touched.
    pub path: Option<StoredPath>,
    /// First and last block of the file that are touched; both 0 without a file.
    pub blocks: (u64, u64),
}

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) touched: BTreeMap<PackId, Vec<Touched>>,
    pub(super) faults: Vec<Fault>,
}

/// Walks every set's tables: each block must lead to a frame that has it.
pub(super) fn walk(
    repository: &Repository,
    sets: &[Manifest],
    packs: &BTreeSet<PackId>,
    frames: &BTreeSet<FrameId>,
) -> Walked {
    let mut walked = Walked::default();
    for manifest in sets {
        let origin = &manifest.origin;
        let name = AttemptName { set: origin.set, attempt: origin.attempt };
        let place = Place { instance: origin.instance.clone(), name };
        let outcome = repository.open_set(&place).and_then(|set| {
            let mut walk = Walk { set: &set, packs, frames, walked: &mut walked };
            walk.run()
        });
        if let Err(error) = outcome {
            let problem = super::chain(&error);
            let touched =
                Touched { instance: place.instance.clone(), set: name.set, path: None, blocks: (0, 0) };
            let object = place.manifest().to_string();
            let reached =
                manifest.references.iter().flat_map(|reference| reference.packs().map(|(pack, _)| pack));
            let is_broken =
                |pack: &PackId| packs.contains(pack) || frames.iter().any(|frame| frame.pack == *pack);
            for pack in reached.filter(is_broken) {
                walked.touched.entry(pack).or_default().push(touched.clone());
            }
            walked.faults.push(Fault {
                object,
                problem: format!("its tables: {problem}"),
                touched: vec![touched],
            });
        }
    }
    walked
}

struct Walk<'a> {
    set: &'a OpenSet,
    packs: &'a BTreeSet<PackId>,
    frames: &'a BTreeSet<FrameId>,
    walked: &'a mut Walked,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), RepositoryError> {
        let buffers = FrameBuffers::new();
        let mut buffers =
            buffers.map_err(|source| RepositoryError::Compress { what: "nothing yet", source })?;
        for entry in self.set.entries()? {
            let entry = entry?;
            for run in self.set.runs(&entry, &mut buffers)? {
                self.run_of(&entry, &run)?;
            }
        }
        Ok(())
    }

    fn run_of(&mut self, entry: &Entry, run: &Run) -> Result<(), RepositoryError> {
        let pack = run.frame.pack;
        if self.packs.contains(&pack) || self.frames.contains(&run.frame) {
            self.touch(entry, run);
            return Ok(());
        }
        let opened = match self.set.reader().pack(pack) {
            Ok(opened) => opened,
            // A sample may not have read that pack: it is broken all the same.
            Err(error) if error.is_damage() => {
                self.touch(entry, run);
                self.fault(entry, &super::chain(&error));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Content::File { bytes, .. } = &entry.content else { return Ok(()) };
        let start = run.first_block * crate::BLOCK_BYTES as u64;
        let wanted = (run.end_block() * crate::BLOCK_BYTES as u64).min(*bytes) - start;
        let kept = run_bytes(opened.index(), run).map(|(start, end)| (end - start) as u64);
        if kept == Some(wanted) {
            return Ok(());
        }
        self.fault(
            entry,
            &format!("blocks {} to {} are not in {}", run.first_block, run.end_block() - 1, run.frame),
        );
        Ok(())
    }

    fn touch(&mut self, entry: &Entry, run: &Run) {
        let touched = self.walked.touched.entry(run.frame.pack).or_default();
        let origin = &self.set.manifest().origin;
        let (first, last) = (run.first_block, run.end_block() - 1);
        let same = |known: &&mut Touched| known.set == origin.set && known.path.as_ref() == Some(&entry.path);
        if let Some(known) = touched.last_mut().filter(same) {
            known.blocks = (known.blocks.0.min(first), known.blocks.1.max(last));
        } else if touched.len() < FILES_MAX {
            touched.push(Touched {
                instance: origin.instance.clone(),
                set: origin.set,
                path: Some(entry.path.clone()),
                blocks: (first, last),
            });
        }
    }

    fn fault(&mut self, entry: &Entry, problem: &str) {
        let origin = &self.set.manifest().origin;
        let object = format!("{} of set {} of {}", entry.path, origin.set, origin.instance);
        if self.walked.faults.len() < FILES_MAX {
            let touched = vec![];
            self.walked.faults.push(Fault { object, problem: problem.to_owned(), touched });
        }
    }
}
