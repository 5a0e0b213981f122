//! A crate may depend on the crates that this table gives it, and on no other of ours.
//!
//! `testkit` may be a dev-dependency of any crate and a dependency of none that is shipped.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Finding;

/// Each crate and the crates of ours that it may depend on. A new crate or arrow needs a decision note.
const ARROWS: &[(&str, &[&str])] = &[
    ("blobstore", &[]),
    ("pgwal", &[]),
    ("rpc", &[]),
    ("repository", &["blobstore"]),
    ("catalog", &["repository"]),
    ("engine", &["repository", "blobstore"]),
    ("pgwire", &["pgwal"]),
    ("engine-postgres", &["engine", "repository", "blobstore", "pgwire", "pgwal"]),
    (
        "service",
        &["rpc", "catalog", "engine-postgres", "engine", "repository", "blobstore", "pgwire", "pgwal"],
    ),
    ("backstop", &["service", "rpc", "engine-postgres", "engine", "repository", "blobstore"]),
    // Never shipped.
    ("testkit", &[]),
    ("e2e", &["testkit"]),
    (
        "bench",
        &["testkit", "service", "rpc", "catalog", "engine-postgres", "engine", "repository", "blobstore"],
    ),
    ("xtask", &["rpc"]),
];

/// What a crate may use in its tests beyond what it may depend on.
const IN_TESTS: &[&str] = &["testkit"];

/// The workspace's crates and the arrows between them.
#[derive(Debug)]
pub(crate) struct Crates {
    crates: Vec<Crate>,
}

#[derive(Debug)]
struct Crate {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    in_tests: bool,
}

impl Crates {
    /// Asks cargo, without a look at the network.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut metadata = Command::new(cargo);
        metadata.args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"]);
        let output = metadata.current_dir(root).output().context("run cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        Self::parse(&serde_json::from_slice(&output.stdout).context("parse cargo metadata")?)
    }

    fn parse(metadata: &Value) -> Result<Self> {
        let packages = metadata["packages"].as_array().context("find the packages in cargo metadata")?;
        Ok(Self { crates: packages.iter().map(Crate::parse).collect::<Result<_>>()? })
    }

    /// The crates' names, which are their folders'.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.crates.iter().map(|each| each.name.as_str())
    }

    /// Crates of a test's own making; `name:a,b` depends on a and b, `name:a,+b` on b in tests only.
    #[cfg(test)]
    pub(crate) fn of(crates: &[&str]) -> Self {
        let dependency = |word: &str| Dependency {
            name: word.trim_start_matches('+').to_owned(),
            in_tests: word.starts_with('+'),
        };
        let parse = |text: &&str| {
            let (name, words) = text.split_once(':').unwrap_or((text, ""));
            let words = words.split(',').filter(|word| !word.is_empty());
            Crate { name: name.to_owned(), dependencies: words.map(dependency).collect() }
        };
        Self { crates: crates.iter().map(parse).collect() }
    }
}

impl Crate {
    fn parse(package: &Value) -> Result<Self> {
        let name = package["name"].as_str().context("find a package's name")?.to_owned();
        let dependencies = package["dependencies"].as_array().context("find a package's dependencies")?;
        let ours = dependencies.iter().filter(|dependency| dependency["path"].is_string());
        let parse = |dependency: &Value| {
            let name = dependency["name"].as_str().context("find a dependency's name")?.to_owned();
            Ok(Dependency { name, in_tests: dependency["kind"].as_str() == Some("dev") })
        };
        Ok(Self { name, dependencies: ours.map(parse).collect::<Result<_>>()? })
    }
}

pub(super) fn check(crates: &Crates) -> Vec<Finding> {
    crates.crates.iter().flat_map(check_one).collect()
}

fn check_one(each: &Crate) -> Vec<Finding> {
    let path = format!("crates/{}/Cargo.toml", each.name);
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == each.name) else {
        return vec![Finding::of(path, "this crate is not in the table of arrows (crates/xtask)")];
    };
    let is_allowed = |dependency: &Dependency| {
        let name = dependency.name.as_str();
        // Tests of a crate may turn on its own features.
        allowed.contains(&name) || dependency.in_tests && (IN_TESTS.contains(&name) || name == each.name)
    };
    let refused = each.dependencies.iter().filter(|dependency| !is_allowed(dependency));
    refused
        .map(|dependency| Finding::of(&path, format!("{} may not depend on {}", each.name, dependency.name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_crates(crates: &[&str], expect: &[&str]) {
        let found: Vec<String> = check(&Crates::of(crates)).iter().map(ToString::to_string).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn arrows_of_the_table_pass() {
        check_crates(&["repository:blobstore", "pgwire:pgwal,+testkit", "catalog:+catalog"], &[]);
    }

    #[test]
    fn an_arrow_upward_is_found() {
        check_crates(
            &["repository:blobstore,engine"],
            &["crates/repository/Cargo.toml: repository may not depend on engine"],
        );
        check_crates(&["rpc:+catalog"], &["crates/rpc/Cargo.toml: rpc may not depend on catalog"]);
    }

    #[test]
    fn a_shipped_crate_may_use_testkit_in_tests_only() {
        check_crates(&["service:testkit"], &["crates/service/Cargo.toml: service may not depend on testkit"]);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_found() {
        check_crates(
            &["common:"],
            &["crates/common/Cargo.toml: this crate is not in the table of arrows (crates/xtask)"],
        );
    }

    #[test]
    fn the_table_points_one_way() {
        for (name, allowed) in ARROWS {
            for (other, back) in ARROWS.iter().filter(|(other, _)| allowed.contains(other)) {
                assert!(!back.contains(name), "{name} and {other} point at each other");
            }
        }
    }

    #[test]
    fn only_dependencies_by_path_are_ours() {
        let metadata = serde_json::json!({"packages": [{"name": "rpc", "dependencies": [
            {"name": "serde_json", "kind": null},
            {"name": "testkit", "kind": "dev", "path": "crates/testkit"},
        ]}]});
        let crates = Crates::parse(&metadata).expect("it is whole");
        assert_eq!(crates.names().collect::<Vec<_>>(), ["rpc"]);
        assert!(check(&crates).is_empty());
    }
}
