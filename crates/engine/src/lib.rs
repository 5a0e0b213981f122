//! What every engine shares: the trait, the stages of a job, the pipeline from a source's files to
//! frames in packs, and the way back into a directory.

pub mod failpoint;

mod control;
mod request;
mod source;
mod uncontrolled;

mod backup_engine;

mod archive;
mod copy;
mod dead_frames;
mod extract;
mod extract_plan;
mod file_stream;
mod set_writer;

pub use archive::{Archive, ArchiveError, ArchiveShape, MadeMember};
pub use backup_engine::{BackupEngine, BackupError, Checked, Finding, FinishedSet, Retry};
pub use control::{Interrupted, JobControl, Stage};
pub use extract::{ExtractError, ExtractOptions, ExtractProgress, ExtractReport, Owner, extract};
pub use extract_plan::{ExtractPlan, plan_extract};
pub use file_stream::{FileStream, StreamedFile};
pub use request::{BackupRequest, Reuse};
pub use set_writer::{SetRecord, SetTimes, SetWriter};
pub use source::{BadBlocks, EntryKind, Source, SourceEntry, SourceError, SourceFile};
pub use uncontrolled::Uncontrolled;
