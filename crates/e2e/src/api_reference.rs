//! The API as its reference page promises it: operations, the fields of their answers, and the fields never sent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// One operation.
#[derive(Debug, Clone, Default)]
pub struct Operation {
    /// Whether the RDS API does not have it.
    pub extension: bool,
    /// Every field of the answer with its type; `[]` follows a list's name. Without `RequestId`.
    pub fields: BTreeMap<String, String>,
    /// Fields of the RDS API that no answer has.
    pub never_sent: Vec<String>,
    /// The codes of its own errors.
    pub errors: Vec<String>,
}

impl Operation {
    /// Whether the page speaks of that field, or of one that holds it.
    pub fn tells_of(&self, path: &str) -> bool {
        let within = |told: &String| {
            path.strip_prefix(told.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
        };
        path == "RequestId" || self.fields.contains_key(path) || self.never_sent.iter().any(within)
    }
}

/// Reads the page, which the program's own registry writes.
///
/// # Errors
/// It is not there, or no such page.
pub fn api_reference() -> Result<BTreeMap<String, Operation>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the workspace")?;
    let candidates = ["docs/api.md"].map(|name| repository.join(name));
    let page = candidates.into_iter().find(|path| path.exists()).context("find the API's reference")?;
    let text = fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
    let mut operations = BTreeMap::new();
    for section in text.split("\n## ").skip(1) {
        let name = section.lines().next().unwrap_or_default().trim();
        // Sections about something else have no call.
        if section.contains(&format!("backstop api {name}")) {
            let extension = text.contains(&format!("| [{name}](#{}) |", name.to_lowercase()))
                && text
                    .lines()
                    .any(|line| line.starts_with(&format!("| [{name}](")) && line.contains("extension"));
            operations.insert(name.to_owned(), Operation { extension, ..parse(section) });
        }
    }
    ensure!(!operations.is_empty(), "{} has no operations", page.display());
    Ok(operations)
}

fn parse(section: &str) -> Operation {
    let mut operation = Operation::default();
    let mut table = "";
    for line in section.lines() {
        if let Some(codes) = line.strip_prefix("Errors of its own: ") {
            let codes = codes.trim_end_matches('.').split(", ");
            operation.errors.extend(codes.map(|code| code.trim_matches('`').to_owned()));
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if !line.starts_with('|') {
            table = "";
        } else if table.is_empty() {
            table = cells[0];
        } else if line.starts_with("| ---") {
        } else if table == "Answer" {
            let is_list = cells[1].starts_with("Array");
            let name = format!("{}{}", cells[0].trim_matches('`'), if is_list { "[]" } else { "" });
            operation.fields.insert(name, cells[1].to_owned());
        } else if table == "Never sent" {
            operation.never_sent.extend(cells[0].split(", ").map(|name| name.trim_matches('`').to_owned()));
        }
    }
    operation
}
