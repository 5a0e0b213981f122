//! The one function that prints an error with its causes.

use std::error::Error;

/// `error` and its causes, outermost first, joined by `: `. A cause that only repeats the line above it is
/// left out.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let line = error.to_string();
        if line != last {
            text.push_str(": ");
            text.push_str(&line);
        }
        last = line;
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("read manifest")]
    struct Outer(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Transparent(Outer);

    #[test]
    fn every_cause_is_named_once() {
        let outer = || Outer(io::Error::other("disk is gone"));
        assert_eq!(error_chain(&outer()), "read manifest: disk is gone");
        assert_eq!(error_chain(&Transparent(outer())), "read manifest: disk is gone");
    }
}
