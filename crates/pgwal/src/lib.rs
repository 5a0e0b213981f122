//! PostgreSQL's write-ahead log as values: positions, timelines, and the names of its files.
//!
//! Everything here is a pure function over values and text. The crate does no I/O, knows no clock and no server; it
//! is not the place for reading WAL from a disk or a socket.
//!
//! ```
//! use pgwal::{Lsn, SegmentName, SegmentSize, TimelineId};
//!
//! let timeline = TimelineId::new(1).expect("1 is a timeline");
//! let start: Lsn = "0/3000060".parse()?;
//! let segment = SegmentName::containing(timeline, start, SegmentSize::DEFAULT);
//! assert_eq!(segment.to_string(), "000000010000000000000003");
//! assert_eq!(segment.start().to_string(), "0/3000000");
//! # Ok::<(), pgwal::ParseError>(())
//! ```

mod lsn;
mod timeline;

mod segment_name;
mod segment_size;
mod wal_file_name;

mod wal_range;

mod error;

pub use error::ParseError;
pub use lsn::Lsn;
pub use segment_name::SegmentName;
pub use segment_size::SegmentSize;
pub use timeline::TimelineId;
pub use wal_file_name::WalFileName;
pub use wal_range::{Segments, WalRange};
