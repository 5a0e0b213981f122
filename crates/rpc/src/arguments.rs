//! A call's parameters, each parsed into its type once, before the action sees them.

mod recorded;
mod schedule;

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use crate::{ActionSpec, ApiError, ErrorCode, ParameterKind, ParameterSpec, time::parse_timestamp};

/// The parameters of one call of one operation, valid, with defaults filled in.
///
/// Each getter answers `None` for a parameter that was absent or empty and has no default. Asking for a name
/// that the operation does not have, or in another type than it has, is a mistake in the action and panics.
pub struct Arguments {
    action: &'static ActionSpec,
    values: BTreeMap<&'static str, Argument>,
}

enum Argument {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Time(Timestamp),
    Integers(Vec<i64>),
    Texts(Vec<String>),
    Objects(Vec<BTreeMap<&'static str, String>>),
}

impl Arguments {
    /// Reads each parameter of `action` from `get`, which answers `None` for what is absent or empty.
    ///
    /// # Errors
    /// The first parameter, in the operation's order, that is missing → `Missing…`, or bad → its own code,
    /// else `Invalid….ValueNotSupport`, `Invalid….Malformed` or `Invalid….Format`.
    pub fn read<'v>(
        action: &'static ActionSpec,
        get: impl Fn(&str) -> Option<&'v str>,
    ) -> Result<Self, ApiError> {
        let mut values = BTreeMap::new();
        for spec in action.parameters {
            if let ParameterKind::NumberedTexts { characters_max, count_max } = spec.kind {
                values.insert(spec.name, numbered(spec, characters_max, count_max, &get)?);
                continue;
            }
            if let ParameterKind::NumberedObjects { fields, count_max } = spec.kind {
                values.insert(spec.name, numbered_objects(spec, fields, count_max, &get)?);
                continue;
            }
            match get(spec.name).or(spec.default) {
                Some(value) => values.insert(spec.name, parse(spec, value)?),
                None if spec.required => {
                    return Err(ApiError::about(ErrorCode::MissingParam, spec.name));
                }
                None => None,
            };
        }
        Ok(Self { action, values })
    }

    /// The operation.
    pub fn action(&self) -> &'static ActionSpec {
        self.action
    }

    /// A text, or the word chosen, in its first spelling.
    pub fn text(&self, name: &str) -> Option<&str> {
        let Argument::Text(text) = self.value(name)? else { self.wrong_type(name) };
        Some(text)
    }

    /// A text that the operation requires or has a default for.
    ///
    /// # Panics
    /// The operation neither requires it nor has a default for it.
    pub fn required_text(&self, name: &str) -> &str {
        self.text(name).unwrap_or_else(|| panic!("{} does not require {name}", self.action.name))
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        let Argument::Integer(number) = self.value(name)? else { self.wrong_type(name) };
        Some(*number)
    }

    /// A whole number whose limits are within 32 bits and not negative, such as an id or a page.
    ///
    /// # Panics
    /// The operation's limits allow a number that is neither.
    pub fn natural(&self, name: &str) -> Option<u32> {
        self.integer(name).map(|number| {
            u32::try_from(number)
                .unwrap_or_else(|_| panic!("{} limits {name} to natural numbers", self.action.name))
        })
    }

    /// A boolean.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        let Argument::Boolean(yes) = self.value(name)? else { self.wrong_type(name) };
        Some(*yes)
    }

    /// A time.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        let Argument::Time(time) = self.value(name)? else { self.wrong_type(name) };
        Some(*time)
    }

    /// Whole numbers, none twice, in the order sent.
    pub fn integers(&self, name: &str) -> &[i64] {
        match self.value(name) {
            None => &[],
            Some(Argument::Integers(numbers)) => numbers,
            Some(_) => self.wrong_type(name),
        }
    }

    /// Texts, in the order of their numbers.
    pub fn texts(&self, name: &str) -> &[String] {
        match self.value(name) {
            None => &[],
            Some(Argument::Texts(texts)) => texts,
            Some(_) => self.wrong_type(name),
        }
    }

    /// Objects, in the order of their numbers: of each the fields that were sent, as they were sent.
    pub fn objects(&self, name: &str) -> &[BTreeMap<&'static str, String>] {
        match self.value(name) {
            None => &[],
            Some(Argument::Objects(objects)) => objects,
            Some(_) => self.wrong_type(name),
        }
    }

    /// Whether the call has a value for it, of whatever type, sent or by default.
    pub fn is_sent(&self, name: &str) -> bool {
        match self.value(name) {
            None => false,
            Some(Argument::Texts(texts)) => !texts.is_empty(),
            Some(Argument::Objects(objects)) => !objects.is_empty(),
            Some(_) => true,
        }
    }

    fn value(&self, name: &str) -> Option<&Argument> {
        debug_assert!(self.action.parameter(name).is_some(), "{} has no parameter {name}", self.action.name);
        self.values.get(name)
    }

    fn wrong_type(&self, name: &str) -> ! {
        panic!("{} declares {name} with another type", self.action.name)
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values may be secrets.
        write!(f, "{}{:?}", self.action.name, self.values.keys())
    }
}

fn parse(spec: &ParameterSpec, value: &str) -> Result<Argument, ApiError> {
    match spec.kind {
        ParameterKind::Text { characters_max } => {
            checked_text(spec, value, characters_max).map(|text| Argument::Text(text.to_owned()))
        }
        ParameterKind::AsciiText { characters_max } => {
            if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(malformed(spec, "printable ASCII characters are expected"));
            }
            checked_text(spec, value, characters_max).map(|text| Argument::Text(text.to_owned()))
        }
        ParameterKind::NewInstanceId if RESERVED_INSTANCE_IDS.contains(&value) => {
            Err(malformed(spec, &format!("{value} is the name of a folder of the repository's own")))
        }
        ParameterKind::NewInstanceId if is_instance_id(value) => Ok(Argument::Text(value.to_owned())),
        ParameterKind::NewInstanceId => {
            Err(malformed(spec, "2 to 64 lower-case letters, digits and inner hyphens are expected"))
        }
        ParameterKind::Integer { min, max, also } => {
            integer(value, min, max, also).map(Argument::Integer).ok_or_else(|| not_integer(spec, min, max))
        }
        ParameterKind::Boolean => match value {
            "true" | "True" => Ok(Argument::Boolean(true)),
            "false" | "False" => Ok(Argument::Boolean(false)),
            _ => Err(refuse(spec, ErrorCode::ParamValueNotSupport, "")),
        },
        ParameterKind::Time => {
            parse_timestamp(value).map(Argument::Time).ok_or_else(|| refuse(spec, ErrorCode::ParamFormat, ""))
        }
        ParameterKind::Choice { values, aliases } => {
            let alias = aliases.iter().find(|(alias, _)| *alias == value).map(|(_, stands_for)| stands_for);
            match values.iter().find(|candidate| **candidate == value).or(alias) {
                Some(chosen) => Ok(Argument::Text((*chosen).to_owned())),
                None => Err(refuse(spec, ErrorCode::ParamValueNotSupport, "")),
            }
        }
        ParameterKind::IntegerList { min, max, count_max } => {
            integer_list(spec, value, min, max, count_max).map(Argument::Integers)
        }
        ParameterKind::HourWindow => schedule::hour_window(value)
            .map(Argument::Integer)
            .ok_or_else(|| malformed(spec, "one hour as HH:mmZ-HH:mmZ is expected")),
        ParameterKind::Weekdays { count_min } => schedule::weekdays(value)
            .filter(|days| days.len() >= count_min)
            .map(Argument::Integers)
            .ok_or_else(|| {
                malformed(spec, &format!("the names of at least {count_min} different weekdays are expected"))
            }),
        ParameterKind::NumberedTexts { .. } | ParameterKind::NumberedObjects { .. } => {
            unreachable!("numbered values have none under the bare name")
        }
    }
}

fn checked_text<'v>(
    spec: &ParameterSpec,
    value: &'v str,
    characters_max: usize,
) -> Result<&'v str, ApiError> {
    if value.chars().count() > characters_max {
        return Err(malformed(spec, &format!("at most {characters_max} characters are expected")));
    }
    // A catalog in PostgreSQL cannot hold NUL, and XML no control characters.
    if value.chars().any(|character| character.is_control() && !matches!(character, '\t' | '\r' | '\n')) {
        return Err(malformed(spec, "control characters are not expected"));
    }
    Ok(value)
}

/// What a repository has at its root beside the instances' folders, as far as it could be an instance's id.
const RESERVED_INSTANCE_IDS: [&str; 1] = ["keys"];

fn is_instance_id(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (2..=64).contains(&value.len())
        && value.bytes().all(|byte| plain(byte) || byte == b'-')
        && !value.starts_with('-')
        && !value.ends_with('-')
}

fn integer(value: &str, min: i64, max: i64, also: &[i64]) -> Option<i64> {
    // `parse` alone would also take a leading plus.
    let digits = value.strip_prefix('-').unwrap_or(value);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = value.parse::<i64>().ok()?;
    ((min..=max).contains(&number) || also.contains(&number)).then_some(number)
}

fn integer_list(
    spec: &ParameterSpec,
    value: &str,
    min: i64,
    max: i64,
    count_max: usize,
) -> Result<Vec<i64>, ApiError> {
    let mut numbers = Vec::new();
    for item in value.split(',') {
        let number = integer(item.trim(), min, max, &[]).ok_or_else(|| not_integer(spec, min, max))?;
        if numbers.contains(&number) {
            continue;
        }
        if numbers.len() == count_max {
            return Err(malformed(spec, &format!("at most {count_max} are expected")));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

fn numbered<'v>(
    spec: &ParameterSpec,
    characters_max: usize,
    count_max: usize,
    get: &impl Fn(&str) -> Option<&'v str>,
) -> Result<Argument, ApiError> {
    let mut texts = Vec::new();
    while let Some(value) = get(&format!("{}.{}", spec.name, texts.len() + 1)) {
        if texts.len() == count_max {
            return Err(malformed(spec, &format!("at most {count_max} are expected")));
        }
        texts.push(checked_text(spec, value, characters_max)?.to_owned());
    }
    if texts.is_empty() && spec.required {
        return Err(ApiError::about(ErrorCode::MissingParam, spec.name));
    }
    Ok(Argument::Texts(texts))
}

fn numbered_objects<'v>(
    spec: &ParameterSpec,
    fields: &'static [ParameterSpec],
    count_max: usize,
    get: &impl Fn(&str) -> Option<&'v str>,
) -> Result<Argument, ApiError> {
    let mut objects = Vec::new();
    loop {
        let mut object = BTreeMap::new();
        for field in fields {
            if let Some(value) = get(&format!("{}.{}.{}", spec.name, objects.len() + 1, field.name)) {
                parse(field, value)?;
                object.insert(field.name, value.to_owned());
            }
        }
        if object.is_empty() {
            break;
        }
        if objects.len() == count_max {
            return Err(malformed(spec, &format!("at most {count_max} are expected")));
        }
        if let Some(missing) = fields.iter().find(|field| field.required && !object.contains_key(field.name))
        {
            return Err(ApiError::about(ErrorCode::MissingParam, missing.name));
        }
        objects.push(object);
    }
    if objects.is_empty() && spec.required {
        return Err(ApiError::about(ErrorCode::MissingParam, spec.name));
    }
    Ok(Argument::Objects(objects))
}

fn not_integer(spec: &ParameterSpec, min: i64, max: i64) -> ApiError {
    malformed(spec, &format!("a whole number from {min} to {max} is expected"))
}

fn malformed(spec: &ParameterSpec, reason: &str) -> ApiError {
    refuse(spec, ErrorCode::ParamMalformed, reason)
}

fn refuse(spec: &ParameterSpec, usual: ErrorCode, reason: &str) -> ApiError {
    ApiError::about_because(spec.refusal.unwrap_or(usual), spec.name, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Effect, Example, Role,
        parameter_spec::{TEXT, optional, required},
    };

    static SPEC: ActionSpec = ActionSpec {
        name: "TagResources",
        doc: "",
        role: Role::Operator,
        effect: Effect::Changes,
        extension: false,
        parameters: &[
            required("ResourceId", ParameterKind::NumberedTexts { characters_max: 8, count_max: 3 }, "", ""),
            optional("DryRun", ParameterKind::Boolean, "", "").default_to("False"),
            optional("Note", TEXT, "", ""),
            optional(
                "Tag",
                ParameterKind::NumberedObjects {
                    fields: &[required("Key", TEXT, "", ""), optional("Value", TEXT, "", "")],
                    count_max: 2,
                },
                "",
                "",
            ),
        ],
        response: &[],
        never_sent: &[],
        errors: &[],
        example: Example { parameters: &[], response: "{}" },
    };

    fn read(values: &[(&str, &'static str)]) -> Result<Arguments, ApiError> {
        Arguments::read(&SPEC, |name| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
        })
    }

    #[track_caller]
    fn check_ids(values: &[(&str, &'static str)], expect: Result<&[&str], &str>) {
        let read = read(values);
        let ids = read.as_ref().map(|arguments| arguments.texts("ResourceId").iter().map(String::as_str));
        let ids = ids.map(Iterator::collect::<Vec<_>>);
        assert_eq!(ids.as_ref().map(Vec::as_slice).map_err(|error| error.code()), expect);
    }

    #[test]
    fn numbered_texts_are_read_from_one_on() {
        check_ids(&[("ResourceId.2", "b"), ("ResourceId.1", "a")], Ok(&["a", "b"]));
        check_ids(&[("ResourceId.1", "a"), ("ResourceId.3", "c")], Ok(&["a"]));
        check_ids(&[("ResourceId", "a")], Err("MissingResourceId"));
        check_ids(&[("ResourceId.1", "123456789")], Err("InvalidResourceId.Malformed"));
        let four =
            [("ResourceId.1", "a"), ("ResourceId.2", "b"), ("ResourceId.3", "c"), ("ResourceId.4", "d")];
        check_ids(&four, Err("InvalidResourceId.Malformed"));
    }

    #[test]
    fn numbered_objects_are_read_field_by_field() {
        let values = [("ResourceId.1", "a"), ("Tag.1.Key", "k"), ("Tag.1.Value", "v"), ("Tag.2.Key", "l")];
        let arguments = read(&values).unwrap();
        let tags = arguments.objects("Tag");
        assert_eq!(
            tags,
            [
                BTreeMap::from([("Key", "k".into()), ("Value", "v".into())]),
                BTreeMap::from([("Key", "l".into())])
            ]
        );
        for (field, value, code) in
            [("Tag.1.Value", "v", "MissingKey"), ("Tag.1.Key", "\u{1}", "InvalidKey.Malformed")]
        {
            assert_eq!(read(&[("ResourceId.1", "a"), (field, value)]).unwrap_err().code(), code);
        }
        let three = [("ResourceId.1", "a"), ("Tag.1.Key", "k"), ("Tag.2.Key", "k"), ("Tag.3.Key", "k")];
        assert_eq!(read(&three).unwrap_err().code(), "InvalidTag.Malformed");
    }

    #[test]
    fn booleans_are_read_as_python_and_node_write_them() {
        for (word, expect) in [("True", true), ("true", true), ("False", false), ("false", false)] {
            let arguments = read(&[("ResourceId.1", "a"), ("DryRun", word)]).unwrap();
            assert_eq!(arguments.boolean("DryRun"), Some(expect));
        }
        assert_eq!(read(&[("ResourceId.1", "a")]).unwrap().boolean("DryRun"), Some(false));
        let error = read(&[("ResourceId.1", "a"), ("DryRun", "1")]).unwrap_err();
        assert_eq!(error.code(), "InvalidDryRun.ValueNotSupport");
    }

    #[test]
    fn a_value_never_shows_in_debug_output() {
        let arguments = read(&[("ResourceId.1", "a"), ("Note", "swordfish")]).unwrap();
        assert_eq!(arguments.required_text("Note"), "swordfish");
        assert!(!format!("{arguments:?}").contains("swordfish"));
    }
}
