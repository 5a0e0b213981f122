//! Every key of the configuration is explained to those who operate the service.

use crate::tree::numbered;
use crate::{Finding, Tree};

const TABLE: &str = "crates/service/src/config.rs";
const GUIDE: &str = "docs/operating.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(table) = tree.text(TABLE) else { return Vec::new() };
    let guide = tree.text(GUIDE).unwrap_or_default();
    let keys = keys(table);
    if keys.is_empty() {
        return vec![Finding::of(TABLE, "the list of keys is not where this check looks for it")];
    }
    keys.into_iter()
        .filter(|(_, key)| !guide.contains(&format!("`{key}`")))
        .map(|(line, key)| Finding::at(TABLE, line, format!("`{key}` is not explained in {GUIDE}")))
        .collect()
}

/// The first text of each line of `Config::KEYS`.
fn keys(table: &str) -> Vec<(usize, &str)> {
    let inside = numbered(table).skip_while(|(_, line)| !line.contains("pub const KEYS")).skip(1);
    let inside = inside.take_while(|(_, line)| line.trim() != "];");
    inside
        .filter_map(|(number, line)| Some((number, line.trim().strip_prefix("(\"")?.split_once('"')?.0)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "impl Config {\n    pub const KEYS: &'static [(&'static str, &'static str)] = &[\n        \
                        (\"listen\", \"address\"),\n        (\"region\", \"a name\"),\n    ];\n    (\"other\", 1)\n";

    #[test]
    fn a_key_that_is_not_explained_is_found() {
        let found = check(&Tree::of(&[(TABLE, KEYS), (GUIDE, "| `listen` | address |")]));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("{TABLE}:4: `region` is not explained in {GUIDE}")]);
        assert!(check(&Tree::of(&[(TABLE, KEYS), (GUIDE, "`listen` `region`")])).is_empty());
    }

    #[test]
    fn a_list_that_moved_is_found() {
        assert_eq!(check(&Tree::of(&[(TABLE, "struct Config;\n")])).len(), 1);
    }
}
