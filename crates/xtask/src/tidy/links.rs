//! A relative link in a document leads to a file of the repository.

use crate::tree::{has_extension, numbered};
use crate::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.texts().filter(|(path, _)| has_extension(path, "md"));
    documents.flat_map(|(path, text)| check_one(tree, path, text)).collect()
}

fn check_one(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let links = numbered(text).flat_map(|(line, text)| targets(text).map(move |target| (line, target)));
    links
        .filter(|(_, target)| !target.contains("://") && !target.starts_with('#'))
        .filter(|(_, target)| !resolve(path, target).is_some_and(|found| tree.has(&found)))
        .map(|(line, target)| Finding::at(path, line, format!("the link to {target} leads nowhere")))
        .collect()
}

/// What stands in `](…)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// The path from the top folder; `None` where it leaves it.
fn resolve(document: &str, target: &str) -> Option<String> {
    let target = target.split_once('#').map_or(target, |(file, _)| file);
    let mut names: Vec<&str> = document.split('/').collect();
    names.pop();
    for name in target.trim_end_matches('/').split('/') {
        match name {
            ".." => names.pop().map(drop)?,
            "." => {}
            _ => names.push(name),
        }
    }
    Some(names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let text = "[a](b.md) [c](../README.md#top) [d](how-to/) [e](#here) [f](http://x/) [g](gone.md) [h](../../x)";
        let tree =
            Tree::of(&[("README.md", ""), ("docs/a.md", text), ("docs/b.md", ""), ("docs/how-to/x.md", "")]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/a.md:1: the link to gone.md leads nowhere",
                "docs/a.md:1: the link to ../../x leads nowhere"
            ]
        );
    }
}
