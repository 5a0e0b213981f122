//! Small files come from one concept per file, and from a check that fails.

use crate::tree::numbered;
use crate::{Finding, Tree};

/// Four times the median of well-kept code bases, and twice what a review asks to split.
const LINE_COUNT_MAX: usize = 800;

/// Files that are one uniform table.
const TABLES: &[&str] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.texts()
        .filter(|(path, _)| is_source(path) && !is_test(path) && !TABLES.contains(path))
        .map(|(path, text)| (path, line_count(text)))
        .filter(|(_, count)| *count > LINE_COUNT_MAX)
        .map(|(path, count)| {
            Finding::of(path, format!("{count} lines besides tests, {LINE_COUNT_MAX} at most"))
        })
        .collect()
}

fn is_source(path: &str) -> bool {
    [".rs", ".py", ".js", ".ts", ".tsx"].iter().any(|ending| path.ends_with(ending))
        || path.starts_with("scripts/")
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Lines before the test module, which stands last.
fn line_count(text: &str) -> usize {
    let tests = numbered(text).find(|(_, line)| *line == "#[cfg(test)]").map(|(line, _)| line);
    let opens_module = |line: usize| text.lines().nth(line).is_some_and(|next| next.starts_with("mod "));
    match tests {
        Some(line) if opens_module(line) => line - 1,
        Some(_) | None => text.lines().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_long_file_is_found() {
        let long = "x\n".repeat(LINE_COUNT_MAX + 1);
        assert_eq!(found("crates/a/src/long.rs", &long), 1);
        assert_eq!(found("scripts/long", &long), 1);
        assert_eq!(found("crates/a/src/long.rs", &long[2..]), 0);
        assert_eq!(found("crates/a/tests/it/long.rs", &long), 0);
        assert_eq!(found("docs/long.md", &long), 0);
    }

    #[test]
    fn tests_at_the_end_do_not_count_and_code_marked_for_tests_does() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(LINE_COUNT_MAX));
        assert_eq!(found("crates/a/src/a.rs", &tests), 0);
        let function = format!("#[cfg(test)]\nfn of() {{\n{}}}\n", "x\n".repeat(LINE_COUNT_MAX));
        assert_eq!(found("crates/a/src/a.rs", &function), 1);
    }
}
