//! What must not be in a crate. A reader cannot see what is not there, so `ARCHITECTURE.md` says it and this
//! keeps it true.

use crate::tree::{has_extension, numbered};
use crate::{Finding, Tree};

struct Absence {
    /// Where, as the beginning of a path.
    places: &'static [&'static str],
    /// Exempt beginnings of paths.
    besides: &'static [&'static str],
    words: &'static [&'static str],
    reason: &'static str,
}

/// Comments and tests may speak of these; code may not use them.
const ABSENCES: &[Absence] = &[
    Absence {
        places: &["crates/rpc/src/", "crates/pgwal/src/", "crates/repository/src/format/"],
        besides: &[],
        words: &[
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "tokio",
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
        ],
        reason: "bytes in, values out: no I/O and no clock here",
    },
    Absence {
        places: &["crates/repository/src/", "crates/engine/src/", "crates/blobstore/src/"],
        besides: &[],
        words: &["pg_control", "backup_label", "pg_wal", "InnoDB", "PG_VERSION", "ibdata"],
        reason: "this crate knows no database",
    },
    Absence {
        places: &["crates/"],
        besides: &[
            "crates/rpc/",
            "crates/service/",
            "crates/backstop/",
            "crates/e2e/",
            "crates/bench/",
            "crates/xtask/",
        ],
        words: &["DBInstanceId", "BackupProgressStatus"],
        reason: "the API's names stay above the service",
    },
    Absence {
        places: &["crates/"],
        besides: &[
            "crates/blobstore/src/durable",
            "crates/testkit/",
            "crates/bench/",
            "crates/e2e/",
            "crates/xtask/",
        ],
        words: &["fs::rename", "fs::hard_link", "File::create(", ".sync_all()", ".sync_data()"],
        reason: "durability lives in one place: blobstore::durable",
    },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    ABSENCES.iter().flat_map(|absence| absence.check(tree)).collect()
}

impl Absence {
    fn check(&self, tree: &Tree) -> Vec<Finding> {
        let begins = |path: &str, with: &[&str]| with.iter().any(|prefix| path.starts_with(prefix));
        let is_meant = |path: &str| {
            let is_code = has_extension(path, "rs") && path.contains("/src/") && !path.ends_with("/tests.rs");
            is_code && begins(path, self.places) && !begins(path, self.besides)
        };
        let sources = tree.texts().filter(|(path, _)| is_meant(path));
        sources.flat_map(|(path, text)| self.check_source(path, text)).collect()
    }

    fn check_source(&self, path: &str, text: &str) -> Vec<Finding> {
        let code = numbered(text).take_while(|(_, line)| *line != "#[cfg(test)]");
        let code = code.filter(|(_, line)| !line.trim_start().starts_with("//"));
        code.flat_map(|(number, line)| {
            let used = self.words.iter().filter(move |word| line.contains(*word));
            used.map(move |word| Finding::at(path, number, format!("{word}: {}", self.reason)))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_in_each_place() {
        for absence in ABSENCES {
            for (place, word) in absence.places.iter().flat_map(|p| absence.words.iter().map(move |w| (p, w)))
            {
                let place = if *place == "crates/" { "crates/catalog/src/" } else { place };
                let path = format!("{place}x.rs");
                let found = absence.check(&Tree::of(&[(&path, &format!("use {word};\n"))]));
                assert_eq!(found.len(), 1, "{path}: {word}");
            }
        }
    }

    #[test]
    fn comments_tests_and_exempt_crates_pass() {
        let tree = Tree::of(&[
            ("crates/rpc/src/a.rs", "//! No std::fs here.\n#[cfg(test)]\nmod tests { use std::fs; }\n"),
            ("crates/rpc/tests/it/main.rs", "use std::fs;\n"),
            ("crates/rpc/src/b.rs", "const NAME: &str = \"DBInstanceId\";\n"),
            ("crates/blobstore/src/durable/calls.rs", "file.sync_all()?;\n"),
        ]);
        assert!(check(&tree).is_empty());
    }
}
