//! What the proxy does to passing bytes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Direction;

/// What happens to bytes that go one way. Counts of bytes begin when the fault is set, over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// They pass.
    #[default]
    None,
    /// Each piece waits so long.
    Delay(Duration),
    /// They wait until another fault is set; the connection stays open.
    Stall,
    /// The connection is cut, both ways, after so many more bytes.
    CutAfter(u64),
    /// After so many more bytes this way is closed and the other stays open.
    HalfCloseAfter(u64),
    /// The byte after so many more bytes has all its bits turned over.
    FlipAfter(u64),
}

/// The faults of both ways, and the bytes since each was set.
#[derive(Debug, Default)]
pub(super) struct Faults {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    to_server: Way,
    to_client: Way,
    ended: bool,
}

#[derive(Debug, Default)]
struct Way {
    fault: Fault,
    passed: u64,
}

/// What is to be done with a piece of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// Pass so many, then cut both ways.
    CutAt(usize),
    /// Pass so many, then close this way.
    HalfCloseAt(usize),
}

impl Faults {
    pub(super) fn set(&self, direction: Direction, fault: Fault) {
        *self.lock().way(direction) = Way { fault, passed: 0 };
        self.changed.notify_all();
    }

    /// Lets everything that waits go on.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Applies the fault to a piece; waits where the fault says so.
    pub(super) fn meet(&self, direction: Direction, piece: &mut [u8]) -> Verdict {
        let arrived = Instant::now();
        let mut state = self.lock();
        loop {
            let ended = state.ended;
            let wait = match state.way(direction).fault {
                Fault::Stall => Some(Duration::MAX),
                Fault::Delay(delay) => delay.checked_sub(arrived.elapsed()).filter(|left| !left.is_zero()),
                Fault::None | Fault::CutAfter(_) | Fault::HalfCloseAfter(_) | Fault::FlipAfter(_) => None,
            };
            state = match wait {
                None => break,
                Some(_) if ended => break,
                Some(Duration::MAX) => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.way(direction).meet(piece)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

impl Way {
    fn meet(&mut self, piece: &mut [u8]) -> Verdict {
        let before = self.passed;
        self.passed += piece.len() as u64;
        let place = |at: u64| at.checked_sub(before).and_then(|at| usize::try_from(at).ok());
        let within = |at: u64| place(at).filter(|&at| at < piece.len());
        match self.fault {
            Fault::None | Fault::Delay(_) | Fault::Stall => Verdict::Pass,
            Fault::CutAfter(at) if at <= before => Verdict::CutAt(0),
            Fault::CutAfter(at) => within(at).map_or(Verdict::Pass, Verdict::CutAt),
            Fault::HalfCloseAfter(at) if at <= before => Verdict::HalfCloseAt(0),
            Fault::HalfCloseAfter(at) => within(at).map_or(Verdict::Pass, Verdict::HalfCloseAt),
            Fault::FlipAfter(at) => {
                if let Some(byte) = within(at).and_then(|at| piece.get_mut(at)) {
                    *byte = !*byte;
                }
                Verdict::Pass
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meet(fault: Fault, pieces: &[&[u8]]) -> Vec<(Vec<u8>, Verdict)> {
        let mut way = Way { fault, passed: 0 };
        let pieces = pieces.iter().map(|piece| {
            let mut piece = piece.to_vec();
            let verdict = way.meet(&mut piece);
            (piece, verdict)
        });
        pieces.collect()
    }

    #[test]
    fn the_place_of_a_fault_counts_over_pieces() {
        let flipped = meet(Fault::FlipAfter(3), &[b"ab", b"cd", b"ef"]);
        assert_eq!(flipped[1], (vec![b'c', !b'd'], Verdict::Pass));
        assert_eq!(flipped[2], (b"ef".to_vec(), Verdict::Pass));
        let cut = meet(Fault::CutAfter(3), &[b"ab", b"cd", b"ef"]);
        assert_eq!(
            [&cut[0].1, &cut[1].1, &cut[2].1],
            [&Verdict::Pass, &Verdict::CutAt(1), &Verdict::CutAt(0)]
        );
        assert_eq!(meet(Fault::CutAfter(0), &[b"ab"])[0].1, Verdict::CutAt(0));
        assert_eq!(meet(Fault::HalfCloseAfter(2), &[b"ab", b"c"])[1].1, Verdict::HalfCloseAt(0));
    }
}
