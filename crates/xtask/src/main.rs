//! What `make check` and `make generate` run: the rules of this repository that no compiler knows, and the
//! documents that are written from code.
//!
//! A check is a function from the repository's files to findings, so each has tests that show it failing.

mod finding;
mod generate;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::finding::Finding;
use self::tree::Tree;

const USAGE: &str = "usage: xtask tidy | generate [--check]";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root()?;
    let findings = match words.as_slice() {
        ["tidy"] => tidy::check(&Tree::read(&root)?, &tidy::Crates::read(&root)?),
        ["generate", "--check"] => generate::check(&Tree::read(&root)?),
        ["generate"] => {
            generate::write(&root)?;
            Vec::new()
        }
        _ => {
            eprintln!("{USAGE}");
            return Ok(ExitCode::from(2));
        }
    };
    for finding in &findings {
        eprintln!("{finding}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The repository's top folder, wherever this is run from.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(Path::to_path_buf).context("find the repository above crates/xtask")
}
