//! Text for XML that no reader can misread.

use std::borrow::Cow;

use quick_xml::escape::partial_escape;

/// Appends `text` as character data.
///
/// What XML 1.0 cannot hold, not even escaped (control characters, U+FFFE, U+FFFF), becomes U+FFFD. Line ends
/// that a reader would normalize are written as references.
pub(crate) fn push_text(out: &mut String, text: &str) {
    let legal = if text.chars().all(is_legal) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(|c| if is_legal(c) { c } else { char::REPLACEMENT_CHARACTER }).collect())
    };
    let escaped = partial_escape(legal.as_ref());
    if !escaped.contains(['\u{85}', '\u{2028}']) {
        out.push_str(&escaped);
        return;
    }
    // Readers that follow XML 1.1 take these two for line ends.
    out.push_str(&escaped.replace('\u{85}', "&#x85;").replace('\u{2028}', "&#x2028;"));
}

/// Appends `<name>text</name>`.
pub(crate) fn push_element(out: &mut String, name: &str, text: &str) {
    open(out, name);
    push_text(out, text);
    close(out, name);
}

/// Appends a start tag. `name` is one of ours.
pub(crate) fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

/// Appends an end tag. `name` is one of ours.
pub(crate) fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn is_legal(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let mut out = String::new();
        push_text(&mut out, text);
        assert_eq!(out, expect);
    }

    #[test]
    fn markup_and_illegal_characters_do_not_reach_the_document() {
        check("a<b>&c", "a&lt;b&gt;&amp;c");
        check("x\u{0}\u{1F}\u{FFFE}y\tz\n", "x\u{FFFD}\u{FFFD}\u{FFFD}y\tz\n");
        check("a\rb\u{85}", "a&#13;b&#x85;");
    }
}
