//! The parent's files, found in order while the new ones are listed.

use repository::{Content, Entries, Entry, FrameBuffers, MapPiece, RepositoryError, Run, StoredPath};

use crate::{BackupError, SetWriter};

/// Where a file of the parent is kept.
#[derive(Debug)]
pub(crate) struct OlderFile {
    pub(super) bytes: u64,
    pub(super) pieces: Vec<MapPiece>,
    pub(super) runs: Vec<Run>,
}

/// The place in the parent's table up to which files were looked up.
#[derive(Debug)]
pub(crate) struct OlderCursor {
    entries: Entries,
    next: Option<Entry>,
    buffers: FrameBuffers,
}

impl OlderCursor {
    pub(crate) fn new(entries: Entries, buffers: FrameBuffers) -> Self {
        Self { entries, next: None, buffers }
    }

    /// The entry at `path`; paths asked for must ascend.
    fn find(&mut self, path: &StoredPath) -> Result<Option<Entry>, RepositoryError> {
        loop {
            match self.next.take() {
                Some(entry) if entry.path == *path => return Ok(Some(entry)),
                Some(entry) if entry.path > *path => {
                    self.next = Some(entry);
                    return Ok(None);
                }
                Some(_) | None => self.next = self.entries.next().transpose()?,
            }
            if self.next.is_none() {
                return Ok(None);
            }
        }
    }
}

impl SetWriter<'_> {
    /// The parent's file at `path`. Where the parent's tables are damaged nothing is found: what is
    /// unknown is copied.
    pub(super) fn older_file(&mut self, path: &StoredPath) -> Result<Option<OlderFile>, BackupError> {
        let Some(parent) = &self.parent else { return Ok(None) };
        let Some(cursor) = &mut self.older else { return Ok(None) };
        let found = cursor.find(path).and_then(|entry| {
            let Some(entry) = entry else { return Ok(None) };
            let runs = parent.set().runs(&entry, &mut cursor.buffers)?;
            Ok(Some((entry, runs)))
        });
        let (entry, runs) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error @ (RepositoryError::Damaged { .. } | RepositoryError::Absent { .. })) => {
                tracing::warn!(%path, error = %error, "the parent set is damaged; from here on all is copied anew");
                self.notes.push(format!(
                    "the parent set is damaged at {path}; from there on all was copied anew: {error}"
                ));
                self.older = None;
                return Ok(None);
            }
            Err(error) => return Err(BackupError::repository("read the parent set", error)),
        };
        match entry.content {
            Content::File { bytes, map } => {
                let kept =
                    runs.iter().all(|run| parent.has(run.frame)) && map.iter().all(|p| parent.has(p.frame));
                let leave =
                    |run: &Run| self.sparse.as_ref().is_some_and(|packs| packs.contains(&run.frame.pack));
                let runs = runs.into_iter().filter(|run| parent.has(run.frame) && !leave(run)).collect();
                // Without its own map's packs a file's map is written anew, whatever its blocks do.
                Ok(Some(OlderFile { bytes: if kept { bytes } else { u64::MAX }, pieces: map, runs }))
            }
            Content::Directory | Content::Symlink { .. } => Ok(None),
        }
    }
}
