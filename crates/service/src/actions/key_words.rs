//! The API's words for access keys.

use catalog::{AccessKeyKind, Role};

/// How a key proves who calls.
pub(super) fn key_type(kind: AccessKeyKind) -> &'static str {
    match kind {
        AccessKeyKind::Permanent => "Permanent",
        AccessKeyKind::Temporary => "Temporary",
        AccessKeyKind::Bearer => "Bearer",
    }
}

/// The role of one of the words that the registry lets through.
pub(super) fn role_of(word: &str) -> Role {
    word.parse().expect("the registry's words for roles are the catalog's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_has_the_catalogs_roles() {
        for role in rpc::Role::ALL {
            assert_eq!(role_of(role.as_str()).as_str(), role.as_str());
        }
    }
}
