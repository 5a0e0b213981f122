//! Samples in Python.

use super::{Argument, DEFAULT_ENDPOINT, arguments, block, indented, quoted};
use crate::{API_VERSION, ActionSpec};

const INDENT: &str = "    ";

pub(super) fn render(action: &ActionSpec) -> String {
    let imports = if action.extension {
        "from alibabacloud_tea_openapi import models as open_api_models\n\
         from alibabacloud_tea_openapi.client import Client\n\
         from darabonba.runtime import RuntimeOptions\n"
    } else {
        "from alibabacloud_rds20140815 import models\n\
         from alibabacloud_rds20140815.client import Client\n\
         from alibabacloud_tea_openapi import models as open_api_models\n"
    };
    let call = if action.extension { generic_call(action) } else { model_call(action) };
    format!("import json\nimport os\nfrom urllib.parse import urlsplit\n\n{imports}\n{}{call}", connect())
}

fn connect() -> String {
    let config = [
        "endpoint=endpoint.netloc",
        "protocol=endpoint.scheme",
        "access_key_id=os.environ[\"ALIBABA_CLOUD_ACCESS_KEY_ID\"]",
        "access_key_secret=os.environ[\"ALIBABA_CLOUD_ACCESS_KEY_SECRET\"]",
    ];
    let config = block("open_api_models.Config(", &config.map(str::to_owned), ")", INDENT);
    format!(
        "endpoint = urlsplit(os.environ.get(\"BACKSTOP_ENDPOINT\", {}))\n\
         config = {config}\nclient = Client(config)\n",
        text(DEFAULT_ENDPOINT)
    )
}

fn model_call(action: &ActionSpec) -> String {
    let arguments = arguments(action).into_iter();
    let arguments =
        arguments.map(|(name, value)| format!("{}={}", snake(name), rendered(action, name, &value)));
    let arguments: Vec<String> = arguments.collect();
    let request = block(&format!("models.{}Request(", action.name), &arguments, ")", INDENT);
    format!(
        "request = {request}\nresponse = client.{}(request)\nprint(json.dumps(response.body.to_map(), indent=2))\n",
        snake(action.name)
    )
}

fn rendered(action: &ActionSpec, name: &str, value: &Argument) -> String {
    match value {
        Argument::Text(value) => text(value),
        Argument::Number(value) => value.to_string(),
        Argument::Boolean(value) => if *value { "True" } else { "False" }.to_owned(),
        Argument::Texts(values) => {
            let values: Vec<String> = values.iter().map(|value| text(value)).collect();
            format!("[{}]", values.join(", "))
        }
        Argument::Objects(objects) => {
            let objects = objects.iter().map(|fields| {
                let fields = fields.iter().map(|(field, value)| format!("{}={}", snake(field), text(value)));
                let fields: Vec<String> = fields.collect();
                format!("models.{}Request{name}({})", action.name, fields.join(", "))
            });
            let objects: Vec<String> = objects.collect();
            indented(&block("[", &objects, "]", INDENT), INDENT)
        }
    }
}

fn generic_call(action: &ActionSpec) -> String {
    let params = [
        format!("action={}", text(action.name)),
        format!("version={}", text(API_VERSION)),
        "protocol=endpoint.scheme".to_owned(),
        "method=\"POST\"".to_owned(),
        "pathname=\"/\"".to_owned(),
        "style=\"RPC\"".to_owned(),
        "auth_type=\"AK\"".to_owned(),
        "req_body_type=\"formData\"".to_owned(),
        "body_type=\"json\"".to_owned(),
    ];
    let params = block("open_api_models.Params(", &params, ")", INDENT);
    let query =
        action.example.parameters.iter().map(|(name, value)| format!("{}: {}", text(name), text(value)));
    let query: Vec<String> = query.collect();
    let query = block("{", &query, "}", INDENT);
    format!(
        "params = {params}\nquery = {query}\n\
         request = open_api_models.OpenApiRequest(query=query)\n\
         response = client.call_api(params, request, RuntimeOptions())\n\
         print(json.dumps(response[\"body\"], indent=2))\n"
    )
}

fn text(value: &str) -> String {
    quoted(value, '"')
}

/// The SDK's name of a method or attribute: an underscore before each capital that follows a small letter or a digit, so
/// that `DBInstanceId` is `dbinstance_id`. The few names of the API that break the rule (`VSwitchId`) are a cloud's.
pub(super) fn snake(name: &str) -> String {
    let mut text = String::new();
    let mut after_small = false;
    for character in name.chars() {
        if character.is_ascii_uppercase() && after_small {
            text.push('_');
        }
        after_small = !character.is_ascii_uppercase();
        text.push(character.to_ascii_lowercase());
    }
    text
}
