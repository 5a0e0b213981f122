//! The clear header with which every sealed object begins: 64 bytes, integers little-endian.
//!
//! ```text
//!  0  8  magic "BACKSTOP"
//!  8  2  format version, 1
//! 10  1  kind
//! 11  1  sealing, 1 = AES-256-GCM
//! 12  4  zero
//! 16 16  data-key id
//! 32 32  random bytes, new for each sealing
//! ```

use super::bytes::{FormatError, Reader};
use crate::DataKeyId;

/// Length of the header.
pub(crate) const HEADER_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"BACKSTOP";
const VERSION: u16 = 1;
const AES_256_GCM: u8 = 1;

/// What an object is; part of its key's derivation, so that no kind can pass for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// Frames and their index.
    Pack,
    /// A set's root.
    Manifest,
    /// Who started an attempt.
    Begin,
    /// A set that is to go.
    Tombstone,
    /// A WAL segment or binlog.
    Log,
    /// Which blocks a log changes.
    BlockSummary,
}

impl ObjectKind {
    const ALL: [Self; 6] =
        [Self::Pack, Self::Manifest, Self::Begin, Self::Tombstone, Self::Log, Self::BlockSummary];

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Pack => 1,
            Self::Manifest => 2,
            Self::Begin => 3,
            Self::Tombstone => 4,
            Self::Log => 5,
            Self::BlockSummary => 6,
        }
    }
}

/// The header's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// What the object is.
    pub(crate) kind: ObjectKind,
    /// The data key from which its own key is derived.
    pub(crate) key: DataKeyId,
    /// The random bytes that make its own key.
    pub(crate) salt: [u8; 32],
}

impl Header {
    /// The 64 bytes.
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let Self { kind, key, salt } = self;
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&VERSION.to_le_bytes());
        out[10] = kind.code();
        out[11] = AES_256_GCM;
        out[16..32].copy_from_slice(key.as_bytes());
        out[32..].copy_from_slice(salt);
        out
    }

    /// Reads the header at the start of an object.
    ///
    /// # Errors
    /// Too short, another magic, version, kind or sealing, or bytes that must be zero and are not.
    pub(crate) fn decode(object: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::new("object header", object);
        if &reader.array::<8>()? != MAGIC {
            return Err(reader.error("this is no object of a Backstop repository"));
        }
        let version = u16::from_le_bytes(reader.array()?);
        if version != VERSION {
            return Err(reader.error(format!("format version {version} is not known to this release")));
        }
        let code = reader.byte()?;
        let kind = ObjectKind::ALL.into_iter().find(|kind| kind.code() == code);
        let kind = kind.ok_or_else(|| reader.error(format!("kind {code} is unknown")))?;
        let sealing = reader.byte()?;
        if sealing != AES_256_GCM || reader.array::<4>()? != [0; 4] {
            return Err(reader.error(format!("sealing {sealing} is unknown")));
        }
        Ok(Self { kind, key: DataKeyId::from_bytes(reader.array()?), salt: reader.array()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_header_reads_back_as_written(kind in 0usize..6, key: [u8; 16], salt: [u8; 32]) {
            let header = Header { kind: ObjectKind::ALL[kind], key: DataKeyId::from_bytes(key), salt };
            prop_assert_eq!(Header::decode(&header.encode()).expect("header"), header);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = Header::decode(&bytes);
            let _ = Header::decode(&[MAGIC, bytes.as_slice()].concat());
        }
    }

    fn header() -> Header {
        Header { kind: ObjectKind::Pack, key: DataKeyId::from_bytes([7; 16]), salt: [9; 32] }
    }

    #[test]
    fn a_header_reads_back_as_written() {
        assert_eq!(Header::decode(&header().encode()).expect("header"), header());
    }

    #[test]
    fn every_fixed_byte_counts() {
        for index in 0..16 {
            let mut bytes = header().encode();
            bytes[index] ^= 0x40;
            Header::decode(&bytes).expect_err(&format!("byte {index}"));
        }
        Header::decode(&header().encode()[..63]).expect_err("cut");
    }
}
