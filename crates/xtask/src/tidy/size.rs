//! A clone stays small: what is large is made by a test, or listed here.

use crate::{Finding, Tree};

const BYTES_MAX: u64 = 256 * 1024;

/// Files of tests that may be larger.
const LARGE: &[&str] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|(path, file)| file.size_bytes > BYTES_MAX && !LARGE.contains(path))
        .map(|(path, file)| Finding::of(path, format!("{} bytes, {BYTES_MAX} at most", file.size_bytes)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_found() {
        let large = "x".repeat(256 * 1024 + 1);
        assert_eq!(check(&Tree::of(&[("a", &large), ("b", &large[1..])])).len(), 1);
    }
}
