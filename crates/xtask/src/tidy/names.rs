//! File names that say nothing attract everything.

use crate::{Finding, Tree};

/// Names of source files and crates that name no concept.
const EMPTY: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "mod", "shared", "stuff", "types", "util", "utils"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter_map(|(path, _)| path.strip_suffix(".rs").map(|stem| (path, stem)))
        .filter(|(_, stem)| stem.split('/').any(|name| EMPTY.contains(&name)))
        .map(|(path, _)| Finding::of(path, "name the file for the one concept in it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawer_is_found_and_a_concept_is_not() {
        let tree = Tree::of(&[
            ("crates/a/src/utils.rs", ""),
            ("crates/a/src/pack/mod.rs", ""),
            ("crates/common/src/lib.rs", ""),
            ("crates/a/src/model.rs", ""),
            ("docs/types.md", ""),
        ]);
        assert_eq!(check(&tree).len(), 3);
    }
}
