//! What the fuzz targets call: any bytes through the format's decoders. What a decoder accepts must come
//! back the same when it is written and read once more.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::block_map::{MapFrameBuilder, decode_map_frame};
use crate::format::file_table::{TableFrameBuilder, decode_table_frame};
use crate::format::frame::AttemptName;
use crate::format::header::Header;
use crate::format::manifest::{Begin, Manifest, Tombstone};
use crate::format::pack_index::{PackIndex, TRAILER_BYTES, Trailer};
use crate::keys::reread_wrap;
use crate::{Identity, InstanceId, KeySecret, StoredPath};

/// A pack's index followed by a trailer, whose length field says where the index would begin.
///
/// # Panics
/// A decoder is wrong.
pub fn pack_index(bytes: &[u8]) {
    let Ok(trailer) = Trailer::decode(bytes) else { return };
    let (content, tail) = bytes.split_at(bytes.len() - TRAILER_BYTES);
    assert_eq!(trailer.encode(), tail);
    let index_offset = u64::from(trailer.index_bytes);
    let Ok(index) = PackIndex::decode(content, trailer.frames, index_offset) else { return };
    assert_eq!(index.frames().count(), usize::try_from(trailer.frames).expect("each took some bytes"));
    for blocks in index.frames().filter_map(|frame| frame.blocks) {
        let ends = (0..=blocks.hashes.len()).map(|position| blocks.offset(position));
        assert!(ends.is_sorted(), "a block ends before it begins");
    }
    assert_eq!(PackIndex::decode(&index.encode(), trailer.frames, index_offset).as_ref(), Ok(&index));
}

/// The content of a table frame.
///
/// # Panics
/// A decoder is wrong.
pub fn file_table(bytes: &[u8]) {
    let Ok(entries) = decode_table_frame(bytes) else { return };
    let mut builder = TableFrameBuilder::default();
    for entry in &entries {
        builder.push(entry);
    }
    assert_eq!(decode_table_frame(&builder.finish()), Ok(entries));
}

/// The content of a map frame.
///
/// # Panics
/// A decoder is wrong.
pub fn block_map(bytes: &[u8]) {
    let Ok(pieces) = decode_map_frame(bytes) else { return };
    let mut builder = MapFrameBuilder::default();
    for piece in &pieces {
        builder.push(piece);
    }
    assert_eq!(decode_map_frame(&builder.finish()), Ok(pieces));
}

/// Whatever else is read: header, identity, wrap, `begin`, manifest, tombstone, key file, names.
///
/// # Panics
/// A decoder is wrong.
pub fn record(bytes: &[u8]) {
    if let Ok(header) = Header::decode(bytes) {
        assert!(bytes.starts_with(&header.encode()));
    }
    if let Ok(identity) = Identity::parse(bytes) {
        assert_eq!(identity.render(), bytes);
        let _ = (identity.repository(), identity.catalog());
    }
    if let Some(rendered) = reread_wrap(bytes) {
        assert_eq!(rendered, bytes);
    }
    json::<Begin>(bytes, |_| {});
    json::<Tombstone>(bytes, |_| {});
    // The engine's record is opaque, and numbers with fractions in it need not come back to the last bit.
    json::<Manifest>(bytes, |manifest| manifest.record = serde_json::Value::Null);
    if let Ok(path) = StoredPath::new(bytes) {
        assert_eq!(path.as_bytes(), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(secret) = KeySecret::parse_key_file(text) {
        let rendered = secret.render_key_file().expect("it was a key file");
        let again = KeySecret::parse_key_file(&rendered).expect("own text");
        assert_eq!(again.file_name(), secret.file_name());
    }
    if let Ok(instance) = text.parse::<InstanceId>() {
        assert_eq!(instance.as_str(), text);
    }
    if let Ok(name) = text.parse::<AttemptName>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
}

fn json<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8], prepare: impl FnOnce(&mut T)) {
    let Ok(mut record) = serde_json::from_slice::<T>(bytes) else { return };
    prepare(&mut record);
    let rendered = serde_json::to_vec(&record).expect("a record is plain JSON");
    assert_eq!(serde_json::from_slice::<T>(&rendered).expect("own bytes"), record);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    type Target = (&'static str, fn(&[u8]));
    const TARGETS: [Target; 4] = [
        ("pack_index", pack_index),
        ("file_table", file_table),
        ("block_map", block_map),
        ("record", record),
    ];

    /// The committed seeds of each target, which has some.
    static SEEDS: LazyLock<Vec<(Target, Vec<Vec<u8>>)>> = LazyLock::new(|| {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let seeds = |(name, run)| {
            let folder = fs::read_dir(corpus.join(name)).expect("seeds");
            let mut files: Vec<_> = folder.map(|seed| seed.expect("seed").path()).collect();
            assert!(!files.is_empty(), "{name}");
            files.sort();
            ((name, run), files.iter().map(|file| fs::read(file).expect("seed")).collect())
        };
        TARGETS.into_iter().map(seeds).collect()
    });

    /// Each target's seeds go through its function, so that neither rots.
    #[test]
    fn the_seeds_of_every_target_pass() {
        for ((_, run), seeds) in &*SEEDS {
            for seed in seeds {
                run(seed);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_pass_every_target(bytes: Vec<u8>) {
            for (_, run) in TARGETS {
                run(&bytes);
            }
        }

        /// Random bytes seldom get past the first check; real ones, changed in a few places, do.
        #[test]
        fn seeds_with_some_bytes_changed_pass(
            seed: prop::sample::Index,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            for ((_, run), seeds) in &*SEEDS {
                let mut bytes = seed.get(seeds).clone();
                for (position, value) in &changes {
                    let position = position.index(bytes.len());
                    bytes[position] = *value;
                }
                run(&bytes);
            }
        }
    }
}
