//! Quoting of names and texts in commands, as libpq's `PQescapeIdentifier` and `PQescapeLiteral` do it.
//!
//! Right with `standard_conforming_strings` on and off: a literal with a backslash is written as `E'…'` with the
//! backslash doubled, which means the same under both. The client's encoding is UTF-8 unless the options say otherwise,
//! so no multi-byte character can hide a quote.

use crate::Error;
use crate::error::excerpt;

/// A name in double quotes, as SQL and the replication commands take it.
///
/// # Errors
/// A zero byte, or an empty name → [`Error::Unquotable`].
pub fn quote_identifier(name: &str) -> Result<String, Error> {
    if name.is_empty() || name.contains('\0') {
        return Err(Error::Unquotable { text: excerpt(name), role: "a name" });
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A text in single quotes, as SQL takes it.
///
/// # Errors
/// A zero byte → [`Error::Unquotable`].
pub fn quote_literal(text: &str) -> Result<String, Error> {
    if text.contains('\0') {
        return Err(Error::Unquotable { text: excerpt(text), role: "a text" });
    }
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        // The space keeps the E apart from a word before it.
        return Ok(format!(" E'{}'", quoted.replace('\\', "\\\\")));
    }
    Ok(format!("'{quoted}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_doubled() {
        assert_eq!(quote_identifier(r#"a"b"#).expect("quotable"), r#""a""b""#);
        assert_eq!(quote_literal("it's").expect("quotable"), "'it''s'");
        assert_eq!(quote_literal(r"\' OR 1").expect("quotable"), r" E'\\'' OR 1'");
        assert_eq!(quote_literal("").expect("quotable"), "''");
    }

    #[test]
    fn what_cannot_be_quoted_is_refused() {
        assert!(matches!(quote_identifier(""), Err(Error::Unquotable { .. })));
        assert!(matches!(quote_identifier("a\0b"), Err(Error::Unquotable { .. })));
        assert!(matches!(quote_literal("a\0b"), Err(Error::Unquotable { .. })));
    }
}
