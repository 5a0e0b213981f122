//! The secrets that a user keeps: a key file or a passphrase.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::seal::{derive, random_bytes};

const FIRST_LINE: &str = "backstop key file 1";

/// What wraps data keys.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub enum KeySecret {
    /// 32 random bytes, kept in a file.
    File([u8; 32]),
    /// A text that somebody remembers.
    Passphrase(String),
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => f.write_str("KeySecret::File([redacted])"),
            Self::Passphrase(_) => f.write_str("KeySecret::Passphrase([redacted])"),
        }
    }
}

/// A text that is no key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Another kind of file.
    #[error("this is no Backstop key file: its first line is not `{FIRST_LINE}`")]
    NotAKeyFile,
    /// Mistyped or cut.
    #[error("the key file is damaged: its check does not match its key")]
    Damaged,
    /// An empty passphrase.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
}

impl KeySecret {
    /// A new key-file secret.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub fn random_file() -> Self {
        Self::File(random_bytes())
    }

    /// Reads the text of a key file: first line, key in 64 hexadecimal digits, check in 8.
    ///
    /// # Errors
    /// Not a key file, or damaged.
    pub fn parse_key_file(text: &str) -> Result<Self, KeyFileError> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        if lines.next() != Some(FIRST_LINE) {
            return Err(KeyFileError::NotAKeyFile);
        }
        let (key, check) = lines.next().and_then(|l| l.split_once(' ')).ok_or(KeyFileError::Damaged)?;
        let key = blake3::Hash::from_hex(key).map_err(|_| KeyFileError::Damaged)?;
        if check_of(key.as_bytes()) == check {
            Ok(Self::File(*key.as_bytes()))
        } else {
            Err(KeyFileError::Damaged)
        }
    }

    /// The text of the key file; `None` for a passphrase.
    pub fn render_key_file(&self) -> Option<Zeroizing<String>> {
        match self {
            Self::File(key) => {
                let text = format!(
                    "{FIRST_LINE}\n# Whoever has this file can read the backups; without it nobody can.\n{} {}\n",
                    blake3::Hash::from_bytes(*key).to_hex(),
                    check_of(key)
                );
                Some(Zeroizing::new(text))
            }
            Self::Passphrase(_) => None,
        }
    }

    /// The passphrase in a file's text: its first line.
    ///
    /// # Errors
    /// It is empty.
    pub fn parse_passphrase(text: &str) -> Result<Self, KeyFileError> {
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Self::Passphrase(line.to_owned())),
            Some(_) | None => Err(KeyFileError::EmptyPassphrase),
        }
    }

    /// Short public name of a key file, by which its wraps are found; `None` for a passphrase.
    pub fn file_name(&self) -> Option<String> {
        match self {
            Self::File(key) => {
                let id = derive(key, &[], &[b"backstop key file id"]);
                Some(format!("file-{}", &blake3::Hash::from_bytes(id).to_hex()[..16]))
            }
            Self::Passphrase(_) => None,
        }
    }
}

fn check_of(key: &[u8; 32]) -> String {
    let check = blake3::derive_key("backstop key file check", key);
    blake3::Hash::from_bytes(check).to_hex()[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_reads_back_and_a_mistyped_one_does_not() {
        let secret = KeySecret::random_file();
        let text = secret.render_key_file().expect("file");
        assert_eq!(KeySecret::parse_key_file(&text).expect("own text").file_name(), secret.file_name());
        let key_start = text.rfind('\n').map_or(0, |end| text[..end].rfind('\n').expect("three lines") + 1);
        for index in key_start..text.len() - 1 {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'0' { b'1' } else { b'0' };
            KeySecret::parse_key_file(&String::from_utf8(bytes).expect("ascii")).expect_err("mistyped");
        }
        assert_eq!(KeySecret::parse_key_file("hello").expect_err("other"), KeyFileError::NotAKeyFile);
    }

    #[test]
    fn no_secret_is_shown() {
        assert!(!format!("{:?}", KeySecret::Passphrase("sesame".to_owned())).contains("sesame"));
    }
}
