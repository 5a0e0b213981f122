//! Answers: one value, written as JSON or XML in the order of its shape.

use serde_json::Value;

use crate::{
    ActionSpec, ApiError, FieldSpec, Request, RequestId, Shape,
    parameters::scan_for,
    percent,
    xml::{close, open, push_element},
};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One minified object.
    Json,
    /// An XML document.
    Xml,
}

impl Format {
    /// `JSON` or `XML` in any case.
    pub fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("JSON") {
            Some(Self::Json)
        } else if name.eq_ignore_ascii_case("XML") {
            Some(Self::Xml)
        } else {
            None
        }
    }

    /// The format for refusing a request that may not be readable: what it asks for as far as that can be
    /// told, else XML for V1 and JSON for V3.
    pub fn of(request: &Request<'_>) -> Self {
        if let Some(format) = scan_for(request, "Format").and_then(|name| Self::parse(&name)) {
            return format;
        }
        let v3 = request.header("authorization").is_some_and(|value| value.starts_with(b"ACS3-"))
            || request.header("x-acs-bearer-token").is_some();
        if v3 { Self::Json } else { Self::Xml }
    }

    /// The content type. Spelled so, since the Python SDK compares the whole header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::Xml => "text/xml;charset=utf-8",
        }
    }
}

/// What an answer says of the request that it answers.
#[derive(Debug, Clone, Copy)]
pub struct AnswerContext<'a> {
    /// The request's id, which is also the header `x-acs-request-id`.
    pub request_id: RequestId,
    /// How to write it.
    pub format: Format,
    /// The host that the client asked for: [`Request::host`].
    pub host_id: &'a str,
    /// The service's address as its users see it, such as `http://127.0.0.1:8086`; `Recommend` leads there.
    pub public_url: &'a str,
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

const XML_DECLARATION: &str = "<?xml version='1.0' encoding='UTF-8'?>";

/// Writes what an operation answers. `RequestId` is added; a field that is null is left out.
///
/// `response` has the operation's shape; in debug builds anything else panics, in release builds a field that
/// the shape does not know is left out.
pub fn render_success(action: &ActionSpec, response: &Value, context: &AnswerContext<'_>) -> Answer {
    debug_assert_eq!(action.check_response(response), Ok(()), "{}", action.name);
    let request_id = context.request_id.to_string();
    let mut body = String::with_capacity(512);
    match context.format {
        Format::Json => {
            body.push('{');
            let first = push_json_fields(&mut body, action.response, response);
            push_json_member(&mut body, first, "RequestId", &request_id);
            body.push('}');
        }
        Format::Xml => {
            body.push_str(XML_DECLARATION);
            let root = format!("{}Response", action.name);
            open(&mut body, &root);
            push_xml_fields(&mut body, action.response, response);
            push_element(&mut body, "RequestId", &request_id);
            close(&mut body, &root);
        }
    }
    Answer { status: 200, content_type: context.format.content_type(), body }
}

/// Writes a refusal.
pub fn render_error(error: &ApiError, context: &AnswerContext<'_>) -> Answer {
    let request_id = context.request_id.to_string();
    let recommend = format!(
        "{}/console/errors?q={}&product=Rds&requestId={request_id}",
        context.public_url.trim_end_matches('/'),
        percent::encode(error.code())
    );
    let members = [
        ("RequestId", request_id.as_str()),
        ("HostId", context.host_id),
        ("Code", error.code()),
        ("Message", error.message()),
        ("Recommend", &recommend),
    ];
    let detail = error.access_denied().map(|detail| {
        [
            ("AuthAction", detail.auth_action.as_str()),
            ("EncodedDiagnosticMessage", detail.encoded_diagnostic_message.as_str()),
        ]
    });
    let mut body = String::with_capacity(512 + error.message().len());
    match context.format {
        Format::Json => {
            body.push('{');
            push_json_members(&mut body, &members);
            if let Some(detail) = detail {
                body.push_str(",\"AccessDeniedDetail\":{");
                push_json_members(&mut body, &detail);
                body.push('}');
            }
            body.push('}');
        }
        Format::Xml => {
            body.push_str(XML_DECLARATION);
            open(&mut body, "Error");
            for (name, text) in members {
                push_element(&mut body, name, text);
            }
            if let Some(detail) = detail {
                open(&mut body, "AccessDeniedDetail");
                for (name, text) in detail {
                    push_element(&mut body, name, text);
                }
                close(&mut body, "AccessDeniedDetail");
            }
            close(&mut body, "Error");
        }
    }
    Answer { status: error.status(), content_type: context.format.content_type(), body }
}

/// The fields that an object has, in the shape's order.
fn present<'v>(
    fields: &'static [FieldSpec],
    object: &'v Value,
) -> impl Iterator<Item = (&'static FieldSpec, &'v Value)> {
    fields
        .iter()
        .filter_map(move |field| object.get(field.name).map(|value| (field, value)))
        .filter(|(_, value)| !value.is_null())
}

/// Returns whether nothing was written.
fn push_json_fields(out: &mut String, fields: &'static [FieldSpec], object: &Value) -> bool {
    let mut first = true;
    for (field, value) in present(fields, object) {
        push_json_name(out, first, field.name);
        first = false;
        match (field.shape, value) {
            (Shape::Object(fields), value) => {
                out.push('{');
                push_json_fields(out, fields, value);
                out.push('}');
            }
            (Shape::List(fields), Value::Array(items)) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position == 0 { "{" } else { ",{" });
                    push_json_fields(out, fields, item);
                    out.push('}');
                }
                out.push(']');
            }
            (
                Shape::List(_)
                | Shape::TextList
                | Shape::NumberList
                | Shape::Text
                | Shape::Number
                | Shape::Boolean,
                value,
            ) => {
                push_json_value(out, value);
            }
        }
    }
    first
}

fn push_json_members(out: &mut String, members: &[(&str, &str)]) {
    for (position, (name, text)) in members.iter().enumerate() {
        push_json_member(out, position == 0, name, text);
    }
}

fn push_json_member(out: &mut String, first: bool, name: &str, text: &str) {
    push_json_name(out, first, name);
    out.push_str(&serde_json::to_string(text).expect("text is always valid JSON"));
}

/// `name` is one of ours and needs no escaping.
fn push_json_name(out: &mut String, first: bool, name: &str) {
    out.push_str(if first { "\"" } else { ",\"" });
    out.push_str(name);
    out.push_str("\":");
}

fn push_json_value(out: &mut String, value: &Value) {
    out.push_str(&serde_json::to_string(value).expect("a JSON value is always valid JSON"));
}

fn push_xml_fields(out: &mut String, fields: &'static [FieldSpec], object: &Value) {
    for (field, value) in present(fields, object) {
        match (field.shape, value) {
            (Shape::Object(fields), value) => push_xml_object(out, field.name, fields, value),
            (Shape::List(fields), Value::Array(items)) => {
                for item in items {
                    push_xml_object(out, field.name, fields, item);
                }
            }
            (Shape::TextList | Shape::NumberList, Value::Array(items)) => {
                for item in items {
                    push_xml_scalar(out, field.name, item);
                }
            }
            (
                Shape::List(_)
                | Shape::TextList
                | Shape::NumberList
                | Shape::Text
                | Shape::Number
                | Shape::Boolean,
                value,
            ) => {
                push_xml_scalar(out, field.name, value);
            }
        }
    }
}

fn push_xml_object(out: &mut String, name: &str, fields: &'static [FieldSpec], value: &Value) {
    open(out, name);
    push_xml_fields(out, fields, value);
    close(out, name);
}

fn push_xml_scalar(out: &mut String, name: &str, value: &Value) {
    match value.as_str() {
        Some(text) => push_element(out, name, text),
        None => push_element(out, name, &value.to_string()),
    }
}
