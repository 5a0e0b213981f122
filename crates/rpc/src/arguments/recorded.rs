//! What a record of a call may hold of its parameters: no secret, and nothing long.

use serde_json::{Map, Value};

use super::{Argument, Arguments};

/// Characters of one text that are kept.
const CHARACTERS_MAX: usize = 200;
/// Values of one list that are kept.
const VALUES_MAX: usize = 100;

impl Arguments {
    /// The parameters as an object, for a record that others will read: secrets are left out, long texts and lists
    /// are cut.
    pub fn recorded(&self) -> Value {
        let shown = self.values.iter().filter(|(name, _)| {
            let spec = self.action.parameter(name);
            spec.is_some_and(|spec| !spec.secret && !spec.hidden)
        });
        let shown = shown.filter(|(name, _)| self.is_sent(name));
        let fields = shown.map(|(name, value)| ((*name).to_owned(), value.recorded()));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

impl Argument {
    fn recorded(&self) -> Value {
        match self {
            Self::Text(text) => cut(text),
            Self::Integer(number) => (*number).into(),
            Self::Boolean(yes) => (*yes).into(),
            Self::Time(time) => time.to_string().into(),
            Self::Integers(numbers) => numbers.iter().take(VALUES_MAX).copied().collect(),
            Self::Texts(texts) => texts.iter().take(VALUES_MAX).map(|text| cut(text)).collect(),
            Self::Objects(objects) => {
                let object = |fields: &std::collections::BTreeMap<&'static str, String>| {
                    let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), cut(text)));
                    Value::Object(fields.collect())
                };
                objects.iter().take(VALUES_MAX).map(object).collect()
            }
        }
    }
}

fn cut(text: &str) -> Value {
    text.chars().take(CHARACTERS_MAX).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::find_action;

    #[test]
    fn secrets_are_left_out_and_long_texts_are_cut() {
        let action = find_action("RegisterDBInstance").unwrap();
        let long = "x".repeat(CHARACTERS_MAX + 1);
        let sent = [
            ("DBInstanceId", "orders"),
            ("Engine", "PostgreSQL"),
            ("Host", "127.0.0.1"),
            ("Port", "5432"),
            ("User", "backstop"),
            ("Password", "swordfish"),
            ("DBInstanceDescription", &long),
        ];
        let get = |name: &str| sent.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let recorded = Arguments::read(action, get).unwrap().recorded();
        assert_eq!(recorded["DBInstanceId"], "orders");
        assert_eq!(recorded["Port"], json!(5432));
        assert_eq!(recorded["DBInstanceDescription"].as_str().map(str::len), Some(CHARACTERS_MAX));
        assert!(!recorded.to_string().contains("swordfish"), "{recorded}");
    }
}
