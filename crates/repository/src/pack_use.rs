//! Which packs a set needs: one bit for each.

use std::collections::BTreeMap;

use crate::AttemptId;
use crate::format::frame::{FrameId, PackId};

/// A set of packs.
#[derive(Debug, Default, Clone)]
pub struct PackUse {
    attempts: BTreeMap<AttemptId, Vec<u64>>,
    /// The pack seen last, for most frames lie in the pack of the one before.
    last: Option<PackId>,
}

impl PackUse {
    /// The pack of `frame` is needed.
    pub fn add(&mut self, frame: FrameId) {
        self.add_pack(frame.pack);
    }

    /// `pack` is needed.
    pub fn add_pack(&mut self, pack: PackId) {
        if self.last == Some(pack) {
            return;
        }
        self.last = Some(pack);
        let (word, bit) = place(pack.number);
        let bits = self.attempts.entry(pack.attempt).or_default();
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << bit;
    }

    /// Is it needed?
    pub fn contains(&self, pack: PackId) -> bool {
        let (word, bit) = place(pack.number);
        let bits = self.attempts.get(&pack.attempt).and_then(|bits| bits.get(word));
        bits.is_some_and(|bits| bits & (1 << bit) != 0)
    }

    /// The attempts, each with the numbers of its packs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (AttemptId, impl Iterator<Item = u32> + '_)> + '_ {
        self.attempts.iter().map(|(attempt, bits)| {
            let numbers = bits.iter().zip(0u32..).flat_map(|(bits, word)| {
                (0..64).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| word * 64 + bit)
            });
            (*attempt, numbers)
        })
    }
}

fn place(number: u32) -> (usize, u32) {
    (usize::try_from(number / 64).expect("32 bits fit"), number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_listed_in_order() {
        let attempt = AttemptId::from_bytes([1; 16]);
        let mut packs = PackUse::default();
        for number in [200, 3, 3, 64, 0] {
            packs.add(FrameId { pack: PackId { attempt, number }, number: 9 });
        }
        let listed: Vec<u32> = packs.iter().flat_map(|(_, numbers)| numbers).collect();
        assert_eq!(listed, [0, 3, 64, 200]);
        assert!(
            packs.contains(PackId { attempt, number: 64 }) && !packs.contains(PackId { attempt, number: 65 })
        );
    }
}
