//! The reference of the API, from the action registry.

use std::fmt::Write;

use rpc::{
    ACTIONS, API_VERSION, ActionSpec, AnswerContext, ErrorCode, FieldSpec, Format, HIDDEN_PARAMETERS,
    ParameterKind, ParameterSpec, RequestId, SampleLanguage, Shape, render_sample, render_success,
};
use serde_json::Value;

use super::cell;

pub(super) fn render() -> String {
    let mut page = format!(
        "# API reference\n\n<!-- Generated from crates/rpc by `make generate`. -->\n\n\
         The operations of version {API_VERSION} that this service answers. They are called at `/` by GET or POST, \
         with parameters in the query, the form body or headers, signed by V1 or V3; `Format` or the `Accept` header \
         choose JSON or XML. Every answer ends with `RequestId`. Errors: [error codes](reference/error-codes.md).\n\n\
         | Operation | Role | |\n| --- | --- | --- |\n"
    );
    for action in ACTIONS {
        let anchor = action.name.to_lowercase();
        let kind = if action.extension { "extension of ours" } else { "" };
        line(&mut page, &format!("| [{}](#{anchor}) | {} | {kind} |", action.name, action.role.as_str()));
    }
    line(&mut page, "");
    let hidden: Vec<String> = HIDDEN_PARAMETERS.iter().map(|name| format!("`{name}`")).collect();
    line(&mut page, &format!("Accepted everywhere and not acted upon: {}.", hidden.join(", ")));
    render_refused(&mut page);
    render_without_effect(&mut page);
    for action in ACTIONS {
        render_action(&mut page, action);
    }
    page
}

/// What the API has and this service refuses, once the parameters are right.
fn render_refused(page: &mut String) {
    let refuses = |action: &&&ActionSpec| action.errors.contains(&ErrorCode::OperationDeniedNotSupported);
    let names = ACTIONS.iter().filter(refuses).map(|action| {
        let anchor = action.name.to_lowercase();
        let only = if action.name == "CreateBackup" { " of method Logical or Snapshot" } else { "" };
        format!("[{}](#{anchor}){only}", action.name)
    });
    let names: Vec<String> = names.collect();
    let code = ErrorCode::OperationDeniedNotSupported.spec().code;
    line(page, &format!("\nAnswered with `{code}` once their parameters are right: {}.", names.join(", ")));
}

/// Every parameter that is checked and answered and changes nothing.
fn render_without_effect(page: &mut String) {
    line(page, "\n| Without effect | In | Why |\n| --- | --- | --- |");
    for action in ACTIONS {
        for parameter in action.parameters {
            if let Some(why) = parameter.without_effect {
                line(page, &format!("| {} | {} | {} |", parameter.name, action.name, cell(why)));
            }
        }
    }
}

fn render_action(page: &mut String, action: &ActionSpec) {
    line(page, &format!("\n## {}\n\n{}", action.name, action.doc));
    let shown: Vec<&ParameterSpec> = action.parameters.iter().filter(|parameter| !parameter.hidden).collect();
    if !shown.is_empty() {
        line(page, "\n| Parameter | Type | Required | Meaning |\n| --- | --- | --- | --- |");
        for parameter in shown {
            line(page, &parameter_row(parameter));
        }
    }
    if !action.response.is_empty() {
        line(page, "\n| Answer | Type | Meaning |\n| --- | --- | --- |");
        render_fields(page, action.response, "");
    }
    if !action.never_sent.is_empty() {
        line(page, "\n| Never sent | Why |\n| --- | --- |");
        for row in action.never_sent {
            let separator = if row.within.is_empty() { "" } else { "." };
            let names = row.fields.iter().map(|field| format!("`{}{separator}{field}`", row.within));
            let names: Vec<String> = names.collect();
            line(page, &format!("| {} | {} |", names.join(", "), cell(row.why)));
        }
    }
    if !action.errors.is_empty() {
        let codes: Vec<String> = action.errors.iter().map(|code| format!("`{}`", code.spec().code)).collect();
        line(page, &format!("\nErrors of its own: {}.", codes.join(", ")));
    }
    render_example(page, action);
}

fn parameter_row(parameter: &ParameterSpec) -> String {
    let required = if parameter.required { "yes" } else { "no" };
    let mut meaning = parameter.doc.to_owned();
    if let Some(limit) = limit(parameter.kind) {
        let _ = write!(meaning, " {limit}.");
    }
    if let Some(default) = parameter.default {
        let _ = write!(meaning, " Default: `{default}`.");
    }
    if let Some(why) = parameter.without_effect {
        let _ = write!(meaning, " **Without effect:** {why}");
    }
    if parameter.secret {
        meaning.push_str(" Send it in the form body.");
    }
    if !parameter.example.is_empty() {
        let _ = write!(meaning, " Example: `{}`.", parameter.example);
    }
    let kind = parameter.kind.type_name();
    format!("| {} | {kind} | {required} | {} |", parameter.name, cell(&meaning))
}

/// What the type's name does not say.
fn limit(kind: ParameterKind) -> Option<String> {
    match kind {
        ParameterKind::Choice { values, .. } => Some(format!("One of `{}`", values.join("`, `"))),
        ParameterKind::Integer { min, max, also } => {
            let mut words = vec![format!("{min} to {max}")];
            words.extend(also.iter().map(ToString::to_string));
            Some(words.join(", or "))
        }
        ParameterKind::IntegerList { count_max, .. } => Some(format!("Comma-separated, at most {count_max}")),
        ParameterKind::NumberedTexts { count_max, .. } | ParameterKind::NumberedObjects { count_max, .. } => {
            Some(format!("At most {count_max}"))
        }
        ParameterKind::Text { characters_max } | ParameterKind::AsciiText { characters_max } => {
            Some(format!("At most {characters_max} characters"))
        }
        ParameterKind::Weekdays { count_min } => Some(format!("Comma-separated, at least {count_min}")),
        ParameterKind::HourWindow => Some("One hour, UTC".to_owned()),
        ParameterKind::NewInstanceId | ParameterKind::Boolean | ParameterKind::Time => None,
    }
}

/// Answers nest three deep: the list's wrapper, the list, a list in its items.
fn render_fields(page: &mut String, fields: &[FieldSpec], prefix: &str) {
    for field in fields {
        let name = format!("{prefix}{}", field.name);
        let (kind, inner, separator) = match field.shape {
            Shape::Text => ("String", None, ""),
            Shape::Number => ("Number", None, ""),
            Shape::Boolean => ("Boolean", None, ""),
            Shape::TextList => ("Array of String", None, ""),
            Shape::NumberList => ("Array of Number", None, ""),
            Shape::Object(inner) => ("Object", Some(inner), "."),
            Shape::List(inner) => ("Array", Some(inner), "[]."),
        };
        line(page, &format!("| {name} | {kind} | {} |", cell(field.doc)));
        if let Some(inner) = inner {
            render_fields(page, inner, &format!("{name}{separator}"));
        }
    }
}

fn render_example(page: &mut String, action: &ActionSpec) {
    let command = render_sample(action, SampleLanguage::CommandLine);
    let anchor = action.name.to_lowercase();
    line(page, &format!("\n```sh\n{command}```\n\nThe same in [Python and Node](samples.md#{anchor})."));
    // The registry's own tests prove that its examples are JSON.
    let example: Value = serde_json::from_str(action.example.response).unwrap_or(Value::Null);
    if let Ok(text) = serde_json::to_string_pretty(&example) {
        line(page, &format!("\n```json\n{text}\n```"));
    }
    let context = AnswerContext {
        request_id: RequestId::from_random(*b"an example's id!"),
        format: Format::Xml,
        host_id: "",
        public_url: "",
    };
    line(page, &format!("\n```xml\n{}\n```", render_success(action, &example, &context).body));
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}
