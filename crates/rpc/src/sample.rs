//! Sample code: an operation's example as a program that its reader can run as it stands.
//!
//! A sample is read from the operation's declaration alone. It finds the service and the access key in the
//! environment, where the command line finds them too, and prints the answer as JSON. The SDKs' models of the RDS API
//! give their names by a rule, so no list of names is kept here; for an extension of ours, which no SDK has a
//! model of, a sample makes the SDKs' generic call. That the names are right is proven by running each
//! sample against a service.

mod argument;
mod command_line;
mod node;
mod python;

use std::fmt::Write;

use crate::ActionSpec;
use argument::{Argument, arguments};

/// A language of sample code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleLanguage {
    /// Python with the official SDK, `alibabacloud_rds20140815`.
    Python,
    /// A module for Node with the official SDK, `@alicloud/rds20140815`.
    Node,
    /// A line for a POSIX shell with `backstop api`.
    CommandLine,
}

impl SampleLanguage {
    /// All languages, as a reader meets them.
    pub const ALL: [SampleLanguage; 3] = [Self::Python, Self::Node, Self::CommandLine];

    /// What its readers call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node",
            Self::CommandLine => "Command line",
        }
    }

    /// The word by which Markdown knows its syntax.
    pub fn syntax(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "js",
            Self::CommandLine => "sh",
        }
    }
}

/// The operation's example in a language, lines ended.
pub fn render_sample(action: &ActionSpec, language: SampleLanguage) -> String {
    match language {
        SampleLanguage::Python => python::render(action),
        SampleLanguage::Node => node::render(action),
        SampleLanguage::CommandLine => command_line::render(action),
    }
}

/// Where the service is when the environment does not say, as for the command line.
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:8086";

/// A string of Python or JavaScript, whose escapes agree as far as these go.
fn quoted(value: &str, quote: char) -> String {
    let mut text = String::from(quote);
    for character in value.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\\' => text.push_str("\\\\"),
            control if control < ' ' || control == '\u{7f}' => {
                // Writing into a String cannot fail.
                let _ = write!(text, "\\x{:02x}", u32::from(control));
            }
            other => {
                if other == quote {
                    text.push('\\');
                }
                text.push(other);
            }
        }
    }
    text.push(quote);
    text
}

/// `open`, the items one a line and `indent` deep, `close`; without items on one line.
fn block(open: &str, items: &[String], close: &str, indent: &str) -> String {
    if items.is_empty() {
        return format!("{open}{close}");
    }
    let lines: Vec<String> = items.iter().map(|item| format!("{indent}{item},\n")).collect();
    format!("{open}\n{}{close}", lines.concat())
}

/// The lines of a text after its first, `indent` deeper.
fn indented(text: &str, indent: &str) -> String {
    text.replace('\n', &format!("\n{indent}"))
}

#[cfg(test)]
mod tests;
