//! The objects of a golden repository, each with what the encoders make of what the decoders read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use blobstore::{LocalStore, ObjectKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::files;
use crate::codec::Decompressor;
use crate::encode::BlockHasher;
use crate::format::block_map::{MapFrameBuilder, decode_map_frame};
use crate::format::file_table::{TableFrameBuilder, decode_table_frame};
use crate::format::header::{HEADER_BYTES, Header, ObjectKind};
use crate::format::manifest::{Begin, Manifest, Tombstone};
use crate::format::pack_index::{FrameView, PackIndex, Trailer};
use crate::keys::reread_wrap;
use crate::pack::{open_frame, open_pack};
use crate::record::RECORD_BYTES_MAX;
use crate::seal::DataKey;
use crate::{Identity, KeySecret, Repository};

pub(super) struct Object {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// The object made again from what was read of it.
    pub(super) remade: Vec<u8>,
    /// A record's JSON, or the object itself where it is text.
    pub(super) text: Option<Vec<u8>>,
    /// A pack's index with a trailer whose length field says where the index begins.
    pub(super) index: Option<Vec<u8>>,
    pub(super) tables: Vec<Vec<u8>>,
    pub(super) maps: Vec<Vec<u8>>,
}

/// All objects of the repository in a golden folder.
pub(super) fn read(folder: &Path) -> Vec<Object> {
    let root = folder.join("repository");
    let secret = std::fs::read_to_string(folder.join("key-file")).expect("key file");
    let secret = KeySecret::parse_key_file(&secret).expect("key file");
    let store = Arc::new(LocalStore::open(&root).expect("store"));
    let repository = Repository::open(store, vec![secret]).expect("repository");
    let object = |(name, bytes): (String, Vec<u8>)| {
        if name == "repository.json" {
            let remade = Identity::parse(&bytes).expect("identity").render();
            Object::text(name, bytes, remade)
        } else if name.starts_with("keys/") {
            let remade = reread_wrap(&bytes).expect("wrap");
            Object::text(name, bytes, remade)
        } else {
            let header = Header::decode(&bytes).expect("header");
            let key = repository.key(header.key).expect("key");
            match header.kind {
                ObjectKind::Pack => Object::pack(name, bytes, &key, &header),
                ObjectKind::Manifest => Object::record::<Manifest>(name, bytes, &key, &header),
                ObjectKind::Begin => Object::record::<Begin>(name, bytes, &key, &header),
                ObjectKind::Tombstone => Object::record::<Tombstone>(name, bytes, &key, &header),
                ObjectKind::Log | ObjectKind::BlockSummary => panic!("{name}: no release writes them"),
            }
        }
    };
    let objects: Vec<Object> = files(&root).into_iter().map(object).collect();
    assert!(objects.iter().all(|object| object.name.parse::<ObjectKey>().is_ok()));
    objects
}

/// Seeds for the fuzz targets, by target and name.
pub(super) fn seeds(folder: &Path) -> BTreeMap<&'static str, BTreeMap<String, Vec<u8>>> {
    let mut seeds: BTreeMap<&'static str, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for object in read(folder) {
        let Object { bytes, text, index, tables, maps, .. } = object;
        let mut add = |target, name: Option<String>, bytes: Vec<u8>| {
            let name = name.unwrap_or_else(|| blake3::hash(&bytes).to_hex()[..16].to_owned());
            seeds.entry(target).or_default().insert(name, bytes);
        };
        if let Ok(header) = Header::decode(&bytes) {
            add("record", Some(format!("header-{}", header.kind.code())), header.encode().to_vec());
        }
        let records = text.map(|bytes| ("record", bytes)).into_iter();
        let indexes = index.map(|bytes| ("pack_index", bytes));
        let tables = tables.into_iter().map(|bytes| ("file_table", bytes));
        let maps = maps.into_iter().map(|bytes| ("block_map", bytes));
        for (target, bytes) in records.chain(indexes).chain(tables).chain(maps) {
            add(target, None, bytes);
        }
    }
    let key_file = std::fs::read(folder.join("key-file")).expect("key file");
    seeds.entry("record").or_default().insert("key-file".to_owned(), key_file);
    seeds
}

impl Object {
    fn text(name: String, bytes: Vec<u8>, remade: Vec<u8>) -> Self {
        let text = Some(bytes.clone());
        Self { name, bytes, remade, text, index: None, tables: Vec::new(), maps: Vec::new() }
    }

    /// Compression is taken as it is; what is compressed, and how it is sealed, is made again.
    fn record<T: Serialize + DeserializeOwned>(
        name: String,
        bytes: Vec<u8>,
        key: &DataKey,
        header: &Header,
    ) -> Self {
        let seal = key.object(header);
        let mut sealed = bytes[HEADER_BYTES..].to_vec();
        let mut body = seal.open(0, &mut sealed).expect("its seal").to_vec();
        let limit = usize::try_from(RECORD_BYTES_MAX).expect("fits");
        let json = zstd::bulk::decompress(&body, limit).expect("a zstd frame");
        let record: T = serde_json::from_slice(&json).expect("a record");
        assert_eq!(serde_json::to_vec(&record).expect("JSON"), json, "{name}");
        let tag = seal.seal(0, &mut body);
        let remade = [&header.encode(), body.as_slice(), &tag].concat();
        Self { name, bytes, remade, text: Some(json), index: None, tables: Vec::new(), maps: Vec::new() }
    }

    fn pack(name: String, bytes: Vec<u8>, key: &DataKey, header: &Header) -> Self {
        let mut opened = bytes.clone();
        let (seal, index) = open_pack(key, header, &mut opened).expect("a pack");
        let mut remade = header.encode().to_vec();
        let (mut tables, mut maps) = (Vec::new(), Vec::new());
        for (entry, number) in index.frames().zip(0..) {
            let start = usize::try_from(entry.offset).expect("fits");
            let sealed = &mut opened[start..start + usize::try_from(entry.stored_bytes).expect("fits")];
            let mut stored = seal.open(number, &mut sealed.to_vec()).expect("its seal").to_vec();
            let tag = seal.seal(number, &mut stored);
            remade.extend([stored.as_slice(), &tag].concat());
            let content = content(key, &seal, number, &entry, sealed);
            if entry.blocks.is_none() {
                let (kind, again) = remake(&content);
                assert!(again == content, "{name}: frame {number} is another when it is encoded again");
                if kind { tables.push(content) } else { maps.push(content) }
            }
        }
        let frames = index.frame_count();
        let offset = remade.len() as u64;
        let encoded = index.encode();
        assert_eq!(PackIndex::decode(&encoded, frames, offset).expect("index"), index);
        let mut sealed = encoded.clone();
        let tag = seal.seal(frames, &mut sealed);
        let index_bytes = u32::try_from(sealed.len() + tag.len()).expect("fits");
        remade.extend([sealed.as_slice(), &tag, &Trailer { index_bytes, frames }.encode()].concat());
        let place = Trailer { index_bytes: u32::try_from(offset).expect("fits"), frames };
        let index = Some([encoded.as_slice(), &place.encode()].concat());
        Self { name, bytes, remade, text: None, index, tables, maps }
    }
}

fn content(
    key: &DataKey,
    seal: &crate::seal::ObjectSeal,
    number: u32,
    entry: &FrameView<'_>,
    sealed: &mut [u8],
) -> Vec<u8> {
    let hasher = BlockHasher::new(key.block_hash_key());
    let mut decompressor = Decompressor::new().expect("decompressor");
    let mut content = Vec::new();
    open_frame(seal, &hasher, &mut decompressor, number, entry, sealed, &mut content).expect("a frame");
    content
}

/// A metadata frame encoded again; `true` for one of the file table.
fn remake(content: &[u8]) -> (bool, Vec<u8>) {
    if let Ok(pieces) = decode_map_frame(content) {
        let mut builder = MapFrameBuilder::default();
        for piece in &pieces {
            builder.push(piece);
        }
        return (false, builder.finish());
    }
    let mut builder = TableFrameBuilder::default();
    for entry in decode_table_frame(content).expect("a table frame") {
        builder.push(&entry);
    }
    (true, builder.finish())
}
