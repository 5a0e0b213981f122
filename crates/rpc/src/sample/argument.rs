//! The values of an example, as the SDKs' models want them.

use crate::{ActionSpec, ParameterKind};

/// What a model gets for one parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Text(&'static str),
    Number(i64),
    Boolean(bool),
    /// `Name.1`, `Name.2` and so on.
    Texts(Vec<&'static str>),
    /// `Name.1.Field` and so on: the fields of each object.
    Objects(Vec<Vec<(&'static str, &'static str)>>),
}

/// Numbers of the API that the SDKs declare as texts: operation and parameter. There is no rule in them. Plain
/// Python and JavaScript take either, type checkers do not. Only what an example has matters here.
const DECLARED_AS_TEXT: [(&str, &str); 5] = [
    ("CloneDBInstance", "BackupId"),
    ("DescribeBackupDatabase", "BackupId"),
    ("ModifyBackupPolicy", "BackupRetentionPeriod"),
    ("RecoveryDBInstance", "BackupId"),
    ("RestoreTable", "BackupId"),
];

/// The example's parameters in its order, those that are numbered as one list at the place of their first.
pub(super) fn arguments(action: &ActionSpec) -> Vec<(&'static str, Argument)> {
    let mut arguments: Vec<(&'static str, Argument)> = Vec::new();
    let mut last_object = "";
    for (name, value) in action.example.parameters {
        let (name, rest) = name.split_once('.').unwrap_or((name, ""));
        let known = arguments.iter_mut().find(|(known, _)| *known == name).map(|(_, argument)| argument);
        match (known, action.parameter(name).map(|parameter| parameter.kind)) {
            (Some(Argument::Texts(texts)), _) => texts.push(value),
            (Some(Argument::Objects(objects)), _) => {
                let (number, field) = rest.split_once('.').unwrap_or((rest, ""));
                if number != last_object {
                    objects.push(Vec::new());
                }
                last_object = number;
                objects.last_mut().expect("a list of objects has one").push((field, value));
            }
            (_, Some(ParameterKind::NumberedTexts { .. })) => {
                arguments.push((name, Argument::Texts(vec![value])));
            }
            (_, Some(ParameterKind::NumberedObjects { .. })) => {
                let (number, field) = rest.split_once('.').unwrap_or((rest, ""));
                last_object = number;
                arguments.push((name, Argument::Objects(vec![vec![(field, value)]])));
            }
            (_, kind) => arguments.push((name, single(action.name, name, kind, value))),
        }
    }
    arguments
}

fn single(action: &str, name: &str, kind: Option<ParameterKind>, value: &'static str) -> Argument {
    match kind {
        Some(ParameterKind::Boolean) => Argument::Boolean(value.eq_ignore_ascii_case("true")),
        Some(ParameterKind::Integer { .. }) if !DECLARED_AS_TEXT.contains(&(action, name)) => {
            value.parse().map_or(Argument::Text(value), Argument::Number)
        }
        Some(
            ParameterKind::Integer { .. }
            | ParameterKind::Text { .. }
            | ParameterKind::AsciiText { .. }
            | ParameterKind::NewInstanceId
            | ParameterKind::Time
            | ParameterKind::Choice { .. }
            | ParameterKind::IntegerList { .. }
            | ParameterKind::NumberedTexts { .. }
            | ParameterKind::NumberedObjects { .. }
            | ParameterKind::HourWindow
            | ParameterKind::Weekdays { .. },
        )
        | None => Argument::Text(value),
    }
}
