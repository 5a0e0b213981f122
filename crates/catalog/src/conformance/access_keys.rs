//! Access keys.

use super::{Database, at, instance_id};
use crate::{AccessKey, AccessKeyKind, AccessKeyStatus, CreateAccessKeyError, NewAccessKey, Role};

fn plain_key(id: &str) -> NewAccessKey {
    NewAccessKey {
        id: id.to_owned(),
        sealed_secret: vec![1, 0, 2],
        kind: AccessKeyKind::Permanent,
        role: Role::Administrator,
        instances: None,
        token_hash: None,
        expires: None,
    }
}

pub(super) async fn a_key_reads_back_as_stored(database: &Database) {
    let catalog = database.node().await;
    let full = NewAccessKey {
        kind: AccessKeyKind::Temporary,
        role: Role::Reader,
        instances: Some(vec![instance_id("pg-1"), instance_id("pg-2")]),
        token_hash: Some(vec![9; 32]),
        expires: Some(at(3600)),
        ..plain_key("full")
    };
    let none = NewAccessKey { instances: Some(Vec::new()), ..plain_key("none") };
    let keys = [full, none, plain_key("plain")];
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    for key in keys.clone() {
        change.create_access_key(key).await.expect("stored");
    }
    let refused = change.create_access_key(plain_key("plain")).await.expect_err("taken");
    assert!(matches!(refused, CreateAccessKeyError::Exists { id } if id == "plain"));
    change.commit().await.expect("committed");

    let expected = keys.map(|key| {
        let NewAccessKey { id, sealed_secret, kind, role, instances, token_hash, expires } = key;
        let status = AccessKeyStatus::Active;
        AccessKey { id, sealed_secret, kind, role, instances, status, token_hash, created: at(0), expires }
    });
    assert!(
        catalog.list_access_keys().await.expect("listable") == expected,
        "all for `None`, none for empty"
    );
    assert!(catalog.find_access_key("other").await.expect("readable").is_none());
}

pub(super) async fn a_disabled_key_stays_disabled(database: &Database) {
    let catalog = database.node().await;
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    change.create_access_key(plain_key("key")).await.expect("stored");
    assert!(change.disable_access_key("key").await.expect("disabled"));
    assert!(!change.disable_access_key("other").await.expect("there is none"));
    change.create_access_key(plain_key("key")).await.expect_err("its id is not free again");
    change.commit().await.expect("committed");
    let key = catalog.find_access_key("key").await.expect("readable").expect("kept");
    assert_eq!(key.status, AccessKeyStatus::Disabled);
}
