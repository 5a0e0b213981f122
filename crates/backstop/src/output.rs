//! What commands write to standard output: aligned text for people, or one JSON object.

use std::io::{self, Write};

use serde_json::Value;

use crate::command_line::OutputFormat;

/// One column of a table over API rows: its title, the API's field, and how it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) field: &'static str,
    pub(crate) show: fn(&Value) -> String,
}

impl Column {
    /// A column that shows the value as it is.
    pub(crate) const fn plain(title: &'static str, field: &'static str) -> Self {
        Self { title, field, show: plain }
    }

    /// A column of bytes, shown with a unit.
    pub(crate) const fn bytes(title: &'static str, field: &'static str) -> Self {
        Self { title, field, show: bytes }
    }
}

/// Writes a result: as JSON the whole object, as a table its rows.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn rows(
    format: OutputFormat,
    object: &Value,
    rows: &[Value],
    columns: &[Column],
) -> io::Result<()> {
    match format {
        OutputFormat::Json => json(object),
        OutputFormat::Table => {
            let header = columns.iter().map(|column| column.title.to_owned()).collect();
            let cells = |row: &Value| {
                columns.iter().map(|c| row.get(c.field).map_or_else(String::new, c.show)).collect()
            };
            text(&align(std::iter::once(header).chain(rows.iter().map(cells)).collect()))
        }
    }
}

/// Writes one object: as JSON, or a line for each field that holds something.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn object(format: OutputFormat, object: &Value) -> io::Result<()> {
    match format {
        OutputFormat::Json => json(object),
        OutputFormat::Table => {
            let mut lines = Vec::new();
            fields("", object, &mut lines);
            text(&align(lines))
        }
    }
}

/// Writes JSON as one object, indented.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn json(object: &Value) -> io::Result<()> {
    text(&format!("{object:#}\n"))
}

/// Writes a text as it is.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The fields of an object as pairs of cells; those of inner objects and lists under their path.
fn fields(path: &str, value: &Value, lines: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                fields(&path, inner, lines);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                fields(&format!("{path}.{}", number + 1), item, lines);
            }
        }
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            lines.push(vec![path.to_owned(), plain(value)]);
        }
    }
}

/// As a cell. The API wraps each list in an object of its own, `{"DBInstanceId": ["a", "b"]}`: that is a list too.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match fields.values().next() {
            Some(list @ Value::Array(_)) if fields.len() == 1 => plain(list),
            _ => value.to_string(),
        },
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn bytes(value: &Value) -> String {
    value.as_u64().map_or_else(|| plain(value), crate::quantity::bytes)
}

/// Pads all cells but each row's last to the width of their column.
fn align(rows: Vec<Vec<String>>) -> String {
    let width = |cell: &String| cell.chars().count();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|n| rows.iter().filter_map(|row| row.get(n)).map(width).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, column) in row.iter().zip(&widths) {
            line.push_str(&printable(cell));
            line.extend(std::iter::repeat_n(' ', column - width(cell) + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A cell without control characters: a name in a database must not drive the terminal.
pub(crate) fn printable(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_aligned_and_harmless() {
        let rows = vec![vec!["a".to_owned(), "b".to_owned()], vec!["ccé".to_owned(), "\u{1b}[2J".to_owned()]];
        assert_eq!(align(rows), "a    b\nccé  \u{fffd}[2J\n");
    }

    #[test]
    fn a_list_is_a_cell_of_its_items() {
        assert_eq!(plain(&json!({"DBInstanceId": ["orders", "crm"]})), "orders, crm");
        assert_eq!(plain(&json!([1, null, true])), "1, , true");
        assert_eq!(plain(&json!({"A": 1})), r#"{"A":1}"#);
    }

    #[test]
    fn an_object_becomes_a_line_a_field() {
        let mut lines = Vec::new();
        fields(
            "",
            &json!({"A": "x", "Empty": "", "None": null, "S": {"T": [{"N": 1}, {"N": 2}]}}),
            &mut lines,
        );
        let lines: Vec<String> = lines.iter().map(|line| line.join("=")).collect();
        assert_eq!(lines, ["A=x", "S.T.1.N=1", "S.T.2.N=2"]);
    }
}
