//! One wrapped data key: a JSON object whose clear fields are bound to the sealed key.
//!
//! Who holds the secret proves a wrap by its seal. Everybody else has the checksum, so that a flipped bit
//! is found before the one person who needs the wrap does.

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
/// Bounds, for the parameters come from the store: 1 GiB and 64 passes are more than we ever write.
const ARGON2_MEMORY_KIB_MAX: u32 = 1 << 20;
const ARGON2_PASSES_MAX: u32 = 64;

const FORMAT: u32 = 1;
const SALT_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// The wrap as stored. Field order is the format: the clear fields, as rendered, are authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wrap {
    #[serde(flatten)]
    clear: Clear,
    sealed: String,
    /// BLAKE3 of the object as it is with this field empty: against a flipped bit, not an attacker.
    check: String,
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

/// What is read first: another format may have other fields.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

impl Wrap {
    /// Wraps `key` under `secret`, which is called `name`.
    pub(super) fn new(key: &DataKey, created: Timestamp, secret: &KeySecret, name: &str) -> Self {
        let salt: [u8; SALT_BYTES] = random_bytes();
        let (memory, passes) = match secret {
            KeySecret::File(_) => (0, 0),
            KeySecret::Passphrase(_) => (ARGON2_MEMORY_KIB, ARGON2_PASSES),
        };
        let clear = Clear {
            format: FORMAT,
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
        let mut wrap = Self { clear, sealed: STANDARD.encode(sealed), check: String::new() };
        wrap.check = wrap.check();
        wrap
    }

    pub(super) fn key(&self) -> DataKeyId {
        self.clear.key.parse().expect("checked when it was read or made")
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
        let sealed = STANDARD.decode(&self.sealed).expect("checked when it was read or made");
        let mut sealed = Zeroizing::new(sealed);
        let Ok(opened) = cipher.open_in_place(zero_nonce(), self.clear.associated(), &mut sealed) else {
            // A wrong passphrase and a forged wrap look alike; of a key file the name has matched.
            return if self.is_passphrase() { Ok(None) } else { Err(damaged("its seal does not match")) };
        };
        let key = <[u8; KEY_BYTES]>::try_from(&*opened).expect("checked when it was read or made");
        Ok(Some(DataKey::new(self.key(), key)))
    }

    pub(super) fn render(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("a wrap is plain JSON");
        text.push(b'\n');
        text
    }

    /// # Errors
    /// Another format, or not to the byte what [`Wrap::render`] gives: an unknown field, other white space,
    /// a flipped bit anywhere.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let no_json = |error: serde_json::Error| damaged(&error.to_string());
        let Versioned { format } = serde_json::from_slice(bytes).map_err(no_json)?;
        if format != FORMAT {
            return Err(damaged(&format!("format {format} is not known to this release")));
        }
        let wrap: Self = serde_json::from_slice(bytes).map_err(no_json)?;
        if wrap.render() != bytes {
            return Err(damaged("it is not as it was written"));
        }
        if wrap.check() != wrap.check {
            return Err(damaged("its checksum does not match"));
        }
        wrap.clear.validate()?;
        if !is_base64_of(&wrap.sealed, KEY_BYTES + TAG_BYTES) {
            return Err(damaged("its sealed key has another length"));
        }
        Ok(wrap)
    }

    fn check(&self) -> String {
        let bare = Self { check: String::new(), ..self.clone() };
        blake3::hash(&bare.render()).to_hex()[..32].to_owned()
    }
}

impl Clear {
    /// Are all fields such as this release writes them, within what it reads?
    fn validate(&self) -> Result<(), FormatError> {
        if self.key.parse::<DataKeyId>().map(|id| id.to_string()).as_ref() != Ok(&self.key) {
            return Err(damaged("its key id is none"));
        }
        if !is_base64_of(&self.salt, SALT_BYTES) {
            return Err(damaged("its salt has another length"));
        }
        let (memory, passes) = (self.argon2_memory_kib, self.argon2_passes);
        let range = match self.wrap.split_once('-') {
            Some(("file", digits)) if is_hexadecimal(digits) => (0..=0, 0..=0),
            Some(("passphrase", digits)) if is_hexadecimal(digits) => {
                (argon2::Params::MIN_M_COST..=ARGON2_MEMORY_KIB_MAX, 1..=ARGON2_PASSES_MAX)
            }
            _ => return Err(damaged("its name is none")),
        };
        if range.0.contains(&memory) && range.1.contains(&passes) {
            Ok(())
        } else {
            Err(damaged("its argon2 parameters are out of range"))
        }
    }

    fn associated(&self) -> Aad<Vec<u8>> {
        Aad::from(serde_json::to_vec(self).expect("a wrap is plain JSON"))
    }

    fn cipher(&self, secret: &KeySecret) -> Result<LessSafeKey, FormatError> {
        let salt = STANDARD.decode(&self.salt).expect("checked when it was read or made");
        let key = match secret {
            KeySecret::File(key) => derive(key, &salt, &[b"backstop wrap"]),
            KeySecret::Passphrase(text) => self.stretch(text, &salt)?,
        };
        let key = UnboundKey::new(&AES_256_GCM, &*Zeroizing::new(key)).expect("the key has 32 bytes");
        Ok(LessSafeKey::new(key))
    }

    fn stretch(&self, passphrase: &str, salt: &[u8]) -> Result<[u8; 32], FormatError> {
        let parameters = argon2::Params::new(self.argon2_memory_kib, self.argon2_passes, 1, Some(32));
        let parameters = parameters.map_err(|e| damaged(&e.to_string()))?;
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters);
        let mut key = [0; 32];
        let done = argon2.hash_password_into(passphrase.as_bytes(), salt, &mut key);
        done.map_err(|e| damaged(&e.to_string()))?;
        Ok(key)
    }
}

fn is_base64_of(text: &str, bytes: usize) -> bool {
    STANDARD.decode(text).is_ok_and(|decoded| decoded.len() == bytes)
}

/// The 16 digits in a wrap's name.
fn is_hexadecimal(digits: &str) -> bool {
    digits.len() == 16 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A wrapping key is derived from a fresh salt and used once, so the nonce may be constant.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn damaged(problem: &str) -> FormatError {
    FormatError::new("wrapped key", problem)
}

#[cfg(test)]
mod tests;
