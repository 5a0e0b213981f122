//! Backstop's repository: format 1, packs, manifests, keys, verifying.
//!
//! It knows no database: what an engine records in a manifest is opaque here. Write order is the
//! protocol: packs, then what proves them, then the manifest; the catalog's row comes last of all.
//! Whatever is interrupted is garbage, never half a set.

mod ids;
mod randomness;
mod stored_path;

mod format;
mod seal;

mod codec;
mod encode;
mod pack;

mod error;
mod identity;
mod keys;
mod record;
mod repository;

mod attempt;
mod begin;
mod pack_use;
mod table_writer;

mod open_set;
mod prove;
mod reader;
mod sweep;
mod verify;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(test)]
mod golden;

pub use attempt::{AttemptError, AttemptWriter};
pub use begin::{BEGIN_LIFE, RENEW_BEGIN_EVERY, Reading};
pub use codec::Compression;
pub use encode::{BlockDigest, BlockHasher, EncodedFrame, FrameEncoder, HashedBlocks};
pub use error::RepositoryError;
pub use format::block_map::{Run, push_run};
pub use format::bytes::FormatError;
pub use format::file_table::{Content, Entry, MapPiece};
pub use format::frame::{
    AttemptName, BLOCK_BYTES, BlockHash, FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, FrameId, PackId,
    SHARED_FILE_BYTES,
};
pub use format::manifest::{
    Ancestor, Begin, BeginKind, JobMode, Manifest, Origin, PackRange, ReadBack, Reference, TableFrame,
    Tombstone, Totals,
};
pub use format::pack_index::{BlocksView, FrameBlocks, FrameView, PackIndex, ShortBlock};
pub use identity::Identity;
pub use ids::{
    AttemptId, BackupJobId, BackupSetId, CatalogId, DataKeyId, FencingEpoch, IdError, InstanceId,
    RepositoryId,
};
pub use keys::{KeyError, KeyFileError, KeyListing, KeySecret, WrapListing};
pub use open_set::{Entries, OpenSet, run_bytes};
pub use pack_use::PackUse;
pub use prove::{Depth, PackProof};
pub use reader::{FrameBuffers, FrameReader, OpenPack};
pub use repository::{AttemptListing, Place, ReadableSets, Repository};
pub use stored_path::{PATH_BYTES_MAX, PathError, StoredPath};
pub use sweep::{
    AttemptSweep, Burial, CLOCKS_APART_MAX, InstanceSweep, JobLife, JobsError, Skipped, SweepError,
    SweepOptions, SweepPlan, SweepReport, SweepWatch, TOMBSTONE_GRACE, execute_sweep, plan_sweep,
};
pub use table_writer::{EntryHead, TableError, TableWriter, WrittenTable};
pub use verify::{Fault, Touched, VerifyOptions, VerifyProgress, VerifyReport};
