//! A set as one tar archive, of which any stretch of bytes can be written alone.
//!
//! ```text
//! members of the set's entries, in the order of the file table      header · content · padding to 512
//! members that the engine made                                      the same
//! two empty blocks
//! ```
//!
//! - The bytes depend on the set alone, not on when or where they are asked for: a download that broke off is gone on
//!   with at any node.
//! - [`Archive::measure`] walks the file table and reads no content. It notes where the members of each table frame
//!   begin, so that a stretch at the end is not looked for from the start: 16 bytes for about a thousand files.
//! - What is in memory: one table frame, the block map of one file, some frames.

mod content;
mod header;

use std::error::Error as StdError;
use std::fmt::Debug;
use std::io::{self, Write};
use std::ops::Range;

use repository::{Content, Entries, Entry, OpenSet, RepositoryError};

use self::content::ContentReader;
use self::header::{BLOCK, END_BYTES, Head, Kind};

/// Zeros for padding and for the end.
static ZEROS: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// What an engine makes of a set.
pub trait ArchiveShape: Send + Sync + Debug {
    /// The path of an entry in the archive, empty for the top; `None`: the entry is not in it as it is in the set.
    fn path(&self, entry: &Entry) -> Option<Vec<u8>>;

    /// Members that follow those of the entries.
    fn made(&self) -> &[MadeMember];
}

/// A member that is in no set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeMember {
    /// Its path in the archive.
    pub path: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
    /// A file's content; `None`: a folder.
    pub content: Option<Vec<u8>>,
}

/// Why an archive cannot be made, or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The repository failed, or the set is damaged.
    #[error("read {path} from the repository")]
    Repository {
        /// The file, or the set.
        path: String,
        /// The cause.
        #[source]
        source: RepositoryError,
    },
    /// No engine of this release makes archives of such sets.
    #[error("sets of engine {engine} are not made into archives")]
    NotSupported {
        /// Which.
        engine: String,
    },
    /// The set does not hold what an archive of it needs.
    #[error("make an archive of set {set}")]
    Shape {
        /// The set.
        set: String,
        /// What is wrong.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Whoever took the bytes takes no more.
    #[error("hand the archive on")]
    Sink(#[source] io::Error),
}

/// The archive of one set. Used by many threads at once.
#[derive(Debug)]
pub struct Archive {
    set: OpenSet,
    shape: Box<dyn ArchiveShape>,
    stops: Vec<Stop>,
    bytes: u64,
}

/// Where members begin.
#[derive(Debug, Clone, Copy)]
struct Stop {
    table_frame: usize,
    offset: u64,
}

impl Archive {
    /// Measures the archive that `shape` makes of `set`.
    ///
    /// # Errors
    /// The file table cannot be read.
    pub fn measure(set: &OpenSet, shape: Box<dyn ArchiveShape>) -> Result<Self, ArchiveError> {
        let mut archive = Self { set: set.in_order(), shape, stops: Vec::new(), bytes: 0 };
        let mut stops: Vec<Stop> = Vec::new();
        let mut members = archive.members(Stop { table_frame: 0, offset: 0 })?;
        while let Some(member) = members.next_member()? {
            if let Some(table_frame) = member.table_frame
                && stops.last().is_none_or(|stop| stop.table_frame != table_frame)
            {
                stops.push(Stop { table_frame, offset: member.offset });
            }
        }
        archive.bytes = members.offset + END_BYTES;
        archive.stops = stops;
        Ok(archive)
    }

    /// The set.
    pub fn set(&self) -> &OpenSet {
        &self.set
    }

    /// Bytes of the whole archive.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the bytes of `range`, as far as the archive has them.
    ///
    /// # Errors
    /// A frame is absent or damaged, or the sink fails; what was written before is right.
    pub fn write(&self, range: Range<u64>, sink: &mut dyn Write) -> Result<(), ArchiveError> {
        let stop = self.stops.partition_point(|stop| stop.offset <= range.start).checked_sub(1);
        let stop = stop.and_then(|at| self.stops.get(at)).copied();
        let mut members = self.members(stop.unwrap_or(Stop { table_frame: 0, offset: 0 }))?;
        let mut reader = ContentReader::new(&self.set)?;
        while members.offset < range.end {
            let Some(member) = members.next_member()? else { break };
            member.write(&range, &mut reader, sink)?;
        }
        let end = members.offset;
        write_part(&ZEROS, end, &range, sink)
    }

    fn members(&self, stop: Stop) -> Result<Members<'_>, ArchiveError> {
        let modified = u64::try_from(self.set.manifest().ended.as_second()).unwrap_or(0);
        let entries =
            self.set.entries_from(stop.table_frame).map_err(|source| set_error(&self.set, source))?;
        let made = self.shape.made().iter();
        Ok(Members { archive: self, entries, made, modified, offset: stop.offset })
    }
}

/// The members of an archive, in order.
struct Members<'a> {
    archive: &'a Archive,
    entries: Entries,
    made: std::slice::Iter<'a, MadeMember>,
    modified: u64,
    /// Where the next member begins.
    offset: u64,
}

/// A member and where it begins.
struct Member<'a> {
    offset: u64,
    header: Vec<u8>,
    body: Body<'a>,
    bytes: u64,
    /// The table frame of an entry of the set.
    table_frame: Option<usize>,
}

enum Body<'a> {
    Stored(Entry),
    Made(&'a [u8]),
}

impl<'a> Members<'a> {
    fn next_member(&mut self) -> Result<Option<Member<'a>>, ArchiveError> {
        for entry in self.entries.by_ref() {
            let entry = entry.map_err(|source| set_error(&self.archive.set, source))?;
            if let Some(path) = self.archive.shape.path(&entry) {
                let (kind, bytes) = match &entry.content {
                    Content::Directory => (Kind::Directory, 0),
                    Content::File { bytes, .. } => (Kind::File { bytes: *bytes }, *bytes),
                    Content::Symlink { target } => (Kind::Symlink { target }, 0),
                };
                let Entry { mode, owner, group, .. } = entry;
                let head = Head { path: &path, kind, mode, owner, group, modified: self.modified };
                let header = head.encode();
                let table_frame = Some(self.entries.frames_read() - 1);
                return Ok(Some(self.place(header, Body::Stored(entry), bytes, table_frame)));
            }
        }
        let Some(made) = self.made.next() else { return Ok(None) };
        let MadeMember { path, mode, owner, group, content } = made;
        let content = content.as_deref();
        let bytes = content.map_or(0, |content| content.len() as u64);
        let kind = if content.is_some() { Kind::File { bytes } } else { Kind::Directory };
        let head = Head { path, kind, mode: *mode, owner: *owner, group: *group, modified: self.modified };
        let header = head.encode();
        Ok(Some(self.place(header, Body::Made(content.unwrap_or_default()), bytes, None)))
    }

    fn place(
        &mut self,
        header: Vec<u8>,
        body: Body<'a>,
        bytes: u64,
        table_frame: Option<usize>,
    ) -> Member<'a> {
        let offset = self.offset;
        self.offset += header.len() as u64 + bytes.next_multiple_of(BLOCK as u64);
        Member { offset, header, body, bytes, table_frame }
    }
}

impl Member<'_> {
    /// Writes what of the member lies in `range`.
    fn write(
        &self,
        range: &Range<u64>,
        reader: &mut ContentReader<'_>,
        sink: &mut dyn Write,
    ) -> Result<(), ArchiveError> {
        write_part(&self.header, self.offset, range, sink)?;
        let start = self.offset + self.header.len() as u64;
        match &self.body {
            Body::Made(content) => write_part(content, start, range, sink)?,
            Body::Stored(entry) => {
                let end = start + self.bytes;
                let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
                if from < to {
                    reader.write(entry, from - start..to - start, sink)?;
                }
            }
        }
        let padding = self.bytes.next_multiple_of(BLOCK as u64) - self.bytes;
        let padding = usize::try_from(padding).expect("less than a block");
        write_part(&ZEROS[..padding], start + self.bytes, range, sink)
    }
}

/// Writes what of `bytes`, which begin at `start`, lies in `range`.
fn write_part(
    bytes: &[u8],
    start: u64,
    range: &Range<u64>,
    sink: &mut dyn Write,
) -> Result<(), ArchiveError> {
    let end = start + bytes.len() as u64;
    let within = |position: u64| {
        usize::try_from(position.clamp(start, end) - start).expect("no more than bytes in memory")
    };
    let part = &bytes[within(range.start)..within(range.end)];
    if part.is_empty() { Ok(()) } else { sink.write_all(part).map_err(ArchiveError::Sink) }
}

fn set_error(set: &OpenSet, source: RepositoryError) -> ArchiveError {
    ArchiveError::Repository { path: format!("set {}", set.manifest().origin.set), source }
}
