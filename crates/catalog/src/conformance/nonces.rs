//! Nonces.

use super::{Database, at};
use crate::{Nonce, NonceError, NonceHash};

fn nonce(number: u8, expires_seconds: i64) -> Nonce {
    Nonce { key: "key".to_owned(), hash: NonceHash::from_bytes([number; 16]), expires: at(expires_seconds) }
}

pub(super) async fn a_nonce_is_good_once(database: &Database) {
    let (catalog, other_node) = (database.node().await, database.node().await);
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    change.remember_nonce(&nonce(1, 900)).await.expect("the first time");
    change.commit().await.expect("committed");

    let mut change = other_node.change(at(899)).await.expect("a change begins");
    let refused = change.remember_nonce(&nonce(1, 1800)).await.expect_err("a replay");
    assert!(matches!(refused, NonceError::AlreadyUsed { key } if key == "key"));
    let other_key = Nonce { key: "other".to_owned(), ..nonce(1, 900) };
    change.remember_nonce(&other_key).await.expect("another key's nonce is another nonce");
}

pub(super) async fn a_nonce_belongs_to_its_change(database: &Database) {
    let catalog = database.node().await;
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    change.remember_nonce(&nonce(1, 900)).await.expect("the first time");
    change.undo().await.expect("undone");
    let mut change = catalog.change(at(1)).await.expect("a change begins");
    change.remember_nonce(&nonce(1, 900)).await.expect("nothing had happened");
    change.commit().await.expect("committed");
    assert_eq!(catalog.nonce_count("key").await.expect("readable"), 1);
}

pub(super) async fn an_expired_nonce_is_forgotten_and_good_again(database: &Database) {
    let catalog = database.node().await;
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    for number in 1..=3 {
        change.remember_nonce(&nonce(number, 900)).await.expect("the first time");
    }
    change.commit().await.expect("committed");

    let mut change = catalog.change(at(900)).await.expect("a change begins");
    change.remember_nonce(&nonce(1, 1800)).await.expect("the old one expired");
    change.commit().await.expect("committed");
    assert_eq!(catalog.nonce_count("key").await.expect("readable"), 3);

    let mut change = catalog.change(at(901)).await.expect("a change begins");
    change.remember_nonces(&[nonce(4, 1800)]).await.expect("a batch");
    change.commit().await.expect("committed");
    assert_eq!(catalog.nonce_count("key").await.expect("readable"), 2, "two of the first three expired");
}

pub(super) async fn a_key_has_a_bounded_number_of_nonces(database: &Database) {
    let catalog = database.node().await;
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    for number in 1..=3 {
        change.remember_nonce_within(&nonce(number, 900), 3).await.expect("within the bound");
    }
    change.commit().await.expect("committed");

    let mut change = catalog.change(at(1)).await.expect("a change begins");
    let refused = change.remember_nonce_within(&nonce(4, 900), 3).await.expect_err("one too many");
    assert!(matches!(refused, NonceError::TooMany { key } if key == "key"));
    change.undo().await.expect("undone");

    let mut change = catalog.change(at(900)).await.expect("a change begins");
    change.remember_nonce_within(&nonce(5, 1800), 3).await.expect("the others expired");
    change.commit().await.expect("committed");
    assert_eq!(catalog.nonce_count("key").await.expect("readable"), 1);
}

pub(super) async fn batches_are_loaded_again(database: &Database) {
    let catalog = database.node().await;
    let other = Nonce { key: "other".to_owned(), ..nonce(2, 950) };
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    change.remember_nonces(&[nonce(1, 900), nonce(2, 1800), other.clone()]).await.expect("a batch");
    change.remember_nonces(&[nonce(2, 1800)]).await.expect("the same again is passed over");
    change.commit().await.expect("committed");

    let mut loaded = Vec::new();
    catalog.load_nonces(at(900), |nonce| loaded.push(nonce)).await.expect("loadable");
    assert_eq!(loaded, [nonce(2, 1800), other], "those that are still good");
    assert_eq!(catalog.nonce_count("key").await.expect("readable"), 2);
    let mut change = catalog.change(at(901)).await.expect("a change begins");
    change.remember_nonce(&nonce(2, 1800)).await.expect_err("a batch's nonce is used too");
    change.undo().await.expect("undone");

    // More than one statement takes, one of them twice, and some that were there.
    let hash = |number: u16| NonceHash::from_bytes(std::array::from_fn(|i| number.to_le_bytes()[i % 2]));
    let many = |numbers: std::ops::Range<u16>| numbers.map(|n| Nonce { hash: hash(n), ..nonce(0, 1800) });
    let batch: Vec<Nonce> = many(300..900).chain(many(300..301)).collect();
    let mut change = catalog.change(at(902)).await.expect("a change begins");
    change.remember_nonces(&batch).await.expect("a batch");
    change.remember_nonces(&many(600..1000).collect::<Vec<_>>()).await.expect("another");
    change.commit().await.expect("committed");
    let mut loaded = 0;
    catalog.load_nonces(at(902), |_| loaded += 1).await.expect("loadable");
    let counted = catalog.nonce_count("key").await.expect("readable");
    assert_eq!((loaded, counted), (701, 700), "number 514 is the one of before, and another key has one");
}
