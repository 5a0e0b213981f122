//! What one thread does with some stretches of blocks.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use blobstore::durable::{StretchWriter, Way};
use repository::{FrameBuffers, FrameReader, RepositoryError, Run, run_bytes};

use super::{ExtractError, ExtractProgress, write_error};

/// Consecutive frames fetched in one request.
const REQUEST_FRAMES_MAX: u32 = 8;

/// A file that was made and is to be filled.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: Box<Path>,
    /// The same for all its pieces.
    pub(super) way: Way,
}

/// Some blocks of a file.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) target: Arc<Target>,
    pub(super) run: Run,
    /// Where they go in the file.
    pub(super) offset: u64,
    /// How many bytes they have.
    pub(super) length: u64,
}

/// One thread's tools.
pub(super) struct Worker<'a> {
    reader: Arc<FrameReader>,
    progress: &'a dyn ExtractProgress,
    buffers: FrameBuffers,
    files: FileWriter,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        reader: Arc<FrameReader>,
        progress: &'a dyn ExtractProgress,
    ) -> Result<Self, ExtractError> {
        Ok(Self { reader, progress, buffers: new_buffers()?, files: FileWriter::default() })
    }

    /// Writes `pieces`, each frame fetched once.
    pub(super) fn run(&mut self, mut pieces: Vec<Piece>) -> Result<(), ExtractError> {
        pieces.sort_by_key(|piece| (piece.run.frame, piece.run.first_in_frame));
        let mut rest = pieces.as_slice();
        while let Some(first) = rest.first() {
            self.progress.check()?;
            let count = request_length(rest);
            let (request, behind) = rest.split_at(count);
            rest = behind;
            self.fetch(request, first)?;
        }
        self.files.finish()
    }

    /// Fetches the consecutive frames of `pieces`.
    fn fetch(&mut self, pieces: &[Piece], first: &Piece) -> Result<(), ExtractError> {
        let pack = first.run.frame.pack;
        let last = pieces.last().map_or(first.run.frame.number, |piece| piece.run.frame.number);
        let opened = self.reader.pack(pack).map_err(|source| repository_error(first, source))?;
        let mut rest = pieces;
        let (progress, files) = (self.progress, &mut self.files);
        let frames = first.run.frame.number..last + 1;
        self.reader
            .read_frames(pack, frames, &mut self.buffers, |number, content| {
                while let Some((piece, behind)) =
                    rest.split_first().filter(|(p, _)| p.run.frame.number == number)
                {
                    rest = behind;
                    let bytes = run_bytes(opened.index(), &piece.run)
                        .and_then(|(start, end)| content.get(start..end));
                    let bytes = bytes.filter(|bytes| bytes.len() as u64 == piece.length);
                    let bytes = bytes.ok_or_else(|| {
                        let what = format!("some block of {}", piece.run.frame);
                        Failure::Extract(repository_error(piece, RepositoryError::Absent { what }))
                    })?;
                    files.write(piece, bytes).map_err(Failure::Extract)?;
                    progress.advance(piece.length);
                }
                Ok(())
            })
            .map_err(|failure| match failure {
                Failure::Extract(error) => error,
                Failure::Repository(source) => repository_error(first, source),
            })
    }
}

enum Failure {
    Extract(ExtractError),
    Repository(RepositoryError),
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

/// How many of the sorted pieces lie in one request of consecutive frames.
fn request_length(pieces: &[Piece]) -> usize {
    let Some(first) = pieces.first().map(|piece| piece.run.frame) else { return 0 };
    let mut last = first.number;
    pieces
        .iter()
        .take_while(|piece| {
            let frame = piece.run.frame;
            let near = frame.pack == first.pack && frame.number <= last + 1;
            last = frame.number;
            near && frame.number - first.number < REQUEST_FRAMES_MAX
        })
        .count()
}

/// Writes pieces, and opens a file once for those that follow one another.
#[derive(Default)]
struct FileWriter {
    stretches: StretchWriter,
    open: Option<Arc<Target>>,
}

impl FileWriter {
    fn write(&mut self, piece: &Piece, bytes: &[u8]) -> Result<(), ExtractError> {
        let path = &piece.target.path;
        if !self.open.as_ref().is_some_and(|open| Arc::ptr_eq(open, &piece.target)) {
            self.finish()?;
            let file = OpenOptions::new().write(true).open(path).map_err(write_error("open", path))?;
            self.stretches.begin(file, piece.target.way);
            self.open = Some(Arc::clone(&piece.target));
        }
        self.stretches.write_at(bytes, piece.offset).map_err(write_error("write", path))
    }

    /// Writes what is still gathered of the open file.
    fn finish(&mut self) -> Result<(), ExtractError> {
        let Some(target) = self.open.take() else { return Ok(()) };
        self.stretches.finish().map_err(write_error("write", &target.path))
    }
}

pub(super) fn new_buffers() -> Result<FrameBuffers, ExtractError> {
    let failed = |source| RepositoryError::Compress { what: "nothing yet", source };
    FrameBuffers::new()
        .map_err(failed)
        .map_err(|source| ExtractError::Repository { path: "frames".to_owned(), source })
}

fn repository_error(piece: &Piece, source: RepositoryError) -> ExtractError {
    ExtractError::Repository { path: piece.target.path.display().to_string(), source }
}
