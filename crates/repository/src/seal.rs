//! Sealing: AES-256-GCM under a key of the object's own.
//!
//! Key: HKDF-SHA256(data key, salt = the header's 32 random bytes, info = "backstop object" and kind).
//! Nonce: the frame's number, 96 bits little-endian. Associated data: header and number, never path
//! or repository, so a copy elsewhere under the same data key is the same bytes.
//! A key seals one object once: a writer draws new random bytes for each object.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::format::header::{HEADER_BYTES, Header, ObjectKind};
use crate::{DataKeyId, randomness};

/// Length of the tag that ends each sealed frame.
pub(crate) const TAG_BYTES: usize = 16;

/// A frame whose tag does not match: other bytes, another key, another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its seal does not match: the bytes were changed, or belong elsewhere")]
pub(crate) struct SealError;

/// A data key: 32 random bytes and their id.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct DataKey {
    #[zeroize(skip)]
    id: DataKeyId,
    secret: [u8; 32],
}

impl DataKey {
    pub(crate) fn new(id: DataKeyId, secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    /// A new key from the system's random source.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub(crate) fn random() -> Self {
        Self::new(DataKeyId::random(), random_bytes())
    }

    pub(crate) fn id(&self) -> DataKeyId {
        self.id
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The key of block hashes, which must be the same for all objects that are compared.
    pub(crate) fn block_hash_key(&self) -> [u8; 32] {
        derive(&self.secret, &[], &[b"backstop block hash"])
    }

    /// Begins a new object: a header with fresh random bytes, and its sealer.
    pub(crate) fn begin(&self, kind: ObjectKind) -> (Header, ObjectSeal) {
        let header = Header { kind, key: self.id, salt: random_bytes() };
        (header, self.object(&header))
    }

    /// The seal of the object that begins with `header`.
    pub(crate) fn object(&self, header: &Header) -> ObjectSeal {
        let mut secret = derive(&self.secret, &header.salt, &[b"backstop object", &[header.kind.code()]]);
        let key = UnboundKey::new(&AES_256_GCM, &secret).expect("the key has 32 bytes");
        secret.zeroize();
        ObjectSeal { key: LessSafeKey::new(key), header: header.encode() }
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataKey({}, [redacted])", self.id)
    }
}

/// Seals and opens the frames of one object.
pub(crate) struct ObjectSeal {
    key: LessSafeKey,
    header: [u8; HEADER_BYTES],
}

impl std::fmt::Debug for ObjectSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ObjectSeal([redacted])")
    }
}

impl ObjectSeal {
    /// Seals `bytes` in place as frame `number`; the tag is to follow them.
    pub(crate) fn seal(&self, number: u32, bytes: &mut [u8]) -> [u8; TAG_BYTES] {
        let sealed = self.key.seal_in_place_separate_tag(nonce(number), self.associated(number), bytes);
        let tag = sealed.expect("a frame is far shorter than the cipher's limit");
        tag.as_ref().try_into().expect("the tag has 16 bytes")
    }

    /// Opens frame `number` in place: what is left of `sealed` is its content.
    ///
    /// # Errors
    /// The tag does not match.
    pub(crate) fn open<'a>(&self, number: u32, sealed: &'a mut [u8]) -> Result<&'a mut [u8], SealError> {
        self.key.open_in_place(nonce(number), self.associated(number), sealed).map_err(|_| SealError)
    }

    fn associated(&self, number: u32) -> Aad<[u8; HEADER_BYTES + 4]> {
        let mut bytes = [0; HEADER_BYTES + 4];
        bytes[..HEADER_BYTES].copy_from_slice(&self.header);
        bytes[HEADER_BYTES..].copy_from_slice(&number.to_le_bytes());
        Aad::from(bytes)
    }
}

fn nonce(number: u32) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

struct Length32;

impl KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

pub(crate) fn derive(secret: &[u8], salt: &[u8], info: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    let prk = Salt::new(HKDF_SHA256, salt).extract(secret);
    let okm = prk.expand(info, Length32).expect("32 bytes are within HKDF's limit");
    okm.fill(&mut out).expect("the output has the length asked for");
    out
}

pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    randomness::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_opens_only_in_its_place() {
        let key = DataKey::random();
        let (header, seal) = key.begin(ObjectKind::Pack);
        let mut sealed = b"content".to_vec();
        let tag = seal.seal(3, &mut sealed);
        sealed.extend_from_slice(&tag);
        assert_eq!(key.object(&header).open(3, &mut sealed.clone()).expect("opens"), b"content");
        seal.open(4, &mut sealed.clone()).expect_err("another number");
        let other_kind = Header { kind: ObjectKind::Manifest, ..header };
        key.object(&other_kind).open(3, &mut sealed.clone()).expect_err("another kind");
        let (_, other) = key.begin(ObjectKind::Pack);
        other.open(3, &mut sealed.clone()).expect_err("another object");
        for index in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[index] ^= 1;
            seal.open(3, &mut flipped).expect_err("flipped");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let key = DataKey::new(DataKeyId::from_bytes([1; 16]), [0xab; 32]);
        let (_, seal) = key.begin(ObjectKind::Pack);
        let shown = format!("{key:?} {seal:?}");
        assert!(
            shown.contains("[redacted]") && !shown.contains("ab, ab") && !shown.contains("171"),
            "{shown}"
        );
    }
}
