use std::fs;
use std::path::PathBuf;

use blobstore::LocalStore;

use super::*;

/// A repository's keys, wrapped for us and for somebody else.
struct Shared {
    dir: tempfile::TempDir,
    store: LocalStore,
    foreign: KeySecret,
}

impl Shared {
    fn new(foreign: KeySecret) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let store = LocalStore::create(dir.path()).expect("store");
        put_wrap(&store, &DataKey::random(), &own(), Timestamp::UNIX_EPOCH).expect("wrap");
        let this = Self { dir, store, foreign };
        this.load().expect("keys").add(&this.store, &this.foreign).expect("add");
        this
    }

    fn load(&self) -> Result<KeyRing, KeyError> {
        KeyRing::load(&self.store, &[own()])
    }

    /// The name of the foreign wrap, and its file.
    fn foreign_wrap(&self) -> (String, PathBuf) {
        let listing = self.load().expect("keys").listing();
        let is_foreign = |wrap: &&WrapListing| Some(&wrap.name) != own().file_name().as_ref();
        let name = listing[0].wraps.iter().find(is_foreign).expect("a foreign wrap").name.clone();
        let path = self.dir.path().join(object_key(listing[0].key, &name).as_str());
        (name, path)
    }

    fn damage(&self) -> String {
        let (name, path) = self.foreign_wrap();
        let mut bytes = fs::read(&path).expect("wrap");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).expect("damage");
        name
    }
}

fn own() -> KeySecret {
    KeySecret::File([7; 32])
}

#[test]
fn each_byte_of_a_foreign_wrap_counts() {
    for foreign in [KeySecret::File([8; 32]), KeySecret::Passphrase("sesame".to_owned())] {
        let shared = Shared::new(foreign);
        let (name, path) = shared.foreign_wrap();
        assert_eq!(shared.load().expect("keys").damaged(), []);
        let whole = fs::read(&path).expect("wrap");
        for index in 0..whole.len() {
            let mut changed = whole.clone();
            changed[index] ^= 1 << (index % 8);
            fs::write(&path, &changed).expect("damage");
            let ring = shared.load().expect("our own wrap opens the key");
            let [(object, _)] = ring.damaged() else { panic!("byte {index}: {:?}", ring.damaged()) };
            assert!(object.as_str().ends_with(&name), "byte {index}: {object}");
        }
    }
}

#[test]
fn a_wrap_under_another_name_is_damage() {
    let shared = Shared::new(KeySecret::File([8; 32]));
    let (name, path) = shared.foreign_wrap();
    let other =
        path.with_file_name(path.file_name().expect("name").to_string_lossy().replace(&name, "other"));
    fs::copy(&path, &other).expect("copy");
    assert_eq!(shared.load().expect("keys").damaged().len(), 1);
}

#[test]
fn a_damaged_wrap_is_replaced_by_retiring_and_adding_it() {
    let shared = Shared::new(KeySecret::File([8; 32]));
    let name = shared.damage();
    let ring = shared.load().expect("keys");
    assert!(matches!(ring.add(&shared.store, &shared.foreign), Err(KeyError::Damaged { .. })));
    assert_eq!(ring.retire(&shared.store, &name).expect("retire"), [ring.current().id()]);
    let ring = shared.load().expect("keys");
    assert_eq!(ring.damaged(), []);
    assert_eq!(ring.add(&shared.store, &shared.foreign).expect("add"), name);
    let theirs = KeyRing::load(&shared.store, std::slice::from_ref(&shared.foreign)).expect("their keys");
    assert_eq!(theirs.current().secret(), ring.current().secret());
}

#[test]
fn the_only_whole_wrap_stays() {
    let shared = Shared::new(KeySecret::File([8; 32]));
    shared.damage();
    let ring = shared.load().expect("keys");
    let own = own().file_name().expect("a key file");
    assert!(matches!(ring.retire(&shared.store, &own), Err(KeyError::Last { .. })));
}

#[test]
fn a_damaged_wrap_is_named_to_whoever_needs_it() {
    let shared = Shared::new(KeySecret::File([8; 32]));
    shared.damage();
    let loaded = KeyRing::load(&shared.store, std::slice::from_ref(&shared.foreign));
    assert!(matches!(loaded, Err(KeyError::Damaged { .. })), "{loaded:?}");
}
