//! Archives that were opened lately: whoever downloads in pieces asks for one again and again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use catalog::BackupSet;
use engine::{Archive, ArchiveError};
use repository::{AttemptName, Place};

use crate::context::Context;

/// Archives remembered. Each may hold 4 MiB of pack indexes and some block maps.
const ARCHIVES_MAX: usize = 2;

/// The open archives, the one used last behind the others.
#[derive(Debug, Default)]
pub(super) struct Archives {
    open: Mutex<VecDeque<(AttemptName, Arc<Archive>)>>,
}

impl Archives {
    /// The archive of a set. Blocks.
    ///
    /// # Errors
    /// The set cannot be read.
    pub(super) fn open(&self, context: &Context, set: &BackupSet) -> Result<Arc<Archive>, ArchiveError> {
        let name = AttemptName { set: set.origin.id, attempt: set.attempt };
        if let Some(known) = self.take(name) {
            self.keep(name, &known);
            return Ok(known);
        }
        let archive = Arc::new(open(context, set)?);
        self.keep(name, &archive);
        Ok(archive)
    }

    fn take(&self, name: AttemptName) -> Option<Arc<Archive>> {
        let mut open = self.lock();
        let at = open.iter().position(|(known, _)| *known == name)?;
        open.remove(at).map(|(_, archive)| archive)
    }

    fn keep(&self, name: AttemptName, archive: &Arc<Archive>) {
        let mut open = self.lock();
        open.retain(|(known, _)| *known != name);
        if open.len() == ARCHIVES_MAX {
            open.pop_front();
        }
        open.push_back((name, Arc::clone(archive)));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(AttemptName, Arc<Archive>)>> {
        self.open.lock().expect("no thread panics while it holds the archives")
    }
}

/// Opens the set and measures its archive.
pub(super) fn open(context: &Context, set: &BackupSet) -> Result<Archive, ArchiveError> {
    let name = AttemptName { set: set.origin.id, attempt: set.attempt };
    let place = Place { instance: set.origin.instance.clone(), name };
    let opened = context
        .repository
        .open_set(&place)
        .map_err(|source| ArchiveError::Repository { path: format!("set {}", set.origin.id), source })?;
    context.engines.archive(&opened)
}
