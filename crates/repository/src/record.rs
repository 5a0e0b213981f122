//! Small sealed objects: header, then one frame of compressed JSON.

use std::io::Read;

use blobstore::ObjectKey;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::bytes::FormatError;
use crate::format::header::{HEADER_BYTES, Header, ObjectKind};
use crate::seal::DataKey;
use crate::{DataKeyId, RepositoryError};

/// Largest record: a manifest of some million packs.
pub(crate) const RECORD_BYTES_MAX: u64 = 64 * 1024 * 1024;
const LEVEL: i32 = 3;

/// The two parts of the object that holds `record`.
pub(crate) fn seal_record<T: Serialize>(
    key: &DataKey,
    kind: ObjectKind,
    record: &T,
) -> Result<([u8; HEADER_BYTES], Vec<u8>), RepositoryError> {
    let json = serde_json::to_vec(record).expect("a record is plain JSON");
    let compressed = zstd::bulk::compress(&json, LEVEL);
    let mut body = compressed.map_err(|source| RepositoryError::Compress { what: "a record", source })?;
    let (header, seal) = key.begin(kind);
    let tag = seal.seal(0, &mut body);
    body.extend_from_slice(&tag);
    Ok((header.encode(), body))
}

/// The record in an object.
pub(crate) fn open_record<T: DeserializeOwned>(
    mut bytes: Vec<u8>,
    kind: ObjectKind,
    key: impl FnOnce(DataKeyId) -> Result<DataKey, RepositoryError>,
    object: &ObjectKey,
) -> Result<T, RepositoryError> {
    let damaged = |source: FormatError| RepositoryError::Damaged { object: object.clone(), source };
    let problem = |problem: String| damaged(FormatError::new("record", problem));
    let header = Header::decode(&bytes).map_err(damaged)?;
    if header.kind != kind {
        return Err(problem(format!("it is of kind {:?}, not {kind:?}", header.kind)));
    }
    let seal = key(header.key)?.object(&header);
    let opened = seal.open(0, &mut bytes[HEADER_BYTES..]).map_err(|e| problem(e.to_string()))?;
    let decoder = zstd::stream::read::Decoder::new(&*opened).map_err(|e| problem(e.to_string()))?;
    let mut json = Vec::new();
    decoder.take(RECORD_BYTES_MAX * 8).read_to_end(&mut json).map_err(|e| problem(e.to_string()))?;
    serde_json::from_slice(&json).map_err(|e| problem(e.to_string()))
}
