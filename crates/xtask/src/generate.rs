//! Documents that are written from code, so that they cannot say anything else.

mod api;
mod error_codes;
mod samples;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::{Finding, Tree};

/// One generated file.
struct Document {
    path: &'static str,
    text: String,
}

fn documents() -> [Document; 3] {
    [
        Document { path: "docs/api.md", text: api::render() },
        Document { path: "docs/reference/error-codes.md", text: error_codes::render() },
        Document { path: "docs/samples.md", text: samples::render() },
    ]
}

/// Writes all of them.
pub(crate) fn write(root: &Path) -> Result<()> {
    for document in documents() {
        let path = root.join(document.path);
        let folder = path.parent().context("find the document's folder")?;
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        fs::write(&path, document.text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Those that differ from what the code says.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let stale = documents().into_iter().filter(|document| tree.text(document.path) != Some(&document.text));
    stale.map(|document| Finding::of(document.path, "not what the code says: run `make generate`")).collect()
}

/// A cell of a table: a pipe would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_differs_or_is_missing_is_found() {
        let [api, codes, samples] = documents();
        let others = [(api.path, api.text.as_str()), (samples.path, &samples.text)];
        let current = Tree::of(&[&others[..], &[(codes.path, &codes.text)]].concat());
        assert!(check(&current).is_empty());
        let edited = format!("{}by hand\n", codes.text);
        let stale = Tree::of(&[&others[..], &[(codes.path, &edited)]].concat());
        assert_eq!(check(&stale).len(), 1);
        assert_eq!(check(&Tree::default()).len(), 3);
    }

    #[test]
    fn every_action_and_every_code_is_documented() {
        let [api, codes, samples] = documents();
        for action in rpc::ACTIONS {
            for page in [&api, &samples] {
                assert!(
                    page.text.contains(&format!("## {}\n", action.name)),
                    "{}: {}",
                    page.path,
                    action.name
                );
            }
        }
        for code in rpc::ErrorCode::ALL {
            let code = code.spec().code;
            assert!(codes.text.contains(&format!("### {code}\n")), "{code}");
        }
    }

    #[test]
    fn a_pipe_does_not_end_a_cell() {
        assert_eq!(cell("a|b"), "a\\|b");
    }
}
