//! `ARCHITECTURE.md` has a heading for every crate, and none for a crate that is gone.

use crate::tree::numbered;
use crate::{Finding, Tree};

use super::Crates;

const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree, crates: &Crates) -> Vec<Finding> {
    let Some(text) = tree.text(MAP) else {
        return vec![Finding::of(MAP, "there is no map of the code")];
    };
    let headings: Vec<(usize, &str)> =
        numbered(text).filter_map(|(line, text)| Some((line, heading(text)?))).collect();
    let missing = crates.names().filter(|name| !headings.iter().any(|(_, heading)| heading == name));
    let missing = missing.map(|name| Finding::of(MAP, format!("no heading \"### `{name}`\" in the codemap")));
    let gone = headings.iter().filter(|(_, heading)| !crates.names().any(|name| name == *heading));
    let gone = gone.map(|(line, heading)| Finding::at(MAP, *line, format!("there is no crate {heading}")));
    missing.chain(gone).collect()
}

/// The crate that a line is the heading of.
fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("### `")?.split_once('`').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_map(map: &str, expect: &[&str]) {
        let tree = Tree::of(&[(MAP, map)]);
        let found: Vec<String> =
            check(&tree, &Crates::of(&["rpc", "engine"])).iter().map(ToString::to_string).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_whole_map_passes() {
        check_map("# Map\n### `rpc`\ntext\n### `engine`: the pipeline\n", &[]);
    }

    #[test]
    fn a_crate_that_is_only_mentioned_has_no_paragraph() {
        check_map(
            "### `rpc`\nIt knows nothing of `engine`.\n",
            &["ARCHITECTURE.md: no heading \"### `engine`\" in the codemap"],
        );
    }

    #[test]
    fn a_crate_that_is_gone_is_found() {
        check_map("### `rpc`\n### `engine`\n### `old`\n", &["ARCHITECTURE.md:3: there is no crate old"]);
    }

    #[test]
    fn without_a_map_nothing_passes() {
        assert_eq!(check(&Tree::default(), &Crates::of(&[])).len(), 1);
    }
}
