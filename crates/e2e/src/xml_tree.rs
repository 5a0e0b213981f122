//! XML answers as trees, so that they can be compared with JSON ones.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// An element: its text, and its child elements in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// The name.
    pub name: String,
    /// The text, where it has no children.
    pub text: String,
    /// The children.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document of elements and text, without attributes.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(document: &str) -> Result<Self> {
        let body =
            document.strip_prefix("<?xml version='1.0' encoding='UTF-8'?>").context("no XML declaration")?;
        let (root, rest) = element(body)?;
        ensure!(rest.is_empty(), "something follows the document: {rest:?}");
        Ok(root)
    }

    /// Whether the element's children say what a JSON object says, in whatever order its fields are.
    ///
    /// # Errors
    /// Where they differ.
    pub fn says(&self, object: &Value) -> Result<()> {
        let object = object.as_object().with_context(|| format!("{} is no object in JSON", self.name))?;
        for child in &self.children {
            ensure!(object.contains_key(&child.name), "{}.{} is only in XML", self.name, child.name);
        }
        for (name, value) in object {
            let found: Vec<&Element> = self.children.iter().filter(|child| child.name == *name).collect();
            let values = value.as_array().map_or_else(|| vec![value], |values| values.iter().collect());
            ensure!(found.len() == values.len(), "{}.{name}: {found:?} is not {value}", self.name);
            for (found, value) in found.iter().zip(values) {
                if value.is_object() {
                    found.says(value)?;
                } else {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let equal = found.children.is_empty() && found.text == text;
                    ensure!(equal, "{}.{name}: {found:?} is not {value}", self.name);
                }
            }
        }
        Ok(())
    }
}

/// The element at the beginning, and what follows it.
fn element(text: &str) -> Result<(Element, &str)> {
    let (name, mut rest) =
        text.strip_prefix('<').and_then(|rest| rest.split_once('>')).context("no element")?;
    let mut found = Element { name: name.to_owned(), ..Element::default() };
    loop {
        let (before, from) = rest.split_at(rest.find('<').context("an element without end")?);
        found.text.push_str(before);
        if let Some(after) = from.strip_prefix("</") {
            let (end, rest) = after.split_once('>').context("an end without end")?;
            ensure!(end == found.name, "{} ends as {end}", found.name);
            found.text = unescape(&found.text)?;
            return Ok((found, rest));
        }
        let (child, after) = element(from)?;
        found.children.push(child);
        rest = after;
    }
}

fn unescape(text: &str) -> Result<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';').context("an entity without end")?;
        plain.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            other => bail!("an unknown entity: {other}"),
        });
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}
