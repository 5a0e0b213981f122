//! Parameters that are answered as they were set, in the JSON types of the answer.

use rpc::{Arguments, ParameterKind};
use serde_json::{Map, Value, json};

/// How a parameter is read and answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Echo {
    /// Text, as text.
    Text,
    /// A whole number, as a number.
    Number,
    /// A whole number, as text.
    NumberAsText,
    /// A boolean.
    Boolean,
    /// The number 1 or 0, as a boolean under this name.
    Switch(&'static str),
    /// Objects, as a list of this name.
    Rows(&'static str),
}

/// Those that count in mode DataBackupPolicy.
pub(super) const OF_DATA: [(&str, Echo); 12] = [
    ("CompressType", Echo::Text),
    ("BackupPriority", Echo::Number),
    ("LogBackupFrequency", Echo::Text),
    ("Category", Echo::Text),
    ("BackupInterval", Echo::Text),
    ("EnablePitrProtection", Echo::Boolean),
    ("ArchiveBackupKeepCount", Echo::NumberAsText),
    ("ArchiveBackupKeepPolicy", Echo::Text),
    ("ArchiveBackupRetentionPeriod", Echo::NumberAsText),
    ("EnableAdvancedBackupPolicy", Echo::Switch("AdvancedBackupPolicyEnabled")),
    ("AdvancedDataPolicies", Echo::Rows("AdvancedDataPolicy")),
    ("AdvancedLogPolicies", Echo::Rows("AdvancedLogPolicy")),
];

/// Those that count in mode LogBackupPolicy.
pub(super) const OF_LOG: [(&str, Echo); 4] = [
    ("HighSpaceUsageProtection", Echo::Text),
    ("LocalLogRetentionHours", Echo::Number),
    ("LocalLogRetentionSpace", Echo::NumberAsText),
    ("LogBackupLocalRetentionNumber", Echo::Number),
];

/// Takes over what was sent.
pub(super) fn take_over(arguments: &Arguments, echoes: &[(&str, Echo)], echoed: &mut Value) {
    if !echoed.is_object() {
        *echoed = Value::Object(Map::new());
    }
    for (name, echo) in echoes.iter().filter(|(name, _)| arguments.is_sent(name)) {
        let (field, value) = match echo {
            Echo::Text => (*name, json!(arguments.text(name))),
            Echo::Number => (*name, json!(arguments.integer(name))),
            Echo::NumberAsText => (*name, json!(arguments.integer(name).map(|number| number.to_string()))),
            Echo::Boolean => (*name, json!(arguments.boolean(name))),
            Echo::Switch(field) => (*field, json!(arguments.integer(name) == Some(1))),
            Echo::Rows(inner) => (*name, rows(arguments, name, inner)),
        };
        echoed[field] = value;
    }
}

fn rows(arguments: &Arguments, name: &str, inner: &str) -> Value {
    let kind = arguments.action().parameter(name).map(|parameter| parameter.kind);
    let Some(ParameterKind::NumberedObjects { fields, .. }) = kind else { return Value::Null };
    let typed = |name: &str, text: &str| match fields.iter().find(|field| field.name == name).map(|f| f.kind)
    {
        Some(ParameterKind::Integer { .. }) => json!(text.parse::<i64>().ok()),
        Some(ParameterKind::Boolean) => json!(text.eq_ignore_ascii_case("true")),
        _ => json!(text),
    };
    let objects = arguments.objects(name).iter();
    let rows = objects.map(|object| {
        object.iter().map(|(name, text)| ((*name).to_owned(), typed(name, text))).collect::<Map<_, _>>()
    });
    let rows: Vec<_> = rows.collect();
    json!({ inner: rows })
}
