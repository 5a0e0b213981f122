//! The sample code of the page that the program's own registry writes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The operation that it calls.
    pub operation: String,
    /// The word behind the fence: `python`, `js` or `sh`.
    pub syntax: String,
    /// The program.
    pub code: String,
}

/// Reads the page.
///
/// # Errors
/// It is not there, or has no samples.
pub fn samples() -> Result<Vec<Sample>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the workspace")?;
    let page = repository.join("docs/samples.md");
    let text = fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
    let mut samples = Vec::new();
    for section in text.split("\n## ").skip(1) {
        let operation = section.lines().next().unwrap_or_default().trim();
        // Every second piece lies between two fences.
        for block in section.split("\n```").skip(1).step_by(2) {
            let (syntax, code) = block.split_once('\n').context("a fence ends its line")?;
            let sample = Sample {
                operation: operation.to_owned(),
                syntax: syntax.to_owned(),
                code: format!("{code}\n"),
            };
            samples.push(sample);
        }
    }
    ensure!(!samples.is_empty(), "{} has no samples", page.display());
    Ok(samples)
}
