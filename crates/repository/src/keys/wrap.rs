//! One wrapped data key: a JSON object whose clear fields are bound to the sealed key.

use argon2::Argon2;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KeySecret;
use crate::DataKeyId;
use crate::format::bytes::FormatError;
use crate::seal::{DataKey, derive, random_bytes};

/// Memory of argon2id, in KiB: RFC 9106's second choice, which small machines can afford.
const ARGON2_MEMORY_KIB: u32 = 64 * 1024;
const ARGON2_PASSES: u32 = 3;

/// The wrap as stored. Field order is the format: the clear fields, as rendered, are authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wrap {
    #[serde(flatten)]
    clear: Clear,
    sealed: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Clear {
    format: u32,
    key: String,
    wrap: String,
    created: Timestamp,
    salt: String,
    argon2_memory_kib: u32,
    argon2_passes: u32,
}

impl Wrap {
    /// Wraps `key` under `secret`, which is called `name`.
    pub(super) fn new(key: &DataKey, created: Timestamp, secret: &KeySecret, name: &str) -> Self {
        let salt: [u8; 32] = random_bytes();
        let (memory, passes) = match secret {
            KeySecret::File(_) => (0, 0),
            KeySecret::Passphrase(_) => (ARGON2_MEMORY_KIB, ARGON2_PASSES),
        };
        let clear = Clear {
            format: 1,
            key: key.id().to_string(),
            wrap: name.to_owned(),
            created,
            salt: STANDARD.encode(salt),
            argon2_memory_kib: memory,
            argon2_passes: passes,
        };
        let cipher = clear.cipher(secret).expect("the parameters are our own");
        let mut sealed = key.secret().to_vec();
        let sealing = cipher.seal_in_place_append_tag(zero_nonce(), clear.associated(), &mut sealed);
        sealing.expect("32 bytes are within the cipher's limit");
        Self { clear, sealed: STANDARD.encode(sealed) }
    }

    pub(super) fn key(&self) -> Result<DataKeyId, FormatError> {
        self.clear.key.parse().map_err(|_| damaged("its key id is none"))
    }

    pub(super) fn name(&self) -> &str {
        &self.clear.wrap
    }

    pub(super) fn created(&self) -> Timestamp {
        self.clear.created
    }

    pub(super) fn is_passphrase(&self) -> bool {
        self.clear.argon2_passes > 0
    }

    /// The data key, or `None` when `secret` is not the one that wrapped it.
    ///
    /// # Errors
    /// The wrap is damaged.
    pub(super) fn open(&self, secret: &KeySecret) -> Result<Option<DataKey>, FormatError> {
        let fits = match secret {
            KeySecret::File(_) => secret.file_name().as_deref() == Some(self.name()),
            KeySecret::Passphrase(_) => self.is_passphrase(),
        };
        if !fits {
            return Ok(None);
        }
        let cipher = self.clear.cipher(secret)?;
        let sealed = STANDARD.decode(&self.sealed).map_err(|_| damaged("its sealed key is no base64"))?;
        let mut sealed = Zeroizing::new(sealed);
        let Ok(opened) = cipher.open_in_place(zero_nonce(), self.clear.associated(), &mut sealed) else {
            // A wrong passphrase and a changed byte look alike; of a key file the name has matched.
            return if self.is_passphrase() { Ok(None) } else { Err(damaged("its seal does not match")) };
        };
        let key = <[u8; 32]>::try_from(&*opened).map_err(|_| damaged("its key has another length"))?;
        Ok(Some(DataKey::new(self.key()?, key)))
    }

    pub(super) fn render(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("a wrap is plain JSON");
        text.push(b'\n');
        text
    }

    /// # Errors
    /// Not the JSON that [`Wrap::render`] gives, to the byte.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let wrap: Self = serde_json::from_slice(bytes).map_err(|e| damaged(&e.to_string()))?;
        if wrap.render() == bytes { Ok(wrap) } else { Err(damaged("it is not as it was written")) }
    }
}

impl Clear {
    fn associated(&self) -> Aad<Vec<u8>> {
        Aad::from(serde_json::to_vec(self).expect("a wrap is plain JSON"))
    }

    fn cipher(&self, secret: &KeySecret) -> Result<LessSafeKey, FormatError> {
        let salt = STANDARD.decode(&self.salt).map_err(|_| damaged("its salt is no base64"))?;
        let key = match secret {
            KeySecret::File(key) => derive(key, &salt, &[b"backstop wrap"]),
            KeySecret::Passphrase(text) => self.stretch(text, &salt)?,
        };
        let key = UnboundKey::new(&AES_256_GCM, &*Zeroizing::new(key)).expect("the key has 32 bytes");
        Ok(LessSafeKey::new(key))
    }

    fn stretch(&self, passphrase: &str, salt: &[u8]) -> Result<[u8; 32], FormatError> {
        // Bounds, for the parameters come from the store: 1 GiB and 64 passes are more than we ever write.
        if self.argon2_memory_kib > 1 << 20 || self.argon2_passes > 64 {
            return Err(damaged("its argon2 parameters are out of range"));
        }
        let parameters = argon2::Params::new(self.argon2_memory_kib, self.argon2_passes, 1, Some(32));
        let parameters = parameters.map_err(|e| damaged(&e.to_string()))?;
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters);
        let mut key = [0; 32];
        let done = argon2.hash_password_into(passphrase.as_bytes(), salt, &mut key);
        done.map_err(|e| damaged(&e.to_string()))?;
        Ok(key)
    }
}

/// A wrapping key is derived from a fresh salt and used once, so the nonce may be constant.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn damaged(problem: &str) -> FormatError {
    FormatError::new("wrapped key", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(secret: &KeySecret) -> String {
        secret.file_name().unwrap_or_else(|| "passphrase-1".to_owned())
    }

    #[test]
    fn only_its_own_secret_opens_a_wrap() {
        let key = DataKey::random();
        let passphrase = KeySecret::Passphrase("sesame".to_owned());
        for secret in [KeySecret::random_file(), passphrase] {
            let wrap = Wrap::new(&key, Timestamp::UNIX_EPOCH, &secret, &name_of(&secret));
            let wrap = Wrap::parse(&wrap.render()).expect("own bytes");
            let opened = wrap.open(&secret).expect("whole").expect("own secret");
            assert_eq!((opened.id(), opened.secret()), (key.id(), key.secret()));
            assert!(wrap.open(&KeySecret::random_file()).expect("whole").is_none());
            assert!(wrap.open(&KeySecret::Passphrase("other".to_owned())).expect("whole").is_none());
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let secret = KeySecret::random_file();
        let bytes = Wrap::new(&DataKey::random(), Timestamp::UNIX_EPOCH, &secret, &name_of(&secret)).render();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let opened = Wrap::parse(&changed).and_then(|wrap| wrap.open(&secret));
            assert!(!matches!(opened, Ok(Some(_))), "byte {index}");
        }
    }
}
