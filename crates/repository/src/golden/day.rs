//! One day's files of the golden repository: what a restore must bring.

use std::fmt::Write;

use crate::StoredPath;
use crate::format::file_table::ends_frame;
use crate::format::frame::BLOCK_BYTES;

/// What a path is.
#[derive(Clone)]
pub(super) enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(&'static str),
}

pub(super) struct Node {
    pub(super) path: StoredPath,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) kind: Kind,
}

/// Bytes that do not compress.
pub(super) fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut out);
    out
}

/// Bytes that do.
fn lines(seed: &str, length: usize) -> Vec<u8> {
    let line = |number| format!("{number:07} of {seed}\n").into_bytes();
    (0..).flat_map(line).take(length).collect()
}

fn node(path: impl Into<Vec<u8>>, mode: u32, kind: Kind) -> Node {
    let path = StoredPath::new(path).expect("a path");
    Node { path, mode, owner: 101, group: 70_000, kind }
}

/// The first day: each kind of entry, and files of each kind of length.
pub(super) fn first() -> Vec<Node> {
    let file = |content| Kind::File(content);
    let mut nodes = vec![
        node("config", 0o755, Kind::Directory),
        // A table frame ends behind this path, so the table has two.
        node(last_of_a_frame(), 0o600, file(lines("settings", 300))),
        node("data", 0o700, Kind::Directory),
        node("data/empty-folder", 0o1777, Kind::Directory),
        node("data/empty-file", 0o600, file(Vec::new())),
        node("data/gone-tomorrow", 0o600, file(lines("gone", 3 * BLOCK_BYTES))),
        node("data/growing", 0o640, file(noise("growing", 3 * BLOCK_BYTES + 100))),
        node("data/large", 0o600, file(lines("large", 130 * BLOCK_BYTES + 1))),
        node("data/latest", 0o777, Kind::Symlink("large")),
        node("data/lz4", 0o600, file(lines("lz4", 20 * BLOCK_BYTES + 4000))),
        node("data/one-block", 0o600, file(noise("one block", BLOCK_BYTES))),
        node("data/plain", 0o600, file(noise("plain", 5 * BLOCK_BYTES - 1))),
        node("data/small-1", 0o600, file(lines("small 1", 1))),
        node("data/small-2", 0o600, file(lines("small 2", BLOCK_BYTES + 808))),
        node("data/small-3", 0o4755, file(lines("small 3", 8191))),
        node(b"data/\xff not UTF-8".as_slice(), 0o600, file(b"bytes".to_vec())),
    ];
    nodes.sort_by(|a, b| a.path.cmp(&b.path));
    nodes
}

/// The second day: files that are as they were, changed in places, longer, gone and new.
pub(super) fn second() -> Vec<Node> {
    let mut nodes = first();
    nodes.retain(|node| node.path.as_bytes() != b"data/gone-tomorrow");
    for node in &mut nodes {
        let path = String::from_utf8_lossy(node.path.as_bytes());
        match (&*path, &mut node.kind) {
            ("data/growing", Kind::File(content)) => content.extend(noise("grown", 2 * BLOCK_BYTES)),
            ("data/large", Kind::File(content)) => {
                for block in [3, 64, 65, 66] {
                    content[block * BLOCK_BYTES + 9] ^= 1;
                }
            }
            ("data/latest", Kind::Symlink(target)) => *target = "plain",
            ("data/small-2", Kind::File(content)) => content.truncate(BLOCK_BYTES - 5),
            ("data/small-3", _) => node.mode = 0o600,
            _ => {}
        }
    }
    nodes.push(node("data/resumed", 0o600, Kind::File(noise("resumed", 2 * BLOCK_BYTES + 1))));
    nodes.sort_by(|a, b| a.path.cmp(&b.path));
    nodes
}

/// The third day, which is of no use any more.
pub(super) fn third() -> Vec<Node> {
    vec![node("data", 0o700, Kind::Directory), node("data/expired", 0o600, Kind::File(noise("expired", 77)))]
}

fn last_of_a_frame() -> Vec<u8> {
    let path = b"config/settings-549".to_vec();
    assert!(
        ends_frame(&StoredPath::new(path.clone()).expect("a path")),
        "one path in a thousand ends a frame"
    );
    path
}

/// One line for each entry: kind, mode, owner and group, bytes, BLAKE3, path, and a link's target.
pub(super) fn listing(nodes: &[Node]) -> String {
    let mut out = String::new();
    for Node { path, mode, owner, group, kind } in nodes {
        let path = path.as_bytes().escape_ascii();
        let line = match kind {
            Kind::Directory => format!("directory {mode:04o} {owner}:{group} {path}"),
            Kind::File(content) => {
                let digest = blake3::hash(content);
                format!("file {mode:04o} {owner}:{group} {path} {} {digest}", content.len())
            }
            Kind::Symlink(target) => format!("symlink {mode:04o} {owner}:{group} {path} {target}"),
        };
        writeln!(out, "{line}").expect("a text takes more");
    }
    out
}
