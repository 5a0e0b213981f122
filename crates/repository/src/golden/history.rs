//! The life of the golden repository, told to the writer: keys, three sets, an attempt that died, a reader.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use blobstore::LocalStore;
use jiff::Timestamp;

use super::day::{self, Kind, Node, listing};
use crate::format::frame::{AttemptName, BLOCK_BYTES, FrameId};
use crate::format::manifest::{Ancestor, Begin, BeginKind, JobMode, PackRange, ReadBack, TableFrame, Totals};
use crate::randomness::given::Given;
use crate::{
    AttemptId, AttemptWriter, BackupJobId, BackupSetId, BlockDigest, CatalogId, Compression, Content, Entry,
    EntryHead, FencingEpoch, FrameBuffers, FrameEncoder, HashedBlocks, KeySecret, Manifest, MapPiece,
    OpenSet, Origin, PackId, Place, Reference, Repository, Run, ShortBlock, TableWriter, WrittenTable,
    push_run,
};

/// Names the version of zstd that made the files.
pub(super) const ZSTD: &str = "zstd-version";
const PASSPHRASE: &str = "correct horse battery staple";

/// Is that file made without zstd? Records always, and packs with metadata, have a part by it.
pub(super) fn is_without_zstd(name: &str) -> bool {
    let record =
        ["/begin", "/manifest"].iter().any(|end| name.ends_with(end)) || name.contains("/tombstones/");
    let uncompressed =
        name.contains("/sets/1.") && (name.ends_with("pack-000000") || name.ends_with("pack-000001"));
    name != ZSTD && !record && (uncompressed || !name.contains("/pack-"))
}

/// Writes the golden files of this release.
pub(super) fn write(root: &Path) {
    let _given = Given::by("the golden repository of format 1");
    let key_file = KeySecret::random_file();
    let passphrase = KeySecret::Passphrase(PASSPHRASE.to_owned());
    let text = key_file.render_key_file().expect("a key file");
    fs::write(root.join("key-file"), text.as_bytes()).expect("file");
    fs::write(root.join("passphrase"), format!("{PASSPHRASE}\n")).expect("file");
    fs::write(root.join(ZSTD), format!("{}\n", zstd::zstd_safe::version_string())).expect("file");

    let catalog = CatalogId::random();
    let store = Arc::new(LocalStore::create(&root.join("repository")).expect("store"));
    let repository = Repository::create(store, key_file, catalog, minute(0)).expect("repository");
    repository.add_key(&passphrase).expect("add");
    let history = History { repository, catalog };

    let first = history.first();
    history.repository.rotate_key(&[passphrase], minute(60)).expect("rotate");
    let dead = history.dead(&first);
    let second = history.second(&first, &dead);
    history.third(&second);
    history.reader(&[ancestor(&first), ancestor(&second)]);
    for (number, nodes) in [(1, day::first()), (2, day::second())] {
        fs::write(root.join(format!("set-{number}.txt")), listing(&nodes)).expect("file");
    }
}

/// A moment of the history, with a fraction of a second.
fn minute(number: i64) -> Timestamp {
    let start: Timestamp = "2026-11-24T03:22:50.123456789Z".parse().expect("a time");
    start + jiff::SignedDuration::from_mins(number)
}

fn ancestor(manifest: &Manifest) -> Ancestor {
    Ancestor { set: manifest.origin.set, attempt: manifest.origin.attempt }
}

struct History {
    repository: Repository,
    catalog: CatalogId,
}

/// An attempt of another job, that died: what it stored may still be used.
struct Dead {
    ancestor: Ancestor,
    resumed: FrameId,
    bytes: u32,
}

/// A set being written.
struct Writing<'h> {
    history: &'h History,
    origin: Origin,
    started: Timestamp,
    attempt: AttemptWriter,
}

impl History {
    fn begin(
        &self,
        set: u32,
        epoch: u64,
        kind: BeginKind,
        ancestors: &[Ancestor],
        started: Timestamp,
    ) -> Writing<'_> {
        let origin = Origin {
            instance: "golden".parse().expect("id"),
            set: BackupSetId::new(set).expect("id"),
            attempt: AttemptId::random(),
            job: BackupJobId::new(set + 10).expect("id"),
            epoch: FencingEpoch::new(epoch),
            catalog: self.catalog,
        };
        let begin = Begin { origin: origin.clone(), started, kind, ancestors: ancestors.to_vec() };
        let attempt = self.repository.begin(&begin, None).expect("begin");
        Writing { history: self, origin, started, attempt }
    }

    /// Everything is new: a pack without compression, one by LZ4, and one by zstd that has the tables too.
    fn first(&self) -> Manifest {
        let writing = self.begin(1, 1, BeginKind::Backup, &[], minute(10));
        let nodes = day::first();
        let mut runs = HashMap::new();
        let mut store = |paths: &[&str], compression| {
            let parts: Vec<(&str, u64, &[u8])> =
                paths.iter().map(|path| (*path, 0, content(&nodes, path))).collect();
            runs.extend(writing.store(&parts, compression));
        };
        store(&["data/plain"], Compression::None);
        store(&["data/one-block"], Compression::None);
        writing.attempt.flush().expect("flush");
        store(&["data/lz4"], Compression::Lz4);
        writing.attempt.flush().expect("flush");
        let settings = nodes[1].path.to_string();
        store(&["data/growing"], Compression::Zstd(1));
        store(&["data/large"], Compression::Zstd(1));
        store(&["data/gone-tomorrow"], Compression::Zstd(19));
        // Small files share a frame.
        store(&[&settings, "data/small-1", "data/small-2", "data/small-3"], Compression::Zstd(3));
        let odd = nodes.last().expect("the last").path.to_string();
        let odd_runs =
            writing.store(&[("odd", 0, b"bytes")], Compression::Zstd(1)).remove("odd").expect("one");
        runs.insert(odd, odd_runs);
        let mut table = TableWriter::new(HashMap::new()).expect("table");
        for node in &nodes {
            writing.push(&mut table, node, runs.get(&node.path.to_string()), None);
        }
        writing.publish(table, None, None, 0)
    }

    /// Stores a pack and is never heard of again.
    fn dead(&self, first: &Manifest) -> Dead {
        let writing = self.begin(2, 2, BeginKind::Backup, &[ancestor(first)], minute(70));
        let nodes = day::second();
        let runs = writing.store(&[("resumed", 0, content(&nodes, "data/resumed"))], Compression::None);
        writing.attempt.flush().expect("flush");
        let ancestor = Ancestor { set: writing.origin.set, attempt: writing.origin.attempt };
        Dead { ancestor, resumed: runs["resumed"][0].frame, bytes: writing.attempt.pack_sizes()[0] }
    }

    /// Under a new data key: refers to frames, maps and tables of the first set and to a frame of the attempt
    /// that died.
    fn second(&self, first: &Manifest, dead: &Dead) -> Manifest {
        let older = self.repository.open_set(&place(first)).expect("open");
        let ancestors = [ancestor(first), dead.ancestor];
        let writing = self.begin(2, 3, BeginKind::Backup, &ancestors, minute(80));
        let nodes = day::second();
        let before = day::first();
        let entries: HashMap<String, Entry> = older
            .entries()
            .expect("entries")
            .map(|e| e.expect("entry"))
            .map(|e| (e.path.to_string(), e))
            .collect();
        let frames = older.manifest().table.iter().map(|f| (f.digest, older.table_frame(f).expect("frame")));
        let mut table = TableWriter::new(frames.collect()).expect("table");
        let mut reused_bytes = 0;
        for node in &nodes {
            let name = node.path.to_string();
            let Kind::File(new) = &node.kind else {
                writing.push(&mut table, node, None, None);
                continue;
            };
            let kept = entries.get(&name).map(|entry| runs(&older, entry)).unwrap_or_default();
            let old = entries.get(&name).map(|_| content(&before, &name));
            if name == "data/resumed" {
                let run = Run { first_block: 0, count: 3, frame: dead.resumed, first_in_frame: 0 };
                writing.push(&mut table, node, Some(&vec![run]), None);
            } else if old == Some(new.as_slice()) {
                reused_bytes += new.len() as u64;
                writing.push(&mut table, node, Some(&kept), Some(map(&entries[&name])));
            } else {
                let runs = writing.store_changed(&name, old.unwrap_or_default(), new, &kept);
                writing.push(&mut table, node, Some(&runs), None);
            }
        }
        writing.publish(table, Some(&older), Some(dead), reused_bytes)
    }

    /// A set that is to go.
    fn third(&self, second: &Manifest) {
        let writing = self.begin(3, 4, BeginKind::Backup, &[ancestor(second)], minute(90));
        let nodes = day::third();
        let parts = [("data/expired", 0, content(&nodes, "data/expired"))];
        let runs = writing.store(&parts, Compression::Lz4);
        let mut table = TableWriter::new(HashMap::new()).expect("table");
        for node in &nodes {
            writing.push(&mut table, node, runs.get(&node.path.to_string()), None);
        }
        let manifest = writing.publish(table, None, None, 0);
        self.repository.put_tombstone(&place(&manifest), "expired", minute(100)).expect("tombstone");
    }

    /// Work that only keeps sets alive.
    fn reader(&self, ancestors: &[Ancestor]) {
        self.begin(4, 5, BeginKind::Reader, ancestors, minute(110));
    }
}

impl Writing<'_> {
    /// Stores blocks that share frames: of each name the content from some block on.
    fn store<'n>(
        &self,
        parts: &[(&'n str, u64, &[u8])],
        compression: Compression,
    ) -> HashMap<String, Vec<Run>> {
        let hasher = self.history.repository.new_block_hasher();
        let mut encoder = FrameEncoder::new(compression).expect("encoder");
        let blocks: Vec<(&'n str, u64, &[u8])> = parts
            .iter()
            .flat_map(|(name, first, content)| {
                (*first..).zip(content.chunks(BLOCK_BYTES)).map(|(number, block)| (*name, number, block))
            })
            .collect();
        let mut runs: HashMap<String, Vec<Run>> = HashMap::new();
        for blocks in blocks.chunks(128) {
            let digests: Vec<BlockDigest> = blocks.iter().map(|(_, _, block)| hasher.digest(block)).collect();
            let short = (0u16..).zip(blocks).filter(|(_, (_, _, block))| block.len() < BLOCK_BYTES);
            let bytes = |block: &[u8]| u16::try_from(block.len()).expect("at most 8192");
            let short =
                short.map(|(position, (_, _, block))| ShortBlock { position, bytes: bytes(block) }).collect();
            let content: Vec<u8> = blocks.iter().flat_map(|(_, _, block)| block.iter().copied()).collect();
            let frame = encoder.data(&content, HashedBlocks::new(&digests, short)).expect("encode");
            let frame = self.attempt.append(frame).expect("append");
            for (first_in_frame, (name, first_block, _)) in (0u16..).zip(blocks) {
                let run = Run { first_block: *first_block, count: 1, frame, first_in_frame };
                push_run(runs.entry((*name).to_owned()).or_default(), run);
            }
        }
        runs
    }

    /// Stores the blocks of a file that are not as they were, and says where all of them lie.
    fn store_changed(&self, name: &str, old: &[u8], new: &[u8], kept: &[Run]) -> Vec<Run> {
        let mut old_blocks = old.chunks(BLOCK_BYTES);
        let changed: Vec<(&str, u64, &[u8])> = (0..)
            .zip(new.chunks(BLOCK_BYTES))
            .filter(|(_, block)| old_blocks.next() != Some(*block))
            .map(|(number, block)| (name, number, block))
            .collect();
        let fresh = self.store(&changed, Compression::Zstd(1)).remove(name).unwrap_or_default();
        let mut runs = Vec::new();
        for block in 0..new.len().div_ceil(BLOCK_BYTES) as u64 {
            let holds = |run: &&Run| run.first_block <= block && block < run.end_block();
            let run = fresh.iter().find(holds).or_else(|| kept.iter().find(holds)).expect("it is stored");
            let first_in_frame = run.first_in_frame + u16::try_from(block - run.first_block).expect("small");
            push_run(&mut runs, Run { first_block: block, count: 1, frame: run.frame, first_in_frame });
        }
        runs
    }

    fn push(&self, table: &mut TableWriter, node: &Node, runs: Option<&Vec<Run>>, kept: Option<&[MapPiece]>) {
        let Node { path, mode, owner, group, kind } = node;
        let head = EntryHead { path: path.clone(), mode: *mode, owner: *owner, group: *group };
        let pushed = match kind {
            Kind::Directory => table.push(&self.attempt, head, Content::Directory),
            Kind::Symlink(target) => {
                table.push(&self.attempt, head, Content::Symlink { target: target.as_bytes().to_vec() })
            }
            Kind::File(content) => {
                let runs = runs.map_or(&[][..], Vec::as_slice);
                table.push_file(&self.attempt, head, content.len() as u64, runs, kept)
            }
        };
        pushed.expect("push");
    }

    fn publish(
        self,
        table: TableWriter,
        older: Option<&OpenSet>,
        dead: Option<&Dead>,
        reused_bytes: u64,
    ) -> Manifest {
        let Self { history, origin, started, attempt } = self;
        let table = table.finish(&attempt).expect("table");
        attempt.flush().expect("flush");
        let own = Ancestor { set: origin.set, attempt: origin.attempt };
        let ended = started + jiff::SignedDuration::from_mins(5);
        let sizes = attempt.pack_sizes();
        let known = older.map(|set| set.manifest().references.clone()).unwrap_or_default();
        let dead = dead.map(|dead| reference(dead.ancestor, ended, &[dead.bytes]));
        let known: Vec<Reference> =
            known.into_iter().chain(dead).chain([reference(own, ended, &sizes)]).collect();
        let references = needed(&known, &table);
        let stored = |of: &dyn Fn(&Reference) -> bool| {
            references
                .iter()
                .filter(|r| of(r))
                .flat_map(Reference::packs)
                .map(|(_, bytes)| u64::from(bytes))
                .sum()
        };
        let manifest = Manifest {
            mode: if older.is_some() { JobMode::Automated } else { JobMode::Manual },
            retention_days: if older.is_some() { None } else { Some(7) },
            started,
            ended,
            consistent: ended,
            engine: "golden".to_owned(),
            server_version: "1.2".to_owned(),
            record: serde_json::json!({"format": 1, "label": "opaque to the repository\n", "list": [1, null, true]}),
            parent: older.map(|set| ancestor(set.manifest())),
            totals: Totals {
                entries: table.entries,
                files: table.files,
                source_bytes: table.source_bytes,
                reused_bytes,
                new_frames: attempt.frames(),
                new_bytes: stored(&|r| r.of == own),
                stored_bytes: stored(&|_| true),
            },
            table: table_frames(&table, &references),
            read_back: ReadBack::Frames,
            oldest_proof: references.iter().filter(|r| r.of != own).map(|r| r.proven).min(),
            references,
            origin,
        };
        history.repository.publish(&manifest, ended).expect("publish");
        manifest
    }
}

fn content<'n>(nodes: &'n [Node], path: &str) -> &'n [u8] {
    let node = nodes.iter().find(|node| node.path.to_string() == path).expect("a node");
    let Kind::File(content) = &node.kind else { panic!("{path} is no file") };
    content
}

fn place(manifest: &Manifest) -> Place {
    let Ancestor { set, attempt } = ancestor(manifest);
    Place { instance: manifest.origin.instance.clone(), name: AttemptName { set, attempt } }
}

fn runs(set: &OpenSet, entry: &Entry) -> Vec<Run> {
    set.runs(entry, &mut FrameBuffers::new().expect("buffers")).expect("runs")
}

fn map(entry: &Entry) -> &[MapPiece] {
    match &entry.content {
        Content::File { map, .. } => map,
        Content::Directory | Content::Symlink { .. } => &[],
    }
}

fn reference(of: Ancestor, proven: Timestamp, sizes: &[u32]) -> Reference {
    Reference { of, proven, packs: vec![PackRange { first: 0, bytes: sizes.to_vec() }] }
}

/// Of the packs that are known those that the table needs.
fn needed(known: &[Reference], table: &WrittenTable) -> Vec<Reference> {
    let sizes: HashMap<PackId, u32> = known.iter().flat_map(Reference::packs).collect();
    let mut references = Vec::new();
    for (attempt, numbers) in table.packs.iter() {
        let known = known.iter().find(|known| known.of.attempt == attempt).expect("a known attempt");
        let mut packs: Vec<PackRange> = Vec::new();
        for number in numbers {
            let bytes = sizes[&PackId { attempt, number }];
            match packs.last_mut() {
                Some(last) if last.first as usize + last.bytes.len() == number as usize => {
                    last.bytes.push(bytes);
                }
                Some(_) | None => packs.push(PackRange { first: number, bytes: vec![bytes] }),
            }
        }
        references.push(Reference { of: known.of, proven: known.proven, packs });
    }
    references
}

fn table_frames(table: &WrittenTable, references: &[Reference]) -> Vec<TableFrame> {
    let number = |attempt| references.iter().position(|r| r.of.attempt == attempt).expect("named");
    let frame = |(id, digest): &(FrameId, [u8; 16])| TableFrame {
        reference: u32::try_from(number(id.pack.attempt)).expect("few"),
        pack: id.pack.number,
        frame: id.number,
        digest: *digest,
    };
    table.frames.iter().map(frame).collect()
}
