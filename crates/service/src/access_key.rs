//! Making access keys, and keeping their secrets sealed in the catalog.

use std::io;

use catalog::{AccessKeyKind, Change, CreateAccessKeyError, NewAccessKey, Role};

use crate::error::Error;
use crate::home::HomeAccessKey;
use crate::secret_box::SecretBox;

/// Letters and digits that are hard to take for one another.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
/// 80 random bits: enough that two keys never have one id.
const ID_CHARACTERS: usize = 16;
/// 200 random bits, 30 characters as clients expect at most.
const SECRET_CHARACTERS: usize = 40;

/// A new key, from the system's random source.
///
/// # Errors
/// The system has no randomness to give.
pub fn random_access_key() -> Result<HomeAccessKey, Error> {
    Ok(HomeAccessKey {
        access_key_id: format!("BSAK{}", random_text(ID_CHARACTERS)?),
        access_key_secret: random_text(SECRET_CHARACTERS)?,
    })
}

/// What the caller of CreateAccessKey gets, once.
pub(crate) struct Issued {
    pub(crate) id: String,
    /// That of a bearer key is told to nobody: nothing is signed with it.
    pub(crate) secret: String,
    /// Of temporary and bearer keys.
    pub(crate) token: Option<String>,
}

/// A new key of a kind. Its token begins with a word for the kind and the key's id, by which it is looked up.
///
/// # Errors
/// The system has no randomness to give.
pub(crate) fn issue(kind: AccessKeyKind) -> Result<Issued, Error> {
    let HomeAccessKey { access_key_id: id, access_key_secret: secret } = random_access_key()?;
    let token = match token_prefix(kind) {
        None => None,
        Some(prefix) => Some(format!("{prefix}{id}.{}", random_text(SECRET_CHARACTERS)?)),
    };
    Ok(Issued { id, secret, token })
}

/// The id of the key that a token is of; `None` for a text that was never issued as such a token.
pub(crate) fn key_of_token(kind: AccessKeyKind, token: &str) -> Option<&str> {
    let (id, secret) = token.strip_prefix(token_prefix(kind)?)?.split_once('.')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain(id) && plain(secret)).then_some(id)
}

fn token_prefix(kind: AccessKeyKind) -> Option<&'static str> {
    match kind {
        AccessKeyKind::Permanent => None,
        AccessKeyKind::Temporary => Some("BSST."),
        AccessKeyKind::Bearer => Some("BSBT."),
    }
}

fn random_text(characters: usize) -> Result<String, Error> {
    let mut bytes = vec![0; characters];
    getrandom::fill(&mut bytes).map_err(|e| Error::System("draw an access key", io::Error::other(e)))?;
    // 32 characters, so that five bits of each byte choose one without preference.
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

/// What a key's secret is sealed for.
pub(crate) fn sealed_for(id: &str) -> String {
    format!("access key {id}")
}

/// Stores a permanent key for all instances. `false`: the catalog has one of that id.
pub(crate) async fn store(
    change: &mut Change,
    secrets: &SecretBox,
    key: &HomeAccessKey,
    role: Role,
) -> Result<bool, catalog::Error> {
    let HomeAccessKey { access_key_id: id, access_key_secret: secret } = key;
    let new = NewAccessKey {
        id: id.clone(),
        sealed_secret: secrets.seal(&sealed_for(id), secret.as_bytes()),
        kind: AccessKeyKind::Permanent,
        role,
        instances: None,
        token_hash: None,
        expires: None,
    };
    match change.create_access_key(new).await {
        Ok(()) => Ok(true),
        Err(CreateAccessKeyError::Exists { .. }) => Ok(false),
        Err(CreateAccessKeyError::Catalog(error)) => Err(error),
        Err(_) => unreachable!("the catalog has no other refusal"),
    }
}
