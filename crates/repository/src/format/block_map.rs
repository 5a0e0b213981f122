//! Block maps: for one stored file, where each of its blocks is kept.
//!
//! A map is a list of runs that cover the file from its first block to its last. It is cut into
//! pieces; pieces of many files share a metadata frame. Such a frame names attempts by its own list, so
//! that it can be referred to from any later set:
//!
//! ```text
//! map frame = attempt count · attempts (16 each) · piece count · pieces
//! piece     = run count · runs
//! run       = signed (first block − end of the run before; 0 for a piece's first if it begins at 0) ·
//!             block count · attempt number · signed pack difference · signed frame difference ·
//!             first block in frame
//! ```

use super::bytes::{FormatError, Reader, put_signed, put_varint};
use super::frame::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, FrameId, PackId};
use crate::AttemptId;

/// Some consecutive blocks of a file that are consecutive in one frame, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first block of the file.
    pub first_block: u64,
    /// How many.
    pub count: u16,
    /// The frame that holds them.
    pub frame: FrameId,
    /// Which block of the frame is the first.
    pub first_in_frame: u16,
}

impl Run {
    /// The block after the last.
    pub fn end_block(&self) -> u64 {
        self.first_block + u64::from(self.count)
    }

    /// `next` appended, where it goes on in the file and in the frame; else `false`.
    pub fn absorb(&mut self, next: &Self) -> bool {
        let goes_on = next.frame == self.frame
            && next.first_block == self.end_block()
            && u32::from(next.first_in_frame) == u32::from(self.first_in_frame) + u32::from(self.count);
        let joined = u32::from(self.count) + u32::from(next.count);
        match u16::try_from(joined) {
            Ok(count) if goes_on => {
                self.count = count;
                true
            }
            Ok(_) | Err(_) => false,
        }
    }
}

/// Appends `run` to `runs`, joined to the last where it goes on.
pub fn push_run(runs: &mut Vec<Run>, run: Run) {
    if !runs.last_mut().is_some_and(|last| last.absorb(&run)) {
        runs.push(run);
    }
}

/// A list of attempts by which one frame's references are short.
#[derive(Debug, Default)]
pub(crate) struct AttemptList(Vec<AttemptId>);

impl AttemptList {
    /// The number of `attempt`, which is added if it is new.
    pub(crate) fn number(&mut self, attempt: AttemptId) -> u64 {
        // Searched from the end: neighbours mostly share their attempt.
        let found = self.0.iter().rposition(|known| *known == attempt);
        found.unwrap_or_else(|| {
            self.0.push(attempt);
            self.0.len() - 1
        }) as u64
    }

    pub(crate) fn get(&self, number: u64) -> Option<AttemptId> {
        self.0.get(usize::try_from(number).ok()?).copied()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        for attempt in &self.0 {
            out.extend_from_slice(attempt.as_bytes());
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let count = reader.count(16)?;
        let attempts = (0..count).map(|_| reader.array().map(AttemptId::from_bytes));
        Ok(Self(attempts.collect::<Result<_, _>>()?))
    }
}

/// A map frame being filled.
#[derive(Debug, Default)]
pub(crate) struct MapFrameBuilder {
    attempts: AttemptList,
    pieces: u32,
    bytes: Vec<u8>,
}

impl MapFrameBuilder {
    /// Adds a piece and returns its number in the frame.
    pub(crate) fn push(&mut self, runs: &[Run]) -> u32 {
        put_varint(&mut self.bytes, runs.len() as u64);
        let mut before = Before::default();
        for run in runs {
            let Run { first_block, count, frame, first_in_frame } = *run;
            put_signed(&mut self.bytes, first_block.cast_signed() - before.end_block.cast_signed());
            put_varint(&mut self.bytes, u64::from(count));
            put_varint(&mut self.bytes, self.attempts.number(frame.pack.attempt));
            put_signed(&mut self.bytes, i64::from(frame.pack.number) - i64::from(before.pack));
            put_signed(&mut self.bytes, i64::from(frame.number) - i64::from(before.frame));
            put_varint(&mut self.bytes, u64::from(first_in_frame));
            before = Before::of(run);
        }
        self.pieces += 1;
        self.pieces - 1
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces == 0
    }

    /// The frame's content; the builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let Self { attempts, pieces, bytes } = std::mem::take(self);
        let mut out = Vec::with_capacity(bytes.len() + 64);
        attempts.encode(&mut out);
        put_varint(&mut out, u64::from(pieces));
        out.extend_from_slice(&bytes);
        debug_assert!(out.len() <= FRAME_BYTES_MAX);
        out
    }
}

#[derive(Default)]
struct Before {
    end_block: u64,
    pack: u32,
    frame: u32,
}

impl Before {
    fn of(run: &Run) -> Self {
        Self { end_block: run.end_block(), pack: run.frame.pack.number, frame: run.frame.number }
    }
}

/// Reads all pieces of a map frame.
///
/// # Errors
/// Damaged: cut, numbers out of range, runs out of order.
pub(crate) fn decode_map_frame(content: &[u8]) -> Result<Vec<Vec<Run>>, FormatError> {
    let mut reader = Reader::new("block map", content);
    let attempts = AttemptList::decode(&mut reader)?;
    let count = reader.count(1)?;
    let mut pieces = Vec::with_capacity(count);
    for _ in 0..count {
        pieces.push(decode_piece(&mut reader, &attempts)?);
    }
    reader.end()?;
    Ok(pieces)
}

fn decode_piece(reader: &mut Reader<'_>, attempts: &AttemptList) -> Result<Vec<Run>, FormatError> {
    let count = reader.count(6)?;
    let mut runs = Vec::with_capacity(count);
    let mut before = Before::default();
    for _ in 0..count {
        let first_block = add(reader, before.end_block)?;
        let count: u16 = reader.number()?;
        let attempt = reader.varint()?;
        let attempt = attempts.get(attempt).ok_or_else(|| reader.error("an attempt is not listed"))?;
        let pack = add(reader, u64::from(before.pack))?;
        let frame = add(reader, u64::from(before.frame))?;
        let first_in_frame: u16 = reader.number()?;
        let narrow = |value: u64| u32::try_from(value).map_err(|_| reader.error("a number is too large"));
        let pack = PackId { attempt, number: narrow(pack)? };
        let run = Run { first_block, count, frame: FrameId { pack, number: narrow(frame)? }, first_in_frame };
        let ordered = runs.is_empty() || run.first_block >= before.end_block;
        let end_in_frame = usize::from(first_in_frame) + usize::from(count);
        if count == 0 || end_in_frame > FRAME_BLOCKS_MAX || !ordered || first_block > 1 << 52 {
            return Err(reader.error("a run is not where one can be"));
        }
        before = Before::of(&run);
        runs.push(run);
    }
    Ok(runs)
}

fn add(reader: &mut Reader<'_>, base: u64) -> Result<u64, FormatError> {
    let difference = reader.signed()?;
    base.checked_add_signed(difference).ok_or_else(|| reader.error("a number is negative"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs() -> impl Strategy<Value = Vec<Run>> {
        let run = (1u16..=64, 0u8..3, any::<u32>(), any::<u32>(), 0u16..=64, 0u64..100);
        prop::collection::vec(run, 0..30).prop_map(|parts| {
            let mut end = 0;
            let run = |(count, attempt, pack, number, first_in_frame, gap): (u16, u8, u32, u32, u16, u64)| {
                let attempt = AttemptId::from_bytes([attempt; 16]);
                let frame = FrameId { pack: PackId { attempt, number: pack }, number };
                let run = Run { first_block: end + gap, count, frame, first_in_frame };
                end = run.end_block();
                run
            };
            parts.into_iter().map(run).collect()
        })
    }

    proptest! {
        #[test]
        fn pieces_read_back_as_written(pieces in prop::collection::vec(runs(), 0..5)) {
            let mut builder = MapFrameBuilder::default();
            for (number, piece) in pieces.iter().enumerate() {
                prop_assert_eq!(builder.push(piece) as usize, number);
            }
            prop_assert_eq!(decode_map_frame(&builder.finish()).expect("frame"), pieces);
            prop_assert!(builder.is_empty());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = decode_map_frame(&bytes);
        }
    }
}
