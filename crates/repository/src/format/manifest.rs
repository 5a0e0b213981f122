//! A set's root, and the two small records beside it: JSON, compressed and sealed as frame 0 of an
//! object that holds nothing else. Field names are the format; the structs have no other use for them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::frame::PackId;
use crate::{AttemptId, BackupJobId, BackupSetId, CatalogId, FencingEpoch, InstanceId};

/// Who made an object: enough to refuse a stranger's, and to rebuild a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The instance.
    #[serde(with = "text")]
    pub instance: InstanceId,
    /// The set.
    #[serde(with = "text")]
    pub set: BackupSetId,
    /// The attempt.
    #[serde(with = "text")]
    pub attempt: AttemptId,
    /// The job.
    #[serde(with = "text")]
    pub job: BackupJobId,
    /// The epoch of the lease.
    #[serde(with = "epoch")]
    pub epoch: FencingEpoch,
    /// The catalog that granted it.
    #[serde(with = "text")]
    pub catalog: CatalogId,
}

/// An older attempt, by its set and its own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ancestor {
    /// The set that the attempt was to make.
    #[serde(with = "text")]
    pub set: BackupSetId,
    /// The attempt.
    #[serde(with = "text")]
    pub attempt: AttemptId,
}

/// What `begin` says: who started the attempt, when, and all that it may refer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Who.
    pub origin: Origin,
    /// When, by the worker's clock.
    pub started: Timestamp,
    /// `backup`, or `reader` for one that only keeps what it names alive.
    pub kind: BeginKind,
    /// The sets and dead attempts it may refer to.
    pub ancestors: Vec<Ancestor>,
}

/// What an attempt is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BeginKind {
    /// It makes a set.
    Backup,
    /// It reads sets for longer than the grace.
    Reader,
}

/// Says that a set is to go: after the grace the sweep deletes what only it reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The set's instance.
    #[serde(with = "text")]
    pub instance: InstanceId,
    /// The set and its attempt.
    pub of: Ancestor,
    /// When it was put, by the writer's clock; the grace is measured by the store's.
    pub put: Timestamp,
    /// Why, for people.
    pub reason: String,
}

/// How a set's content was proven after it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadBack {
    /// Fetched back from the medium, every frame's tag checked, a sample decompressed and hashed.
    Frames,
    /// The store's own upload checksum.
    Checksum,
}

/// Whether a person or the policy asked for a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobMode {
    /// A person.
    Manual,
    /// The policy.
    Automated,
}

/// The root of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Who made it.
    pub origin: Origin,
    /// Who asked.
    pub mode: JobMode,
    /// Days to keep it; none is for ever.
    pub retention_days: Option<u32>,
    /// When the copy began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The moment it restores to.
    pub consistent: Timestamp,
    /// The engine, like `postgresql`.
    pub engine: String,
    /// The server's version, like `15.18`.
    pub server_version: String,
    /// What the engine needs to restore it; opaque here.
    pub record: serde_json::Value,
    /// The set compared with, if any.
    pub parent: Option<Ancestor>,
    /// Sums.
    pub totals: Totals,
    /// Every pack that the set needs, its own included, by attempt.
    pub references: Vec<Reference>,
    /// The frames of the file table, in order.
    pub table: Vec<TableFrame>,
    /// How it was proven.
    pub read_back: ReadBack,
    /// The oldest time at which a pack it refers to was last proven; none when it refers to no older one.
    pub oldest_proof: Option<Timestamp>,
}

/// Sums over a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Entries of the file table.
    pub entries: u64,
    /// Files among them.
    pub files: u64,
    /// Bytes of all files.
    pub source_bytes: u64,
    /// Bytes of files that are kept in older frames.
    pub reused_bytes: u64,
    /// Frames that the attempt added.
    pub new_frames: u64,
    /// Bytes that the attempt added: its packs.
    pub new_bytes: u64,
    /// Bytes of all packs that the set needs.
    pub stored_bytes: u64,
}

/// The packs of one attempt that a set needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The attempt.
    pub of: Ancestor,
    /// When what it stored was last proven.
    pub proven: Timestamp,
    /// The packs, in order.
    pub packs: Vec<PackRange>,
}

/// Consecutive packs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackRange {
    /// Number of the first.
    pub first: u32,
    /// Size of each.
    pub bytes: Vec<u32>,
}

impl Reference {
    /// Each pack with its size.
    pub fn packs(&self) -> impl Iterator<Item = (PackId, u32)> + '_ {
        let attempt = self.of.attempt;
        self.packs.iter().flat_map(move |range| {
            let numbers = range.first..;
            numbers.zip(&range.bytes).map(move |(number, bytes)| (PackId { attempt, number }, *bytes))
        })
    }
}

/// One frame of the file table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFrame {
    /// The attempt that wrote it, as its number in the references.
    pub reference: u32,
    /// Its pack.
    pub pack: u32,
    /// Its number in the pack.
    pub frame: u32,
    /// First 16 bytes of the content's BLAKE3, by which a later set finds it again.
    #[serde(with = "hex")]
    pub digest: [u8; 16],
}

/// Ids as their text.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Epochs as numbers.
mod epoch {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::FencingEpoch;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
    pub(super) fn serialize<S: Serializer>(value: &FencingEpoch, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.get())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<FencingEpoch, D::Error> {
        u64::deserialize(from).map(FencingEpoch::new)
    }
}

/// Sixteen bytes as hexadecimal digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::AttemptId;

    pub(super) fn serialize<S: Serializer>(value: &[u8; 16], to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&AttemptId::from_bytes(*value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 16], D::Error> {
        let id: AttemptId = String::deserialize(from)?.parse().map_err(de::Error::custom)?;
        Ok(*id.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::de::DeserializeOwned;

    use super::*;

    fn id() -> impl Strategy<Value = AttemptId> {
        any::<[u8; 16]>().prop_map(AttemptId::from_bytes)
    }

    fn set() -> impl Strategy<Value = BackupSetId> {
        (1u32..1 << 31).prop_map(|number| BackupSetId::new(number).expect("in range"))
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        let nanoseconds = Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond();
        nanoseconds.prop_map(|nanosecond| Timestamp::from_nanosecond(nanosecond).expect("in range"))
    }

    fn ancestor() -> impl Strategy<Value = Ancestor> {
        (set(), id()).prop_map(|(set, attempt)| Ancestor { set, attempt })
    }

    fn origin() -> impl Strategy<Value = Origin> {
        ("[a-z0-9-]{2,64}", ancestor(), 1u32..1 << 31, any::<u64>(), any::<[u8; 16]>()).prop_map(
            |(instance, Ancestor { set, attempt }, job, epoch, catalog)| Origin {
                instance: instance.parse().expect("id"),
                set,
                attempt,
                job: BackupJobId::new(job).expect("in range"),
                epoch: FencingEpoch::new(epoch),
                catalog: CatalogId::from_bytes(catalog),
            },
        )
    }

    fn begin() -> impl Strategy<Value = Begin> {
        let kind = prop_oneof![Just(BeginKind::Backup), Just(BeginKind::Reader)];
        (origin(), time(), kind, prop::collection::vec(ancestor(), 0..4))
            .prop_map(|(origin, started, kind, ancestors)| Begin { origin, started, kind, ancestors })
    }

    fn tombstone() -> impl Strategy<Value = Tombstone> {
        (origin(), ancestor(), time(), any::<String>()).prop_map(|(origin, of, put, reason)| Tombstone {
            instance: origin.instance,
            of,
            put,
            reason,
        })
    }

    fn reference() -> impl Strategy<Value = Reference> {
        let range = (any::<u32>(), prop::collection::vec(any::<u32>(), 0..4));
        let range = range.prop_map(|(first, bytes)| PackRange { first, bytes });
        (ancestor(), time(), prop::collection::vec(range, 0..3)).prop_map(|(of, proven, packs)| Reference {
            of,
            proven,
            packs,
        })
    }

    fn table_frame() -> impl Strategy<Value = TableFrame> {
        any::<(u32, u32, u32, [u8; 16])>().prop_map(|(reference, pack, frame, digest)| TableFrame {
            reference,
            pack,
            frame,
            digest,
        })
    }

    fn totals() -> impl Strategy<Value = Totals> {
        any::<[u64; 7]>().prop_map(
            |[entries, files, source_bytes, reused_bytes, new_frames, new_bytes, stored]| Totals {
                entries,
                files,
                source_bytes,
                reused_bytes,
                new_frames,
                new_bytes,
                stored_bytes: stored,
            },
        )
    }

    prop_compose! {
        fn manifest()(
            origin in origin(),
            automated: bool,
            checksum: bool,
            retention_days: Option<u32>,
            [started, ended, consistent] in [time(), time(), time()],
            engine: String,
            server_version: String,
            record: (String, i64),
            parent in prop::option::of(ancestor()),
            totals in totals(),
            references in prop::collection::vec(reference(), 0..3),
            table in prop::collection::vec(table_frame(), 0..4),
            oldest_proof in prop::option::of(time()),
        ) -> Manifest {
            let mode = if automated { JobMode::Automated } else { JobMode::Manual };
            let read_back = if checksum { ReadBack::Checksum } else { ReadBack::Frames };
            let record = serde_json::json!({ "text": record.0, "number": record.1 });
            Manifest {
                origin, mode, retention_days, started, ended, consistent, engine, server_version, record, parent,
                totals, references, table, read_back, oldest_proof,
            }
        }
    }

    fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(
        record: &T,
    ) -> Result<(), TestCaseError> {
        let json = serde_json::to_vec(record).expect("a record is plain JSON");
        prop_assert_eq!(&serde_json::from_slice::<T>(&json).expect("own bytes"), record);
        // A later release may add fields, which this one ignores.
        let mut object: serde_json::Value = serde_json::from_slice(&json).expect("own bytes");
        object["added_later"] = serde_json::json!([1]);
        prop_assert_eq!(&serde_json::from_value::<T>(object).expect("one more field"), record);
        for end in 0..json.len().min(200) {
            prop_assert!(serde_json::from_slice::<T>(&json[..end]).is_err());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_begin_reads_back_as_written(begin in begin()) {
            reads_back(&begin)?;
        }

        #[test]
        fn a_manifest_reads_back_as_written(manifest in manifest()) {
            reads_back(&manifest)?;
        }

        #[test]
        fn a_tombstone_reads_back_as_written(tombstone in tombstone()) {
            reads_back(&tombstone)?;
        }
    }
}
