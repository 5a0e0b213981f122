//! One way of one connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::Direction;
use super::fault::{Faults, Verdict};

/// Passes bytes on until either side ends.
pub(super) fn relay(mut from: TcpStream, mut to: TcpStream, direction: Direction, faults: &Faults) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        let piece = &mut buffer[..count];
        let (passing, end) = match faults.meet(direction, piece) {
            Verdict::Pass => (count, None),
            Verdict::CutAt(at) => (at, Some(Shutdown::Both)),
            Verdict::HalfCloseAt(at) => (at, Some(Shutdown::Write)),
        };
        let sent = to.write_all(&piece[..passing]);
        match end {
            None if sent.is_ok() => {}
            Some(Shutdown::Both) => {
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
            _ => break,
        }
    }
    // The other way goes on until its own end.
    let _ = to.shutdown(Shutdown::Write);
}
