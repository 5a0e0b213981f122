//! What an extraction will come to, before anything is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use repository::{Content, FrameBuffers, OpenSet, RepositoryError, StoredPath};

use crate::ExtractError;

/// What an extraction will write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtractPlan {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Stretches of blocks that lie together in a frame: what is fetched and written at once, at most.
    pub stretches: u64,
    /// Bytes of the files below each folder that the caller named.
    pub bytes_below: BTreeMap<PathBuf, u64>,
}

/// Plans the extraction of `set`: walks its entries and their block maps in order, as [`crate::extract`] does,
/// and fetches no content. `folder_of` says in which folder, of a few, an entry comes to lie.
///
/// One table frame and a few frames of block maps are in memory, however large the set.
///
/// # Errors
/// An entry or a block map is damaged or absent, so that the extraction could not succeed.
pub fn plan_extract(
    set: &OpenSet,
    folder_of: &dyn Fn(&StoredPath) -> PathBuf,
) -> Result<ExtractPlan, ExtractError> {
    let set_error =
        |source| ExtractError::Repository { path: format!("set {}", set.manifest().origin.set), source };
    let buffers = FrameBuffers::new();
    let mut buffers =
        buffers.map_err(|source| set_error(RepositoryError::Compress { what: "nothing yet", source }))?;
    let mut plan = ExtractPlan::default();
    for entry in set.entries().map_err(set_error)? {
        let entry = entry.map_err(set_error)?;
        let Content::File { bytes, .. } = entry.content else { continue };
        let runs = set.runs(&entry, &mut buffers);
        let runs =
            runs.map_err(|source| ExtractError::Repository { path: entry.path.to_string(), source })?;
        plan.files += 1;
        plan.bytes += bytes;
        plan.stretches += runs.len() as u64;
        *plan.bytes_below.entry(folder_of(&entry.path)).or_default() += bytes;
    }
    Ok(plan)
}
