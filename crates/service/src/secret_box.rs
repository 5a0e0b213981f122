//! Sealing the secrets that the catalog keeps, so that a stolen catalog does not reveal them.
//!
//! `version (1 byte), nonce (12), AES-256-GCM of the secret, tag (16)`. What the secret belongs to is
//! authenticated with it: one that is copied to another row does not open.

use std::fmt;
use std::io;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use blobstore::durable;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::home::{Home, read_optional};

const VERSION: u8 = 1;
/// What the key of links is derived for. A change makes all links invalid that are on their way.
const LINK_KEY_CONTEXT: &str = "backstop 2026-11-24 signatures of download links";

/// Seals and opens with the key of one home. Used by many threads at once.
pub struct SecretBox {
    key: RandomizedNonceKey,
    link_key: Zeroizing<[u8; 32]>,
}

impl SecretBox {
    /// The box of a home; `init` makes its key.
    ///
    /// # Errors
    /// The key file is missing or is none.
    pub fn open(home: &Home) -> Result<Self, Error> {
        let path = home.secrets_key();
        let text = read_optional(&path)?
            .ok_or_else(|| Error::file("read", &path)(io::ErrorKind::NotFound.into()))?;
        Self::parse(&text).ok_or_else(|| not_a_key(&path))
    }

    /// The box of a home, with a new key where there is none.
    ///
    /// # Errors
    /// The key file is none, or cannot be written.
    pub fn open_or_create(home: &Home) -> Result<Self, Error> {
        let path = home.secrets_key();
        if !path.exists() {
            let mut key = Zeroizing::new([0; 32]);
            getrandom::fill(key.as_mut()).map_err(|e| Error::System("draw a key", io::Error::other(e)))?;
            let text = Zeroizing::new(format!("{}\n", blake3::Hash::from_bytes(*key).to_hex()));
            durable::write_new_file(&path, text.as_bytes()).map_err(Error::file("write", &path))?;
        }
        Self::open(home)
    }

    fn parse(text: &str) -> Option<Self> {
        let hash = blake3::Hash::from_hex(text.trim()).ok()?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, hash.as_bytes()).ok()?;
        let link_key = Zeroizing::new(blake3::derive_key(LINK_KEY_CONTEXT, hash.as_bytes()));
        Some(Self { key, link_key })
    }

    /// The key by which download links are signed: the same for all homes that share this box's key.
    pub(crate) fn link_key(&self) -> &[u8; 32] {
        &self.link_key
    }

    /// Seals `secret`, which belongs to `what`.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub fn seal(&self, what: &str, secret: &[u8]) -> Vec<u8> {
        let mut sealed = secret.to_vec();
        let nonce = self.key.seal_in_place_append_tag(Aad::from(what.as_bytes()), &mut sealed);
        let nonce = nonce.expect("the system gives random bytes, and a secret is short");
        [&[VERSION][..], nonce.as_ref(), &sealed].concat()
    }

    /// Opens what was sealed for `what`.
    ///
    /// # Errors
    /// Sealed by another home, for something else, or damaged → [`Error::Sealed`].
    pub fn open_sealed(&self, what: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = || Error::Sealed { what: what.to_owned() };
        let (version, rest) = sealed.split_first().ok_or_else(failed)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(failed)?;
        if *version != VERSION {
            return Err(failed());
        }
        let mut opened = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.key.open_in_place(nonce, Aad::from(what.as_bytes()), &mut opened);
        let length = plain.map_err(|_| failed())?.len();
        opened.truncate(length);
        Ok(opened)
    }
}

impl fmt::Debug for SecretBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBox([redacted])")
    }
}

fn not_a_key(path: &Path) -> Error {
    let problem = io::Error::new(io::ErrorKind::InvalidData, "it is not 64 hexadecimal digits");
    Error::file("read", path)(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_belongs() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(folder.path()).unwrap();
        let secrets = SecretBox::open_or_create(&home).unwrap();
        let sealed = secrets.seal("access key a", b"swordfish");
        assert!(!sealed.windows(9).any(|window| window == b"swordfish"));
        let again = SecretBox::open_or_create(&home).unwrap();
        assert_eq!(again.open_sealed("access key a", &sealed).unwrap().as_slice(), b"swordfish");
        again.open_sealed("access key b", &sealed).unwrap_err();
        for length in 0..sealed.len() {
            again.open_sealed("access key a", &sealed[..length]).unwrap_err();
        }
        let other_home = Home::create(&folder.path().join("other")).unwrap();
        let other = SecretBox::open_or_create(&other_home).unwrap();
        other.open_sealed("access key a", &sealed).unwrap_err();
    }
}
