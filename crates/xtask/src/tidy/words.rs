//! Words that do not belong in what others read: notes to oneself, leftovers of debugging, and references
//! that only their author could follow.

use crate::tree::numbered;
use crate::{Finding, Tree};

/// Words and what is wrong with them. Put together from halves, so that this file passes.
const REFUSED: &[(&str, &str)] = &[
    (concat!("FIX", "ME"), "mend it, or file an issue and refer to that"),
    (concat!("XX", "X:"), "mend it, or file an issue and refer to that"),
    (concat!("dbg", "!("), "left from debugging"),
    (concat!("#[ign", "ore"), "a test that does not run is not a test"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/tmp/pl", "an"), "a path of one machine"),
    (concat!("../sha", "red"), "a path outside the repository"),
    (concat!("DES", "IGN.md"), "a document that is not in the repository"),
    (concat!("STY", "LE.md"), "a document that is not in the repository"),
    (concat!("DES", "IGN section"), "a document that is not in the repository"),
    (concat!("STY", "LE section"), "a document that is not in the repository"),
];

const NOTE: &str = concat!("TO", "DO");

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let texts = tree.texts().filter(|(path, _)| !path.ends_with("Cargo.lock") && !path.contains("testdata/"));
    let lines = texts.flat_map(|(path, text)| numbered(text).map(move |(line, text)| (path, line, text)));
    lines
        .flat_map(|(path, line, text)| problems(text).map(move |problem| Finding::at(path, line, problem)))
        .collect()
}

fn problems(line: &str) -> impl Iterator<Item = String> {
    let refused = REFUSED.iter().filter(move |(word, _)| line.contains(word));
    let refused = refused.map(|(word, problem)| format!("{word}: {problem}"));
    let note = has_note_without_issue(line).then(|| format!("{NOTE} without the number of its issue"));
    refused.chain(note)
}

fn has_note_without_issue(line: &str) -> bool {
    let Some((before, after)) = line.split_once(NOTE) else { return false };
    let is_part_of_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if before.ends_with(is_part_of_word) || after.starts_with(is_part_of_word) {
        return false;
    }
    let number = after.split_once('#').map(|(_, number)| number);
    !number.is_some_and(|number| number.starts_with(|digit: char| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        check(&Tree::of(&[("crates/a/src/a.rs", text)])).len()
    }

    #[test]
    fn each_refused_word_is_found() {
        for (word, _) in REFUSED {
            assert_eq!(found(&format!("// a {word} b")), 1, "{word}");
        }
    }

    #[test]
    fn a_note_needs_an_issue() {
        assert_eq!(found(&format!("// {NOTE}: later")), 1);
        assert_eq!(found(&format!("// {NOTE}(#12): later")), 0);
        assert_eq!(found(&format!("const MAS{NOTE}N: u8 = 1;")), 0);
    }

    #[test]
    fn captured_files_are_left_alone() {
        let tree = Tree::of(&[("crates/a/testdata/x.txt", REFUSED[0].0)]);
        assert!(check(&tree).is_empty());
    }
}
