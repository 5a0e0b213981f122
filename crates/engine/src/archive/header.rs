//! Headers of a tar archive: ustar, with an extended header (pax) where ustar has no room.
//!
//! Follows POSIX.1-2017, `pax`, "ustar Interchange Format" and "pax Header Block". What a member is called, how large
//! it is and when it was changed decide the bytes alone, so that an archive can be measured without being written.
//!
//! ```text
//! 0 name 100 · 100 mode 8 · 108 owner 8 · 116 group 8 · 124 size 12 · 136 time 12 · 148 checksum 8 · 156 kind 1
//! 157 link 100 · 257 "ustar\0" 6 · 263 "00" 2 · 265 names 64 · 329 device 16 · 345 prefix 155 · 500 zeros 12
//! ```
//!
//! Names of owners are left empty, so that numbers count.

/// Everything in an archive fills whole blocks of this size.
pub(super) const BLOCK: usize = 512;
/// What ends an archive.
pub(super) const END_BYTES: u64 = 2 * BLOCK as u64;

const NAME_BYTES: usize = 100;
const PREFIX_BYTES: usize = 155;
/// Largest number in a field of 8 bytes: 7 octal digits.
const SHORT_MAX: u64 = 0o7_777_777;
/// Largest number in a field of 12 bytes: 11 octal digits, 8 GiB less one.
const LONG_MAX: u64 = 0o77_777_777_777;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Directory,
    File { bytes: u64 },
    Symlink { target: &'a [u8] },
}

/// What a header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) path: &'a [u8],
    pub(super) kind: Kind<'a>,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) group: u32,
    /// Seconds since 1970.
    pub(super) modified: u64,
}

impl Head<'_> {
    /// The header's blocks.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut path = if self.path.is_empty() { b"./".to_vec() } else { self.path.to_vec() };
        if self.kind == Kind::Directory && !path.ends_with(b"/") {
            path.push(b'/');
        }
        let (bytes, target, flag) = match self.kind {
            Kind::Directory => (0, &b""[..], b'5'),
            Kind::File { bytes } => (bytes, &b""[..], b'0'),
            Kind::Symlink { target } => (0, target, b'2'),
        };
        let split = split_path(&path);
        let mut records = Vec::new();
        if split.is_none() {
            put_record(&mut records, "path", &path);
        }
        if target.len() > NAME_BYTES {
            put_record(&mut records, "linkpath", target);
        }
        if bytes > LONG_MAX {
            put_record(&mut records, "size", bytes.to_string().as_bytes());
        }
        for (key, number) in [("uid", self.owner), ("gid", self.group)] {
            if u64::from(number) > SHORT_MAX {
                put_record(&mut records, key, number.to_string().as_bytes());
            }
        }
        let mut blocks = self.extended(&records);
        let (prefix, name) = split.unwrap_or((b"", &path[..path.len().min(NAME_BYTES)]));
        let fields = Fields { prefix, name, target, flag, bytes };
        blocks.extend_from_slice(&self.block(&fields));
        blocks
    }

    /// The extended header, a member of its own before the real one; nothing where no record needs it.
    fn extended(&self, records: &[u8]) -> Vec<u8> {
        if records.is_empty() {
            return Vec::new();
        }
        let mut content = Vec::new();
        if std::str::from_utf8(records).is_err() {
            put_record(&mut content, "hdrcharset", b"BINARY");
        }
        content.extend_from_slice(records);
        let fields = Fields {
            prefix: b"",
            name: b"PaxHeaders/x",
            target: b"",
            flag: b'x',
            bytes: content.len() as u64,
        };
        let mut blocks = self.block(&fields).to_vec();
        blocks.extend_from_slice(&content);
        blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
        blocks
    }

    fn block(&self, fields: &Fields<'_>) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        put(&mut block, 0, fields.name);
        put_octal(&mut block, 100, 7, u64::from(self.mode & 0o7777));
        put_octal(&mut block, 108, 7, u64::from(self.owner));
        put_octal(&mut block, 116, 7, u64::from(self.group));
        put_octal(&mut block, 124, 11, fields.bytes);
        put_octal(&mut block, 136, 11, self.modified);
        put(&mut block, 148, b"        ");
        put(&mut block, 156, &[fields.flag]);
        put(&mut block, 157, &fields.target[..fields.target.len().min(NAME_BYTES)]);
        put(&mut block, 257, b"ustar\x0000");
        put_octal(&mut block, 329, 7, 0);
        put_octal(&mut block, 337, 7, 0);
        put(&mut block, 345, fields.prefix);
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        put_octal(&mut block, 148, 6, sum);
        put(&mut block, 154, b"\0 ");
        block
    }
}

/// What differs between a member's header and its extended one.
struct Fields<'a> {
    prefix: &'a [u8],
    name: &'a [u8],
    target: &'a [u8],
    flag: u8,
    bytes: u64,
}

/// Prefix and name of a path; `None`: neither way it fits.
fn split_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME_BYTES {
        return Some((b"", path));
    }
    // The last byte may be a folder's slash, behind which there is no name.
    let slashes = path.iter().enumerate().take(path.len() - 1).filter(|(_, byte)| **byte == b'/');
    let mut fitting = slashes.map(|(at, _)| (&path[..at], &path[at + 1..]));
    fitting.find(|(prefix, name)| (1..=PREFIX_BYTES).contains(&prefix.len()) && name.len() <= NAME_BYTES)
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn put_record(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A number in octal digits; one that has no room is zero here and stands in the extended header.
fn put_octal(block: &mut [u8; BLOCK], at: usize, digits: usize, number: u64) {
    let max = if digits == 11 { LONG_MAX } else { SHORT_MAX };
    let number = if number > max { 0 } else { number };
    put(block, at, format!("{number:0digits$o}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<'a>(path: &'a [u8], kind: Kind<'a>) -> Head<'a> {
        Head { path, kind, mode: 0o100_640, owner: 26, group: 4_000_000_000, modified: 1_700_000_000 }
    }

    fn field(block: &[u8], at: usize, bytes: usize) -> String {
        String::from_utf8_lossy(&block[at..at + bytes]).trim_end_matches('\0').to_owned()
    }

    #[test]
    fn a_short_name_and_small_numbers_need_one_block() {
        let head = Head { group: 27, ..head(b"base/5/1259", Kind::File { bytes: 8192 }) };
        let blocks = head.encode();
        assert_eq!(blocks.len(), BLOCK);
        assert_eq!(field(&blocks, 0, 100), "base/5/1259");
        assert_eq!(field(&blocks, 100, 8), "0000640");
        assert_eq!(field(&blocks, 124, 12), "00000020000");
        let sum: u64 = blocks.iter().map(|byte| u64::from(*byte)).sum();
        let stored: u64 = blocks[148..156].iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(field(&blocks, 148, 6), format!("{:06o}", sum - stored + 8 * 32));
    }

    #[test]
    fn numbers_without_room_stand_in_an_extended_header() {
        let blocks = head(b"x", Kind::File { bytes: 1 << 40 }).encode();
        assert_eq!(blocks.len(), 3 * BLOCK);
        assert_eq!(blocks[156], b'x');
        let records = field(&blocks, BLOCK, BLOCK);
        assert_eq!(records, "22 size=1099511627776\n18 gid=4000000000\n");
        assert_eq!(field(&blocks, 2 * BLOCK + 124, 12), "00000000000");
    }

    #[test]
    fn a_long_path_is_split_or_extended() {
        let deep = [&b"d".repeat(90)[..], &b"e".repeat(90)].join(&b'/');
        assert_eq!(split_path(&deep).map(|(prefix, name)| (prefix.len(), name.len())), Some((90, 90)));
        assert_eq!(split_path(&b"n".repeat(101)), None);
        let mut folder = b"f".repeat(120);
        folder.push(b'/');
        assert_eq!(split_path(&folder), None, "a name must not be empty");
        let blocks = head(&b"\xff".repeat(200), Kind::Directory).encode();
        assert!(field(&blocks, BLOCK, BLOCK).starts_with("21 hdrcharset=BINARY\n"));
    }

    #[test]
    fn a_records_length_counts_its_own_digits() {
        for length in 0..1200 {
            let mut record = Vec::new();
            put_record(&mut record, "path", &b"p".repeat(length));
            let said = String::from_utf8_lossy(&record);
            assert_eq!(said.split(' ').next().and_then(|text| text.parse().ok()), Some(record.len()));
        }
    }
}
