//! Pages of relations and their checksums.
//!
//! Follows `src/include/storage/checksum_impl.h` (PostgreSQL 14 to 18): 32 interleaved FNV-1a-like sums over the page
//! with its checksum field taken as zero, folded by xor, mixed with the block number, reduced to 1..=65535. The 32
//! sums are independent, so that the compiler turns them into vector instructions.
//!
//! A page of zeros is valid: a relation is extended before it is filled.

use pgwal::Lsn;

const LANES: usize = 32;
const ROW_BYTES: usize = LANES * 4;
const FNV_PRIME: u32 = 16_777_619;

/// Page header: LSN in bytes 0..8 (two halves, the high one first), checksum in 8..10, upper bound of free space
/// in 14..16, zero only in a page that was never initialized.
const CHECKSUM_AT: usize = 8;
const UPPER_AT: usize = 14;

/// Start values of the sums, which make each depend on its place.
const SEEDS: [u32; LANES] = [
    0x5B1F_36E9,
    0xB852_5960,
    0x02AB_50AA,
    0x1DE6_6D2A,
    0x79FF_467A,
    0x9BB9_F8A3,
    0x217E_7CD2,
    0x83E1_3D2C,
    0xF8D4_474F,
    0xE39E_B970,
    0x42C6_AE16,
    0x9932_16FA,
    0x7B09_3B5D,
    0x98DA_FF3C,
    0xF718_902A,
    0x0B1C_9CDB,
    0xE58F_764B,
    0x1876_36BC,
    0x5D7B_3BB1,
    0xE73D_E7DE,
    0x92BE_C979,
    0xCCA6_C0B2,
    0x304A_0979,
    0x85AA_43D4,
    0x7831_25BB,
    0x6CA8_EAA2,
    0xE407_EAC6,
    0x4B5C_FC3E,
    0x9FBF_8C76,
    0x15CA_20BE,
    0xF2CA_9FD3,
    0x959B_D756,
];

/// What a look at a page's bytes says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    /// The checksum fits.
    Valid,
    /// All zero: reserved, never written.
    Zero,
    /// The checksum does not fit; the page claims to have been changed last at `lsn`.
    Mismatch {
        /// From the page's header, so perhaps garbage too.
        lsn: Lsn,
    },
}

/// Looks at one page. `page` must be as long as the cluster's pages are, `block` counts over all segments.
///
/// # Panics
/// When `page` is not a multiple of 128 bytes long and at least 1 KiB, which no cluster's pages are.
pub fn page_state(page: &[u8], block: u32) -> PageState {
    assert!(page.len() >= 1024 && page.len().is_multiple_of(ROW_BYTES), "a page has whole rows");
    if page[UPPER_AT..UPPER_AT + 2] == [0, 0] && page.iter().all(|byte| *byte == 0) {
        return PageState::Zero;
    }
    let stored = u16::from_le_bytes([page[CHECKSUM_AT], page[CHECKSUM_AT + 1]]);
    // An uninitialized page that is not zero is refused by the server whatever its checksum.
    if page[UPPER_AT..UPPER_AT + 2] != [0, 0] && page_checksum(page, block) == stored {
        PageState::Valid
    } else {
        PageState::Mismatch { lsn: page_lsn(page) }
    }
}

/// The position of the last change, as the page's header has it.
pub fn page_lsn(page: &[u8]) -> Lsn {
    let half =
        |at: usize| u64::from(u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]));
    Lsn::new((half(0) << 32) | half(4))
}

/// The checksum that belongs into the header of `page`.
pub fn page_checksum(page: &[u8], block: u32) -> u16 {
    let (first, rest) = page.split_at(ROW_BYTES);
    let mut sums = SEEDS;
    let mut head: [u8; ROW_BYTES] = first.try_into().expect("split at this length");
    head[CHECKSUM_AT..CHECKSUM_AT + 2].fill(0);
    add_row(&mut sums, &head);
    for row in rest.chunks_exact(ROW_BYTES) {
        add_row(&mut sums, row.try_into().expect("chunks have this length"));
    }
    // Two rows of zeros spread the last words over all bits.
    add_row(&mut sums, &[0; ROW_BYTES]);
    add_row(&mut sums, &[0; ROW_BYTES]);
    let folded = sums.iter().fold(0, |all, sum| all ^ sum) ^ block;
    u16::try_from(folded % 65_535 + 1).expect("at most 65535")
}

#[inline]
fn add_row(sums: &mut [u32; LANES], row: &[u8; ROW_BYTES]) {
    let (words, _) = row.as_chunks::<4>();
    for (sum, word) in sums.iter_mut().zip(words) {
        let mixed = *sum ^ u32::from_le_bytes(*word);
        *sum = mixed.wrapping_mul(FNV_PRIME) ^ (mixed >> 17);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_with(fill: u8, block: u32) -> Vec<u8> {
        let mut page = vec![fill; 8192];
        let sum = page_checksum(&page, block);
        page[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_le_bytes());
        page
    }

    #[test]
    fn a_page_of_zeros_is_valid_and_an_almost_zero_one_is_not() {
        let mut page = vec![0; 8192];
        assert_eq!(page_state(&page, 3), PageState::Zero);
        page[8191] = 1;
        assert!(matches!(page_state(&page, 3), PageState::Mismatch { .. }));
    }

    #[test]
    fn each_byte_and_the_block_number_count() {
        let page = page_with(0x5A, 7);
        assert_eq!(page_state(&page, 7), PageState::Valid);
        assert!(matches!(page_state(&page, 8), PageState::Mismatch { .. }));
        for at in (0..8192).step_by(97) {
            let mut bad = page.clone();
            bad[at] ^= 0x10;
            assert!(matches!(page_state(&bad, 7), PageState::Mismatch { .. }), "byte {at}");
        }
    }

    #[test]
    fn the_position_is_read_with_its_high_half_first() {
        let mut page = page_with(1, 0);
        page[..8].copy_from_slice(&[0x16, 0, 0, 0, 0x48, 0xD8, 0x74, 0xB3]);
        assert_eq!(page_lsn(&page).to_string(), "16/B374D848");
    }

    #[test]
    fn all_page_sizes_have_a_checksum() {
        for bytes in [1024, 2048, 4096, 8192, 16384, 32768] {
            let mut page = vec![9; bytes];
            let sum = page_checksum(&page, 1);
            page[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_le_bytes());
            assert_eq!(page_state(&page, 1), PageState::Valid, "{bytes} bytes");
        }
    }
}
