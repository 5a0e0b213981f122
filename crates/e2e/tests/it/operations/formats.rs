//! An answer in XML says what it says in JSON.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Backstop, Element, Source};
use serde_json::{Value, json};

use super::{Case, changing, new_world};

/// What each answer says in JSON, it says in XML.
pub(super) fn compare(backstop: &Backstop, cases: &[Case]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for case in cases {
        let (plain, document) = (in_json(backstop, case)?, in_xml(backstop, case)?);
        if let Err(error) = document.says(&plain) {
            wrong.push(format!("{} in XML: {error:#}", case.operation));
        }
    }
    Ok(wrong)
}

/// The same for what can be asked for only once: in JSON in one world, in XML in another like it.
pub(super) fn compare_changes(backstop: &Backstop, source: &Source) -> Result<Vec<String>> {
    let mut plain = Vec::new();
    let mut documents = Vec::new();
    for xml in [false, true] {
        let cases = changing(&new_world(backstop, source)?);
        for case in &cases {
            if xml {
                documents.push((case.operation, in_xml(backstop, case)?));
            } else {
                plain.push(in_json(backstop, case)?);
            }
        }
        for job in backstop.unfinished_jobs("orders")? {
            backstop.end("orders", &job, Duration::from_mins(1))?;
        }
    }
    let compare = |(plain, (operation, document)): (&Value, &(&str, Element))| {
        document.says(plain).err().map(|error| format!("{operation} in XML: {error:#}"))
    };
    Ok(plain.iter().zip(&documents).filter_map(compare).collect())
}

/// The answer in JSON, without what each answer has anew.
fn in_json(backstop: &Backstop, case: &Case) -> Result<Value> {
    let mut answer = backstop.call(case.operation, &borrowed(&texts(&case.parameters)))?;
    ensure!(answer["RequestId"].is_string(), "{}: {answer}", case.operation);
    forget_own(case.operation, &mut answer);
    Ok(answer)
}

/// As [`in_json`].
fn in_xml(backstop: &Backstop, case: &Case) -> Result<Element> {
    let operation = case.operation;
    let mut texts = texts(&case.parameters);
    texts.push(("Format".to_owned(), "XML".to_owned()));
    let response = backstop.send(operation, &borrowed(&texts))?;
    let content_type = response.header("content-type");
    ensure!(content_type == Some("text/xml;charset=utf-8"), "{operation}: {response}");
    let mut document = Element::parse(&response.body)?;
    ensure!(document.name == format!("{operation}Response"), "{operation}: {response}");
    ensure!(document.children.iter().any(|child| child.name == "RequestId"), "{operation}: {response}");
    forget_own_xml(operation, &mut document);
    Ok(document)
}

fn borrowed(texts: &[(String, String)]) -> Vec<(&str, &str)> {
    texts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Parameters as they are sent: an item of a list as `Name.N`, a field of an item as `Name.N.Field`.
fn texts(parameters: &Value) -> Vec<(String, String)> {
    fn add(name: &str, value: &Value, texts: &mut Vec<(String, String)>) {
        match value {
            Value::Array(items) => {
                for (number, item) in (1..).zip(items) {
                    add(&format!("{name}.{number}"), item, texts);
                }
            }
            Value::Object(fields) => {
                for (field, value) in fields {
                    let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                    add(&name, value, texts);
                }
            }
            Value::String(text) => texts.push((name.to_owned(), text.clone())),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                texts.push((name.to_owned(), value.to_string()));
            }
        }
    }
    let mut texts = Vec::new();
    add("", parameters, &mut texts);
    texts
}

/// What is another with each answer: the request, a signed link, a new job, a set that was deleted.
fn is_own(operation: &str, name: &str) -> bool {
    name == "RequestId"
        || name.ends_with("DownloadURL")
        || [("CreateBackup", "BackupJobId"), ("DeleteBackupFile", "DeletedBaksetIds")]
            .contains(&(operation, name))
}

const OWN: &str = "its own";

/// Puts the same in the place of every value that is the answer's own, also in a list.
fn forget_own(operation: &str, value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        let items = if let Value::Array(items) = value { items } else { std::slice::from_mut(value) };
        for item in items {
            let is_told = item.is_number() || item.as_str().is_some_and(|text| !text.is_empty());
            if is_own(operation, name) && is_told {
                *item = json!(OWN);
            } else {
                forget_own(operation, item);
            }
        }
    }
}

fn forget_own_xml(operation: &str, element: &mut Element) {
    if is_own(operation, &element.name) && !element.text.is_empty() {
        OWN.clone_into(&mut element.text);
    }
    element.children.iter_mut().for_each(|child| forget_own_xml(operation, child));
}
