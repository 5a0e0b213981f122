//! Versions and lints stand once, in the workspace; a crate's manifest refers to them.

use crate::tree::numbered;
use crate::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let manifests =
        tree.texts().filter(|(path, _)| path.starts_with("crates/") && path.ends_with("/Cargo.toml"));
    manifests.flat_map(|(path, text)| check_one(path, text)).collect()
}

fn check_one(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.contains("[lints]\nworkspace = true\n") {
        findings.push(Finding::of(path, "the lints of the workspace are not taken over"));
    }
    let mut section = "";
    for (line, text) in numbered(text) {
        if text.starts_with('[') {
            section = text;
        } else if section.ends_with("dependencies]")
            && text.contains('=')
            && !text.trim_start().starts_with('#')
        {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            if !name.trim().ends_with(".workspace") && !value.contains("workspace = true") {
                let problem = format!("the version of {} belongs in the workspace", name.trim());
                findings.push(Finding::at(path, line, problem));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    #[track_caller]
    fn check_manifest(text: &str, expect: &[&str]) {
        let tree = Tree::of(&[("crates/a/Cargo.toml", text)]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn references_to_the_workspace_pass() {
        let text = "[dependencies]\n# why\nserde.workspace = true\n\
                    a = { workspace = true, features = [\"testing\"] }\n";
        check_manifest(&format!("[package]\nname = \"a\"\n{LINTS}{text}"), &[]);
    }

    #[test]
    fn a_version_of_its_own_is_found() {
        check_manifest(
            &format!("{LINTS}[dev-dependencies]\nserde = \"1\"\n"),
            &["crates/a/Cargo.toml:4: the version of serde belongs in the workspace"],
        );
    }

    #[test]
    fn missing_lints_are_found() {
        check_manifest(
            "[package]\n",
            &["crates/a/Cargo.toml: the lints of the workspace are not taken over"],
        );
    }
}
