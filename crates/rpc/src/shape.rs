//! The shape of an answer: a tree of fields, each with its JSON type and meaning.
//!
//! The same tree writes JSON and XML, documents the operation, and checks in tests that an action answers
//! what it says. A list is a field of its own inside a wrapper object, as the API has it:
//! `"Items":{"BackupJob":[…]}` is `<Items><BackupJob>…</BackupJob></Items>`, and an empty list an empty wrapper.

use serde_json::Value;

/// One field of an answer.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// The name in JSON and of the XML element.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// What it means.
    pub doc: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A JSON string.
    Text,
    /// A JSON number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object(&'static [FieldSpec]),
    /// An array of objects; in XML the field's element repeated.
    List(&'static [FieldSpec]),
    /// An array of strings; in XML the field's element repeated.
    TextList,
    /// An array of numbers; in XML the field's element repeated.
    NumberList,
}

/// Where an answer differs from its shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("answer field {path} {problem}")]
pub struct ShapeMismatch {
    /// The field's path, such as `Items.BackupJob[].Process`.
    pub path: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

pub(crate) const fn text(name: &'static str, doc: &'static str) -> FieldSpec {
    FieldSpec { name, shape: Shape::Text, doc }
}

pub(crate) const fn number(name: &'static str, doc: &'static str) -> FieldSpec {
    FieldSpec { name, shape: Shape::Number, doc }
}

pub(crate) const fn boolean(name: &'static str, doc: &'static str) -> FieldSpec {
    FieldSpec { name, shape: Shape::Boolean, doc }
}

pub(crate) const fn object(name: &'static str, fields: &'static [FieldSpec], doc: &'static str) -> FieldSpec {
    FieldSpec { name, shape: Shape::Object(fields), doc }
}

pub(crate) const fn list(name: &'static str, fields: &'static [FieldSpec], doc: &'static str) -> FieldSpec {
    FieldSpec { name, shape: Shape::List(fields), doc }
}

pub(crate) const fn text_list(name: &'static str, doc: &'static str) -> FieldSpec {
    FieldSpec { name, shape: Shape::TextList, doc }
}

pub(crate) const fn number_list(name: &'static str, doc: &'static str) -> FieldSpec {
    FieldSpec { name, shape: Shape::NumberList, doc }
}

/// Checks an object against its fields. A field may be absent (or null, which is written as absent), but
/// none may be there that the shape does not know, and each must have its type.
pub(crate) fn check_fields(fields: &[FieldSpec], value: &Value, path: &str) -> Result<(), ShapeMismatch> {
    let Some(object) = value.as_object() else {
        return Err(ShapeMismatch { path: path.to_owned(), problem: "is not an object" });
    };
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match fields.iter().find(|field| field.name == name) {
            Some(field) if !value.is_null() => field.shape.check(value, &path)?,
            Some(_) => {}
            None => return Err(ShapeMismatch { path, problem: "is not in the shape" }),
        }
    }
    Ok(())
}

impl Shape {
    fn check(self, value: &Value, path: &str) -> Result<(), ShapeMismatch> {
        let mismatch = |problem| Err(ShapeMismatch { path: path.to_owned(), problem });
        match self {
            Self::Text if !value.is_string() => mismatch("is not text"),
            Self::Number if !value.is_number() => mismatch("is not a number"),
            Self::Boolean if !value.is_boolean() => mismatch("is not a boolean"),
            Self::Text | Self::Number | Self::Boolean => Ok(()),
            Self::Object(fields) => check_fields(fields, value, path),
            Self::List(fields) => match value.as_array() {
                Some(items) => {
                    items.iter().try_for_each(|item| check_fields(fields, item, &format!("{path}[]")))
                }
                None => mismatch("is not a list"),
            },
            Self::TextList => match value.as_array() {
                Some(items) if items.iter().all(Value::is_string) => Ok(()),
                Some(_) | None => mismatch("is not a list of texts"),
            },
            Self::NumberList => match value.as_array() {
                Some(items) if items.iter().all(Value::is_number) => Ok(()),
                Some(_) | None => mismatch("is not a list of numbers"),
            },
        }
    }
}
