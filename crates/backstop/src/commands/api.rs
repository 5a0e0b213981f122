//! `backstop api`: one signed call, its answer printed as received.

use std::io::{Write, stdout};

use crate::client::Client;
use crate::command_line::{Api, Everywhere};
use crate::failure::{Outcome, WrongUse};

pub(super) fn run(everywhere: &Everywhere, arguments: Api) -> anyhow::Result<Outcome> {
    let parameters = parse(arguments.parameters)?;
    let client = Client::new(everywhere)?;
    let borrowed: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let received = client.send(&arguments.action, &borrowed)?;
    let mut out = stdout().lock();
    out.write_all(&received.body)?;
    if !received.body.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(if received.status == 200 { Outcome::Done } else { Outcome::Failed })
}

/// Pairs of names and values. `--format` is ours and becomes the API's `Format`.
fn parse(words: Vec<String>) -> Result<Vec<(String, String)>, WrongUse> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(name) = word.strip_prefix("--").filter(|name| !name.is_empty()) else {
            return Err(WrongUse(format!(
                "`{word}` stands where a parameter's name is expected: --Name value"
            )));
        };
        let (name, value) = if let Some((name, value)) = name.split_once('=') {
            (name.to_owned(), value.to_owned())
        } else {
            let value = words.next();
            (name.to_owned(), value.ok_or_else(|| WrongUse(format!("parameter {name} has no value")))?)
        };
        let (name, value) = match name.as_str() {
            "format" => match value.as_str() {
                "json" | "xml" => ("Format".to_owned(), value.to_uppercase()),
                _ => return Err(WrongUse("--format is json or xml".to_owned())),
            },
            _ => (name, value),
        };
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(WrongUse(format!("parameter {name} is given twice")));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expect: Result<&[(&str, &str)], &str>) {
        let parsed = parse(words.iter().map(|word| (*word).to_owned()).collect());
        let pairs = parsed
            .as_ref()
            .map(|pairs| pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>());
        assert_eq!(pairs.as_deref().map_err(|error| error.0.as_str()), expect);
    }

    #[test]
    fn parameters_are_read_in_both_spellings() {
        check(
            &["--DBInstanceId", "orders", "--BackupJobId=5", "--format", "xml", "--Note", "--x"],
            Ok(&[("DBInstanceId", "orders"), ("BackupJobId", "5"), ("Format", "XML"), ("Note", "--x")]),
        );
        check(&[], Ok(&[]));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        check(&["--A"], Err("parameter A has no value"));
        check(&["A", "b"], Err("`A` stands where a parameter's name is expected: --Name value"));
        check(&["--A", "1", "--A=2"], Err("parameter A is given twice"));
        check(&["--format", "yaml"], Err("--format is json or xml"));
    }
}
