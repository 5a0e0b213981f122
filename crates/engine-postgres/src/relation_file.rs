//! Names of the files that hold relations (`GetRelationPath` in `src/common/relpath.c`,
//! `parse_filename_for_nontemp_relation` in `src/backend/storage/file/reinit.c`).
//!
//! ```text
//! 16384            main fork, segment 0        t3_16384          main fork of a temporary relation of backend 3
//! 16384.2          main fork, segment 2        16384_init        what an unlogged relation becomes after a crash
//! 16384_fsm.1      free space map, segment 1   16384_vm          visibility map
//! ```

use std::fmt;

/// One of the files of which a relation is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationFile {
    /// `pg_class.relfilenode`, or what the map of mapped catalogs says.
    pub relation: u32,
    /// Which of the relation's forks.
    pub fork: Fork,
    /// Number of the segment, from 0.
    pub segment: u32,
    /// Whether it belongs to one session alone; such files are worth nothing after it.
    pub temporary: bool,
}

/// A relation's forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fork {
    /// The data.
    Main,
    /// Free space map.
    FreeSpaceMap,
    /// Visibility map.
    VisibilityMap,
    /// The empty relation that an unlogged one starts from after a crash.
    Init,
}

impl RelationFile {
    /// Reads a file's name; `None` when no relation's file is called so.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(name).ok()?;
        let (text, temporary) = match text.strip_prefix('t') {
            Some(rest) => {
                let (backend, rest) = rest.split_once('_')?;
                number(backend)?;
                (rest, true)
            }
            None => (text, false),
        };
        let (text, segment) = match text.split_once('.') {
            // The first segment has no number in its name.
            Some((text, segment)) => (text, number(segment).filter(|segment| *segment > 0)?),
            None => (text, 0),
        };
        let (text, fork) = match text.split_once('_') {
            Some((text, "fsm")) => (text, Fork::FreeSpaceMap),
            Some((text, "vm")) => (text, Fork::VisibilityMap),
            Some((text, "init")) => (text, Fork::Init),
            Some(_) => return None,
            None => (text, Fork::Main),
        };
        let relation = number(text).filter(|relation| *relation > 0)?;
        Some(Self { relation, fork, segment, temporary })
    }

    /// The number of the file's first block among all blocks of the fork; checksums are mixed with it.
    pub fn first_block(self, segment_blocks: u32) -> u32 {
        self.segment.wrapping_mul(segment_blocks)
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::FreeSpaceMap => "fsm",
            Self::VisibilityMap => "vm",
            Self::Init => "init",
        })
    }
}

/// Whether `folder`, a path in the data directory or below a tablespace's link, is one in which relations lie:
/// `global`, `base/<database>`, `pg_tblspc/<oid>/<version>/<database>`.
pub fn holds_relations(folder: &[u8]) -> bool {
    let all_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let parts: Vec<&[u8]> = folder.split(|byte| *byte == b'/').collect();
    match parts.as_slice() {
        [b"global"] => true,
        [b"base", database] => all_digits(database),
        [b"pg_tblspc", oid, version, database] => {
            all_digits(oid) && version.starts_with(b"PG_") && all_digits(database)
        }
        _ => false,
    }
}

/// Plain decimal digits without a leading zero, as the server prints an unsigned 32-bit number.
fn number(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    if plain && canonical { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, relation: u32, fork: Fork, segment: u32, temporary: bool) {
        let expect = RelationFile { relation, fork, segment, temporary };
        assert_eq!(RelationFile::parse(name.as_bytes()), Some(expect), "{name}");
    }

    #[test]
    fn forks_segments_and_temporary_relations_are_told_by_name() {
        check("16384", 16384, Fork::Main, 0, false);
        check("16384.2", 16384, Fork::Main, 2, false);
        check("16384_fsm", 16384, Fork::FreeSpaceMap, 0, false);
        check("16384_fsm.1", 16384, Fork::FreeSpaceMap, 1, false);
        check("16384_vm", 16384, Fork::VisibilityMap, 0, false);
        check("16384_init", 16384, Fork::Init, 0, false);
        check("4294967295.4095", u32::MAX, Fork::Main, 4095, false);
        check("t3_16384", 16384, Fork::Main, 0, true);
        check("t12_16384_vm.1", 16384, Fork::VisibilityMap, 1, true);
    }

    #[test]
    fn other_names_are_no_relation() {
        for name in [
            "",
            "PG_VERSION",
            "pg_control",
            "pg_filenode.map",
            "pg_internal.init",
            "0",
            "016384",
            "16384.0",
            "16384.",
            "16384.01",
            "16384_",
            "16384_foo",
            "16384_init_init",
            "t_16384",
            "t3",
            "tx_16384",
            "4294967296",
            "16384.1.2",
            "-1",
            "16384 ",
            "16384_vm_fsm",
        ] {
            assert_eq!(RelationFile::parse(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(RelationFile::parse(b"16384\xFF"), None);
    }

    #[test]
    fn blocks_count_on_over_segments() {
        let file = RelationFile::parse(b"16384.3").expect("a relation's file");
        assert_eq!(file.first_block(131_072), 393_216);
    }

    #[test]
    fn relations_lie_in_known_folders_only() {
        for folder in ["global", "base/5", "pg_tblspc/16400/PG_15_202209061/16384"] {
            assert!(holds_relations(folder.as_bytes()), "{folder}");
        }
        for folder in
            ["", "base", "pg_xact", "base/5/x", "base/pgsql_tmp", "pg_tblspc/16400", "log", "global/5"]
        {
            assert!(!holds_relations(folder.as_bytes()), "{folder}");
        }
    }
}
