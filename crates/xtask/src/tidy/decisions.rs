//! Decision notes have a date, a status and the sections that make them worth keeping, on two pages at most.

use crate::{Finding, Tree};

const FOLDER: &str = "docs/decisions/";

const SECTIONS: &[&str] = &[
    "## Question",
    "## Decision",
    "## Rejected",
    "## Consequences",
    "## How we will know that it was wrong",
];

const STATUSES: &[&str] = &["Status: accepted", "Status: proposed", "Status: replaced by "];

/// Two pages.
const WORD_COUNT_MAX: usize = 1000;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let notes = tree.texts().filter_map(|(path, text)| Some((path, path.strip_prefix(FOLDER)?, text)));
    notes.flat_map(|(path, name, text)| check_one(path, name, text)).collect()
}

fn check_one(path: &str, name: &str, text: &str) -> Vec<Finding> {
    let mut problems = Vec::new();
    if !is_dated(name) {
        problems.push("the name is not YYYY-MM-DD-title.md".to_owned());
    }
    let mut lines = text.lines();
    if !lines.next().is_some_and(|line| line.starts_with("# ")) {
        problems.push("it does not begin with a title".to_owned());
    }
    if !text.lines().any(|line| STATUSES.iter().any(|status| line.starts_with(status))) {
        problems.push("it has no status".to_owned());
    }
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    if found != SECTIONS {
        problems.push(format!("its sections are not {}", SECTIONS.join(", ")));
    }
    let word_count = text.split_whitespace().count();
    if word_count > WORD_COUNT_MAX {
        problems.push(format!("{word_count} words, {WORD_COUNT_MAX} at most"));
    }
    problems.into_iter().map(|problem| Finding::of(path, problem)).collect()
}

fn is_dated(name: &str) -> bool {
    let Some((date, title)) = name.split_at_checked("2026-11-24-".len()) else { return false };
    let matches = |(index, byte): (usize, u8)| match index {
        4 | 7 | 10 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let is_title = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let title = title.strip_suffix(".md").unwrap_or_default();
    date.bytes().enumerate().all(matches) && !title.is_empty() && title.bytes().all(is_title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(without: &str) -> String {
        let head = "# Title\n\nStatus: accepted\n\n";
        let body: String = SECTIONS.join("\n\nText.\n\n");
        format!("{head}{body}\n").replace(without, "")
    }

    fn found(name: &str, text: &str) -> usize {
        check(&Tree::of(&[(&format!("docs/decisions/{name}"), text)])).len()
    }

    #[test]
    fn a_whole_note_passes() {
        assert_eq!(found("2026-11-24-why.md", &note("\0")), 0);
    }

    #[test]
    fn what_is_missing_is_found() {
        for part in ["# Title\n", "Status: accepted", "## Rejected\n", "## Question\n"] {
            assert_eq!(found("2026-11-24-why.md", &note(part)), 1, "{part}");
        }
    }

    #[test]
    fn a_name_without_a_date_and_a_long_note_are_found() {
        for name in ["why.md", "2026-11-24.md", "2026-11-24-Why.md", "2026-1-24-because.md", "2026-11-24-.md"]
        {
            assert_eq!(found(name, &note("\0")), 1, "{name}");
        }
        assert_eq!(
            found("2026-11-24-why.md", &format!("{}{}", note("\0"), "word ".repeat(WORD_COUNT_MAX))),
            1
        );
    }
}
