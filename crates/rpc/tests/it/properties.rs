//! What holds for any input.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::{collection, prelude::*, sample, string::string_regex};
use quick_xml::{Reader, events::Event};
use rpc::{
    ACTIONS, ActionSpec, AnswerContext, ApiError, Call, ErrorCode, FieldSpec, Format, ReceivedRequest,
    RequestId, Shape, SigningRequest, parse_timestamp, render_error, render_success, sign_v1, sign_v3,
};
use serde_json::{Map, Value};

const NOW: &str = "2026-11-24T03:22:50Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// Does all that a service does with a request, whatever it is.
fn serve(request: &ReceivedRequest) {
    let borrowed = request.as_request();
    let format = Format::of(&borrowed);
    let host = borrowed.host().unwrap_or("unknown").to_owned();
    let outcome = (|| -> Result<(), ApiError> {
        let call = Call::parse(&borrowed, now())?;
        let _ = (call.credential(), call.claimed_action(), call.format());
        let verified = call.verify(b"testsecret").or_else(|_| call.accept_bearer())?;
        let _ = (verified.nonce(), verified.timestamp());
        verified.arguments(verified.action()?)?;
        Ok(())
    })();
    if let Err(error) = outcome {
        let context = AnswerContext {
            request_id: RequestId::from_random([7; 16]),
            format,
            host_id: &host,
            public_url: "http://h",
        };
        let answer = render_error(&error, &context);
        match format {
            Format::Json => assert!(serde_json::from_str::<Value>(&answer.body).is_ok()),
            Format::Xml => {
                let (root, value) = read_document(&answer.body);
                assert_eq!(root, "Error");
                assert!(value.as_object().is_some());
            }
        }
    }
}

/// Pieces of requests, so that random ones get past the first checks.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        sample::select(vec![
            "/?",
            "&",
            "=",
            "%",
            "+",
            "%2",
            "%ff",
            "%C3%A9",
            "http://",
            "Action",
            "DescribeBackupTasks",
            "Version=2014-08-15",
            "AccessKeyId=testid",
            "SignatureMethod=HMAC-SHA1",
            "SignatureVersion=1.0",
            "SignatureNonce=n",
            "Timestamp=2026-11-24T03%3A22%3A50Z",
            "Signature=x",
            "Format=JSON",
            "SignatureType=BEARERTOKEN",
            "BearerToken=t",
            "DBInstanceId=x",
            "ACS3-HMAC-SHA256 ",
            "Credential=testid",
            "SignedHeaders=host;x-acs-date",
            "Signature=00",
            ",",
            ";",
            "2026-11-24T03:22:50Z",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat().into_bytes()),
        collection::vec(any::<u8>(), 0..256),
    ]
}

fn header() -> impl Strategy<Value = (String, Vec<u8>)> {
    let names = vec![
        "host",
        "Authorization",
        "content-type",
        "x-acs-action",
        "x-acs-version",
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-content-sha256",
        "x-acs-bearer-token",
        "x-acs-security-token",
        "",
    ];
    let value = prop_oneof![
        pieces(),
        Just(b"application/x-www-form-urlencoded".to_vec()),
        Just(b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_vec()),
    ];
    (sample::select(names).prop_map(str::to_owned), value)
}

fn request() -> impl Strategy<Value = ReceivedRequest> {
    let method = prop_oneof![Just("GET".to_owned()), Just("POST".to_owned()), any::<String>()];
    let target = prop_oneof![
        pieces(),
        collection::vec(piece(), 0..24).prop_map(|pieces| format!("/?{}", pieces.join("&")).into_bytes()),
    ];
    (method, target, collection::vec(header(), 0..12), pieces())
        .prop_map(|(method, target, headers, body)| ReceivedRequest { method, target, headers, body })
}

/// Parameters without the names that mean something to the signature.
fn parameters() -> impl Strategy<Value = BTreeMap<String, String>> {
    let name = any::<String>().prop_map(|name| format!("p{name}").chars().take(30).collect());
    collection::btree_map(name, any::<String>(), 0..12)
}

fn scalar(shape: Shape) -> BoxedStrategy<Value> {
    match shape {
        Shape::Number => any::<i64>().prop_map(Value::from).boxed(),
        Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Text | Shape::Object(_) | Shape::List(_) | Shape::TextList | Shape::NumberList => {
            text().prop_map(Value::from).boxed()
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        string_regex("[\u{0}-\u{20}<>&'\"\\]a\u{7f}\u{85}\u{2028}\u{fffe}\u{ffff}]{0,12}").unwrap(),
        Just("]]>".to_owned()),
    ]
}

/// An answer of a shape, in which any field may be absent.
fn answer(fields: &'static [FieldSpec]) -> BoxedStrategy<Value> {
    let members: Vec<_> = fields
        .iter()
        .map(|field| {
            let value = match field.shape {
                Shape::Object(fields) => answer(fields),
                Shape::List(fields) => collection::vec(answer(fields), 0..3).prop_map(Value::from).boxed(),
                Shape::TextList => collection::vec(text(), 0..3).prop_map(Value::from).boxed(),
                Shape::NumberList => collection::vec(any::<i64>(), 0..3).prop_map(Value::from).boxed(),
                Shape::Text | Shape::Number | Shape::Boolean => scalar(field.shape),
            };
            proptest::option::weighted(0.8, value).prop_map(|value| (field.name, value))
        })
        .collect();
    members
        .prop_map(|members| {
            let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(present.collect::<Map<_, _>>())
        })
        .boxed()
}

fn action_and_answer() -> impl Strategy<Value = (&'static ActionSpec, Value)> {
    sample::select(ACTIONS.to_vec())
        .prop_flat_map(|action| answer(action.response).prop_map(move |value| (action, value)))
}

/// Reads a document into nested lists of elements: (root's name, {name: [content, …]}), text as text.
fn read_document(document: &str) -> (String, Value) {
    let mut reader = Reader::from_str(document);
    reader.config_mut().check_end_names = true;
    let mut open: Vec<(String, Map<String, Value>, String)> = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                open.push((name, Map::new(), String::new()));
            }
            Event::Text(text) => open.last_mut().unwrap().2.push_str(&text),
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().unwrap() {
                    Some(character) => character.to_string(),
                    None => match &*reference {
                        "lt" => "<".to_owned(),
                        "gt" => ">".to_owned(),
                        "amp" => "&".to_owned(),
                        other => panic!("unexpected entity {other}"),
                    },
                };
                open.last_mut().unwrap().2.push_str(&resolved);
            }
            Event::End(_) => {
                let (name, children, text) = open.pop().unwrap();
                let content = if children.is_empty() { Value::from(text) } else { Value::from(children) };
                let Some((_, siblings, _)) = open.last_mut() else { return (name, content) };
                let same_name = siblings.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                same_name.as_array_mut().unwrap().push(content);
            }
            Event::Decl(_) => {}
            other @ (Event::Empty(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::Eof) => panic!("unexpected {other:?}"),
        }
    }
}

/// What [`read_document`] must give for a JSON value: numbers as text, every element in a list, empty
/// objects and lists as nothing, illegal characters replaced.
fn as_read(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let members: Map<_, _> = object
                .iter()
                .filter_map(|(name, value)| match value {
                    Value::Array(items) if items.is_empty() => None,
                    Value::Array(items) => Some((name.clone(), items.iter().map(as_read).collect())),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                        Some((name.clone(), Value::Array(vec![as_read(value)])))
                    }
                })
                .collect();
            if members.is_empty() { Value::from("") } else { Value::Object(members) }
        }
        Value::String(text) => Value::from(
            text.chars()
                .map(|c| match c {
                    '\t' | '\n' | '\r' => c,
                    '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
                    c => c,
                })
                .collect::<String>(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Value::from(value.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_request_makes_a_parser_panic(request in request()) {
        serve(&request);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = (parse_timestamp(&text), RequestId::parse(&text), ErrorCode::find(&text), Format::parse(&text));
        for action in ACTIONS {
            let _ = rpc::Arguments::read(action, |_| Some(text.as_str()));
        }
    }

    #[test]
    fn what_is_signed_arrives_and_verifies(query in parameters(), form in parameters()) {
        let form: BTreeMap<_, _> = form.into_iter().filter(|(name, _)| !query.contains_key(name)).collect();
        let query_pairs: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let form_pairs: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let signing = SigningRequest {
            host: "127.0.0.1:8086", action: "DescribeRegions", query: &query_pairs, form: &form_pairs,
            access_key_id: "testid", secret: "testsecret", security_token: None, nonce: "n", now: now(),
        };
        for signed in [sign_v1(&signing), sign_v3(&signing)] {
            let received = ReceivedRequest::from(&signed);
            let request = received.as_request();
            let call = Call::parse(&request, now()).unwrap();
            prop_assert!(call.verify(b"testsecret").is_ok());
            prop_assert!(call.verify(b"testsecreT").is_err());
            let arrived: BTreeMap<_, _> = call
                .parameters()
                .filter(|parameter| parameter.name.starts_with('p'))
                .map(|parameter| (parameter.name.to_string(), parameter.value.to_string()))
                .collect();
            let sent: BTreeMap<_, _> = query.clone().into_iter().chain(form.clone()).collect();
            prop_assert_eq!(arrived, sent);
        }
    }

    #[test]
    fn xml_is_well_formed_and_says_what_json_says((action, response) in action_and_answer()) {
        let context = |format| AnswerContext {
            request_id: RequestId::from_random([9; 16]), format, host_id: "h", public_url: "http://h",
        };
        let json: Value = serde_json::from_str(&render_success(action, &response, &context(Format::Json)).body).unwrap();
        let mut expected = response.clone();
        expected["RequestId"] = Value::from("09090909-0909-4909-8909-090909090909");
        prop_assert_eq!(&json, &expected);
        let (root, read) = read_document(&render_success(action, &response, &context(Format::Xml)).body);
        prop_assert_eq!(root, format!("{}Response", action.name));
        prop_assert_eq!(read, as_read(&json));
    }

    #[test]
    fn an_error_says_the_same_in_both_formats(message in text(), host in text()) {
        let error = ApiError::new(ErrorCode::InternalError).with_message(message);
        let context = |format| AnswerContext {
            request_id: RequestId::from_random([9; 16]), format, host_id: &host, public_url: "http://h",
        };
        let json: Value = serde_json::from_str(&render_error(&error, &context(Format::Json)).body).unwrap();
        let (root, read) = read_document(&render_error(&error, &context(Format::Xml)).body);
        prop_assert_eq!(root, "Error");
        prop_assert_eq!(read, as_read(&json));
    }
}
