//! `repository.json`: what a repository is, readable without a key, written once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::format::bytes::FormatError;
use crate::format::frame::{BLOCK_BYTES, FRAME_BYTES_MAX};
use crate::pack::PACK_BYTES_MAX;
use crate::{CatalogId, RepositoryId};

pub(crate) const IDENTITY_KEY: &str = "repository.json";

/// What `repository.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    format: u32,
    repository: String,
    catalog: String,
    created: Timestamp,
    sealing: String,
    hash: String,
    block_bytes: usize,
    frame_bytes_max: usize,
    pack_bytes_max: usize,
    /// BLAKE3 of the object as it is with this field empty: against a flipped bit, not an attacker.
    check: String,
}

impl Identity {
    pub(crate) fn new(catalog: CatalogId, created: Timestamp) -> Self {
        let mut identity = Self {
            format: 1,
            repository: RepositoryId::random().to_string(),
            catalog: catalog.to_string(),
            created,
            sealing: "aes-256-gcm".to_owned(),
            hash: "blake3".to_owned(),
            block_bytes: BLOCK_BYTES,
            frame_bytes_max: FRAME_BYTES_MAX,
            pack_bytes_max: PACK_BYTES_MAX,
            check: String::new(),
        };
        identity.check = identity.check();
        identity
    }

    /// The repository's id.
    pub fn repository(&self) -> RepositoryId {
        self.repository.parse().expect("checked when it was read or made")
    }

    /// The catalog that it belongs to.
    pub fn catalog(&self) -> CatalogId {
        self.catalog.parse().expect("checked when it was read or made")
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    pub(crate) fn render(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("an identity is plain JSON");
        text.push(b'\n');
        text
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let error = |problem: String| FormatError::new("repository.json", problem);
        let identity: Self = serde_json::from_slice(bytes).map_err(|e| error(e.to_string()))?;
        if identity.format != 1 {
            return Err(error(format!("format {} is not known to this release", identity.format)));
        }
        let whole = identity.render() == bytes && identity.check() == identity.check;
        let ids = identity.repository.parse::<RepositoryId>().is_ok()
            && identity.catalog.parse::<CatalogId>().is_ok();
        if whole && ids { Ok(identity) } else { Err(error("it is not as it was written".to_owned())) }
    }

    fn check(&self) -> String {
        let bare = Self { check: String::new(), ..self.clone() };
        blake3::hash(&bare.render()).to_hex()[..32].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_identity_reads_back_as_written(catalog: [u8; 16], seconds in 0i64..253_402_300_799) {
            let created = Timestamp::from_second(seconds).expect("in range");
            let identity = Identity::new(CatalogId::from_bytes(catalog), created);
            prop_assert_eq!(Identity::parse(&identity.render()).expect("own bytes"), identity);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            prop_assert!(Identity::parse(&bytes).is_err());
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let identity = Identity::new(CatalogId::random(), Timestamp::UNIX_EPOCH);
        let bytes = identity.render();
        assert_eq!(Identity::parse(&bytes).expect("own bytes"), identity);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            Identity::parse(&changed).expect_err("changed");
        }
    }
}
