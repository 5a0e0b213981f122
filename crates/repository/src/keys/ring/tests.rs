use std::fs;
use std::path::PathBuf;

use blobstore::{CrashStore, LocalStore, MemoryStore};

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
        KeyRing::load(&self.store, &[own()], Needed::Every)
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
    let theirs = KeyRing::load(&shared.store, std::slice::from_ref(&shared.foreign), Needed::Every)
        .expect("their keys");
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
    let loaded = KeyRing::load(&shared.store, std::slice::from_ref(&shared.foreign), Needed::Every);
    assert!(matches!(loaded, Err(KeyError::Damaged { .. })), "{loaded:?}");
}

#[test]
fn what_is_no_wrap_stops_nobody_and_is_told() {
    let shared = Shared::new(KeySecret::File([8; 32]));
    for (name, bytes) in [("README.txt", 10), ("notes", 10_000), ("x.y", 0)] {
        fs::write(shared.dir.path().join("keys").join(name), vec![b'x'; bytes]).expect("a file");
        let ring = shared.load().expect("the keys are whole");
        assert!(ring.damaged().iter().any(|(object, _)| object.as_str() == format!("keys/{name}")), "{name}");
    }
    let ring = shared.load().expect("keys");
    ring.rotate(&shared.store, &[own(), shared.foreign.clone()], Timestamp::UNIX_EPOCH).expect("rotated");
}

#[test]
fn a_wrap_that_is_far_too_large_is_damage() {
    let shared = Shared::new(KeySecret::File([8; 32]));
    let (_, path) = shared.foreign_wrap();
    fs::write(&path, vec![b'x'; 10_000]).expect("grown");
    assert_eq!(shared.load().expect("our own wrap opens the key").damaged().len(), 1);
}

#[test]
fn what_is_under_a_locked_key_is_told_from_what_is_under_none() {
    let store = two_keys();
    let theirs = KeySecret::File([8; 32]);
    let ring = KeyRing::load(&store, &[own()], Needed::Every).expect("keys");
    let [first, second] = ring.listing().try_into().expect("two keys");
    let created = first.created;
    put(&store, &Wrap::new(ring.get(first.key).expect("open"), created, &theirs, &new_name(&theirs)))
        .expect("wrap");
    let strict = KeyRing::load(&store, std::slice::from_ref(&theirs), Needed::Every);
    assert!(matches!(strict, Err(KeyError::Locked { key, .. }) if key == second.key), "{strict:?}");
    let some = KeyRing::load(&store, std::slice::from_ref(&theirs), Needed::Any).expect("one opens");
    assert_eq!(some.current().id(), first.key, "the newest that is open");
    assert!(matches!(some.get(second.key), Err(KeyError::Locked { .. })));
    assert!(matches!(some.get(DataKey::random().id()), Err(KeyError::Unknown(_))));
    let none = KeyRing::load(&store, &[KeySecret::File([9; 32])], Needed::Any);
    assert!(matches!(none, Err(KeyError::Locked { .. })), "{none:?}");
}

#[test]
fn nobody_is_left_out_of_a_rotation() {
    let shared = Shared::new(KeySecret::File([8; 32]));
    shared.damage();
    let ring = shared.load().expect("keys");
    let refused = ring.rotate(&shared.store, &[own(), shared.foreign.clone()], Timestamp::UNIX_EPOCH);
    assert!(matches!(refused, Err(KeyError::LeftOut { .. })), "{refused:?}");
    assert_eq!(shared.load().expect("keys").listing().len(), 1, "nothing was changed");
}

/// Two data keys, wrapped for ourselves.
fn two_keys() -> MemoryStore {
    let store = MemoryStore::new();
    put_wrap(&store, &DataKey::random(), &own(), Timestamp::UNIX_EPOCH).expect("wrap");
    let ring = KeyRing::load(&store, &[own()], Needed::Every).expect("keys");
    ring.rotate(&store, &[own()], Timestamp::UNIX_EPOCH).expect("rotated");
    store
}

/// What `change` leaves when it breaks off at any of its writes, each with and without the write itself.
fn broken_off(whole: &MemoryStore, change: impl Fn(&CrashStore)) -> Vec<MemoryStore> {
    let mut left = Vec::new();
    for writes in 0..10 {
        let store = CrashStore::holding(whole).stopping_after(writes);
        change(&store);
        if !store.crashed() {
            assert!(writes > 1, "it wrote {writes} times only");
            return left;
        }
        left.extend([store.after_crash(), store.after_crash_with_last_change()]);
    }
    panic!("it does not end");
}

#[test]
fn an_addition_that_broke_off_is_completed_by_the_next() {
    for theirs in [KeySecret::File([8; 32]), KeySecret::Passphrase("sesame".to_owned())] {
        let add = |store: &dyn BlobStore| KeyRing::load(store, &[own()], Needed::Every)?.add(store, &theirs);
        for store in broken_off(&two_keys(), |store| drop(add(store))) {
            let again = add(&store);
            assert!(matches!(again, Ok(_) | Err(KeyError::Known { .. })), "{again:?}");
            let ring = KeyRing::load(&store, std::slice::from_ref(&theirs), Needed::Every)
                .expect("it opens everything");
            let names: BTreeSet<String> =
                ring.listing().into_iter().flat_map(|key| key.wraps).map(|wrap| wrap.name).collect();
            assert_eq!((ring.listing().len(), names.len()), (2, 2), "one name for each of the two of us");
        }
    }
}

#[test]
fn a_rotation_that_broke_off_leaves_us_all_and_the_next_completes_it() {
    // The name of ours comes after theirs, and all the same we are first.
    let theirs = (1..=255).map(|n| KeySecret::File([n; 32])).find(|s| s.file_name() < own().file_name());
    let theirs = theirs.expect("some name comes before");
    let whole = two_keys();
    KeyRing::load(&whole, &[own()], Needed::Every).expect("keys").add(&whole, &theirs).expect("added");
    let whole_listing = KeyRing::load(&whole, &[own()], Needed::Every).expect("keys").listing();
    let secrets = [own(), theirs.clone()];
    let rotate = |store: &dyn BlobStore| {
        KeyRing::load(store, &[own()], Needed::Every)?.rotate(store, &secrets, Timestamp::UNIX_EPOCH)
    };
    for store in broken_off(&whole, |store| drop(rotate(store))) {
        let ours = KeyRing::load(&store, &[own()], Needed::Every).expect("we still open everything");
        // So do they what is older, whatever becomes of us.
        let theirs_to_read = KeyRing::load(&store, std::slice::from_ref(&theirs), Needed::Any).expect("some");
        for known in &whole_listing {
            theirs_to_read.get(known.key).expect("an older key");
        }
        // Either of the two remedies.
        let (added, rotated) = (store.copy(), store);
        let outcome = ours.add(&added, &theirs);
        assert!(matches!(outcome, Ok(_) | Err(KeyError::Known { .. })), "{outcome:?}");
        let id = rotate(&rotated).expect("rotated");
        for (store, current) in [(added, ours.current().id()), (rotated, id)] {
            let ring = KeyRing::load(&store, std::slice::from_ref(&theirs), Needed::Every)
                .expect("they open everything");
            assert_eq!(ring.current().id(), current);
        }
    }
}

#[test]
fn a_retirement_that_broke_off_is_completed_by_the_next() {
    let theirs = KeySecret::File([8; 32]);
    let whole = two_keys();
    let name =
        KeyRing::load(&whole, &[own()], Needed::Every).expect("keys").add(&whole, &theirs).expect("added");
    let retire = |store: &dyn BlobStore| KeyRing::load(store, &[own()], Needed::Every)?.retire(store, &name);
    for store in broken_off(&whole, |store| drop(retire(store))) {
        let again = retire(&store);
        assert!(matches!(again, Ok(_) | Err(KeyError::NoSuchWrap { .. })), "{again:?}");
        let loaded = KeyRing::load(&store, std::slice::from_ref(&theirs), Needed::Every);
        assert!(matches!(loaded, Err(KeyError::Locked { .. })), "{loaded:?}");
    }
}
