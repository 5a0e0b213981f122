//! Samples for the command line.

use crate::ActionSpec;

/// A longer command has a line for each parameter.
const LINE_CHARACTERS_MAX: usize = 100;

pub(super) fn render(action: &ActionSpec) -> String {
    let command = format!("backstop api {}", action.name);
    let words = action.example.parameters.iter().map(|(name, value)| format!("--{name} {}", quoted(value)));
    let words: Vec<String> = [command].into_iter().chain(words).collect();
    let line = words.join(" ");
    if line.chars().count() <= LINE_CHARACTERS_MAX {
        return format!("{line}\n");
    }
    format!("{}\n", words.join(" \\\n    "))
}

/// One word of a POSIX shell.
pub(super) fn quoted(value: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.:/,@".contains(character);
    if !value.is_empty() && value.chars().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}
