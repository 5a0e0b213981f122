//! Samples for Node, as modules, in which `await` may stand outside a function.

use super::{Argument, DEFAULT_ENDPOINT, arguments, block, indented, quoted};
use crate::{API_VERSION, ActionSpec};

const INDENT: &str = "  ";

pub(super) fn render(action: &ActionSpec) -> String {
    let (second_import, client) = if action.extension {
        ("import darabonba from '@darabonba/typescript';", "core.default")
    } else {
        ("import rds from '@alicloud/rds20140815';", "rds.default")
    };
    let call = if action.extension { generic_call(action) } else { model_call(action) };
    format!("import core from '@alicloud/openapi-core';\n{second_import}\n\n{}{call}", connect(client))
}

fn connect(client: &str) -> String {
    let config = [
        "endpoint: host",
        "protocol: protocol.slice(0, -1)",
        "accessKeyId: process.env.ALIBABA_CLOUD_ACCESS_KEY_ID",
        "accessKeySecret: process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    ];
    let config = block("new core.$OpenApiUtil.Config({", &config.map(str::to_owned), "})", INDENT);
    format!(
        "const {{ protocol, host }} = new URL(process.env.BACKSTOP_ENDPOINT ?? {});\n\
         const config = {config};\nconst client = new {client}(config);\n",
        text(DEFAULT_ENDPOINT)
    )
}

fn model_call(action: &ActionSpec) -> String {
    let arguments = arguments(action).into_iter();
    let arguments =
        arguments.map(|(name, value)| format!("{}: {}", camel(name), rendered(action, name, &value)));
    let arguments: Vec<String> = arguments.collect();
    let request = block(&format!("new rds.{}Request({{", action.name), &arguments, "})", INDENT);
    format!(
        "const request = {request};\nconst {{ body }} = await client.{}(request);\n\
         console.log(JSON.stringify(body.toMap(), null, 2));\n",
        camel(action.name)
    )
}

fn rendered(action: &ActionSpec, name: &str, value: &Argument) -> String {
    match value {
        Argument::Text(value) => text(value),
        Argument::Number(value) => value.to_string(),
        Argument::Boolean(value) => value.to_string(),
        Argument::Texts(values) => {
            let values: Vec<String> = values.iter().map(|value| text(value)).collect();
            format!("[{}]", values.join(", "))
        }
        Argument::Objects(objects) => {
            let objects = objects.iter().map(|fields| {
                let fields = fields.iter().map(|(field, value)| format!("{}: {}", camel(field), text(value)));
                let fields: Vec<String> = fields.collect();
                format!("new rds.{}Request{name}({{ {} }})", action.name, fields.join(", "))
            });
            let objects: Vec<String> = objects.collect();
            indented(&block("[", &objects, "]", INDENT), INDENT)
        }
    }
}

fn generic_call(action: &ActionSpec) -> String {
    let params = [
        format!("action: {}", text(action.name)),
        format!("version: {}", text(API_VERSION)),
        "protocol: protocol.slice(0, -1)".to_owned(),
        "method: 'POST'".to_owned(),
        "pathname: '/'".to_owned(),
        "style: 'RPC'".to_owned(),
        "authType: 'AK'".to_owned(),
        "reqBodyType: 'formData'".to_owned(),
        "bodyType: 'json'".to_owned(),
    ];
    let params = block("new core.$OpenApiUtil.Params({", &params, "})", INDENT);
    let query =
        action.example.parameters.iter().map(|(name, value)| format!("{}: {}", key(name), text(value)));
    let query: Vec<String> = query.collect();
    let query = block("{", &query, "}", INDENT);
    format!(
        "const params = {params};\nconst query = {query};\n\
         const request = new core.$OpenApiUtil.OpenApiRequest({{ query }});\n\
         const {{ body }} = await client.callApi(params, request, new darabonba.RuntimeOptions({{}}));\n\
         console.log(JSON.stringify(body, null, 2));\n"
    )
}

fn text(value: &str) -> String {
    quoted(value, '\'')
}

/// A property's name; `Tag.1.Key` is none without quotes.
fn key(name: &str) -> String {
    if name.chars().all(|character| character.is_ascii_alphanumeric()) { name.to_owned() } else { text(name) }
}

/// The SDK's name of a method or property: its first letter small, unless it begins with an abbreviation, so that
/// `DBInstanceId` stays. The few names of the API that break the rule (`VSwitchId`) are a cloud's.
pub(super) fn camel(name: &str) -> String {
    let mut characters = name.chars();
    let (first, second) = (characters.next(), characters.next());
    match first {
        Some(first) if !second.is_some_and(|second| second.is_ascii_uppercase()) => {
            format!("{}{}", first.to_ascii_lowercase(), &name[first.len_utf8()..])
        }
        Some(_) | None => name.to_owned(),
    }
}
