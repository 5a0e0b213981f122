//! Calls made from the registry: valid ones, and ones with a single thing wrong. Whatever is asked, the answer is the
//! documented success or a documented error, and never a fault of the service.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use rpc::{ACTIONS, ActionSpec, ErrorCode, ParameterKind, ParameterSpec};

use crate::client::Reply;
use crate::harness::Harness;

/// Enough that each operation is met often, few enough for a run of seconds.
const CASES: u32 = 1500;

/// What the service itself says before it looks at an operation's own rules.
const GATEWAY: &[ErrorCode] = &[
    ErrorCode::InvalidParameter,
    ErrorCode::RequestTooLarge,
    ErrorCode::MissingParam,
    ErrorCode::ParamValueNotSupport,
    ErrorCode::ParamMalformed,
    ErrorCode::ParamFormat,
];

type Pair = (String, String);

/// The one thing that is wrong with a call.
#[derive(Clone)]
enum Wrong {
    Nothing,
    /// A parameter that is needed is absent.
    Missing(&'static ParameterSpec),
    /// A parameter's value is none of its type, or out of its limits.
    Value(&'static ParameterSpec),
    /// A name occurs twice.
    Doubled,
}

#[derive(Clone)]
struct Case {
    action: &'static ActionSpec,
    pairs: Vec<Pair>,
    wrong: Wrong,
}

impl std::fmt::Debug for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Missing(spec) => write!(f, "{} is missing", spec.name),
            Self::Value(spec) => write!(f, "the value of {}", spec.name),
            Self::Doubled => f.write_str("a name occurs twice"),
        }
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}, wrong: {:?}", self.action.name, self.pairs, self.wrong)
    }
}

#[test]
fn every_answer_is_the_documented_success_or_a_documented_error() {
    let harness = Harness::started();
    harness.register_small("orders");
    let job = harness.create_backup("orders");
    harness.wait_finished("orders", &job);
    let source = harness.source("orders", &[]).display().to_string();
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let findings = RefCell::new(BTreeMap::new());
    let outcome = runner.run(&case(), |case| {
        let client = harness.client();
        let mut pairs: Vec<(&str, &str)> =
            case.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let is_wrong = matches!(case.wrong, Wrong::Value(spec) if spec.name == "DataDirectory");
        if case.action.parameter("DataDirectory").is_some() && !is_wrong {
            pairs.retain(|(name, _)| *name != "DataDirectory");
            pairs.push(("DataDirectory", &source));
        }
        let reply = client.call_form(case.action.name, &pairs);
        if let Err(finding) = check(&case, &reply) {
            // One of each kind is enough to read, and all kinds at once are what helps.
            findings.borrow_mut().entry((case.action.name, format!("{:?}", case.wrong))).or_insert(finding);
        }
        Ok(())
    });
    outcome.expect("calls are made");
    let findings = findings.into_inner();
    assert!(findings.is_empty(), "{} findings:\n{findings:#?}", findings.len());
    // After all that the service still does its work.
    harness.register_small("afterwards");
    let job = harness.create_backup("afterwards");
    harness.wait_finished("afterwards", &job);
}

/// What is not as documented.
fn check(case: &Case, reply: &Reply) -> Result<(), String> {
    let body = reply.json();
    let ensure = |holds: bool, problem: &str| {
        if holds { Ok(()) } else { Err(format!("{problem}: {case:?}: {} {}", reply.status, reply.body)) }
    };
    if reply.status == 200 {
        ensure(matches!(case.wrong, Wrong::Nothing), "it was accepted")?;
        let mut answer = body;
        if let Some(fields) = answer.as_object_mut() {
            fields.remove("RequestId");
        }
        return case.action.check_response(&answer).map_err(|error| format!("{error}: {case:?}: {answer}"));
    }
    let code = body["Code"].as_str().unwrap_or_default();
    let Some((row, _)) = ErrorCode::find(code) else { return ensure(false, "the code is in no table") };
    let own = case.action.parameters.iter().any(|spec| spec.refusal == Some(row));
    ensure(
        GATEWAY.contains(&row) || case.action.errors.contains(&row) || own,
        "the code is not documented for it",
    )?;
    ensure(reply.status < 500, "it failed")?;
    match case.wrong {
        Wrong::Missing(spec) => {
            let named = code == format!("Missing{}", spec.name) || spec.refusal == Some(row);
            ensure(named, "the missing parameter is not named")
        }
        Wrong::Doubled => ensure(row == ErrorCode::InvalidParameter, "the doubled name is not named"),
        Wrong::Nothing | Wrong::Value(_) => Ok(()),
    }
}

fn case() -> impl Strategy<Value = Case> {
    select(ACTIONS.to_vec()).prop_flat_map(|action| {
        let specs: Vec<&'static ParameterSpec> =
            action.parameters.iter().filter(|spec| !spec.hidden).collect();
        let pairs: Vec<_> = specs.iter().map(|spec| parameter(spec)).collect();
        let wrong = wrong(&specs);
        (pairs, wrong).prop_flat_map(move |(pairs, wrong)| broken(action, pairs.concat(), wrong))
    })
}

/// A parameter with a value that it takes, or nothing where that is allowed.
fn parameter(spec: &'static ParameterSpec) -> BoxedStrategy<Vec<Pair>> {
    let sent = valid(spec);
    if spec.required { sent } else { prop_oneof![2 => Just(Vec::new()), 1 => sent].boxed() }
}

fn wrong(specs: &[&'static ParameterSpec]) -> BoxedStrategy<Wrong> {
    let needed: Vec<_> = specs.iter().copied().filter(|spec| spec.required).collect();
    let limited: Vec<_> = specs.iter().copied().filter(|spec| invalid(spec).is_some()).collect();
    let mut ways = vec![Just(Wrong::Nothing).boxed(), Just(Wrong::Nothing).boxed()];
    if !needed.is_empty() {
        ways.push(select(needed).prop_map(Wrong::Missing).boxed());
    }
    if !limited.is_empty() {
        ways.push(select(limited.clone()).prop_map(Wrong::Value).boxed());
        ways.push(select(limited).prop_map(Wrong::Value).boxed());
    }
    ways.push(Just(Wrong::Doubled).boxed());
    proptest::strategy::Union::new(ways).boxed()
}

/// The call with its one fault.
fn broken(action: &'static ActionSpec, pairs: Vec<Pair>, wrong: Wrong) -> BoxedStrategy<Case> {
    let of = |pairs: &mut Vec<Pair>, spec: &ParameterSpec| {
        let member = format!("{}.", spec.name);
        pairs.retain(|(name, _)| name != spec.name && !name.starts_with(&member));
    };
    let mut pairs = pairs;
    match wrong {
        Wrong::Nothing => Just(Case { action, pairs, wrong }).boxed(),
        Wrong::Missing(spec) => {
            of(&mut pairs, spec);
            Just(Case { action, pairs, wrong }).boxed()
        }
        Wrong::Doubled => {
            let twice = pairs.first().cloned().unwrap_or_else(|| ("Extra".to_owned(), "1".to_owned()));
            pairs.push(twice.clone());
            if pairs.len() == 1 {
                pairs.push(twice);
            }
            Just(Case { action, pairs, wrong }).boxed()
        }
        Wrong::Value(spec) => {
            of(&mut pairs, spec);
            let bad = invalid(spec).expect("only such parameters are chosen");
            let is_numbered = matches!(spec.kind, ParameterKind::NumberedTexts { .. });
            let name = if is_numbered { format!("{}.1", spec.name) } else { spec.name.to_owned() };
            bad.prop_map(move |value| {
                let pairs = [pairs.clone(), vec![(name.clone(), value)]].concat();
                Case { action, pairs, wrong: Wrong::Value(spec) }
            })
            .boxed()
        }
    }
}

fn one(
    spec: &'static ParameterSpec,
    value: impl Strategy<Value = String> + 'static,
) -> BoxedStrategy<Vec<Pair>> {
    value.prop_map(move |value| vec![(spec.name.to_owned(), value)]).boxed()
}

/// Values that the parameter's type takes. What they name need not be there.
fn valid(spec: &'static ParameterSpec) -> BoxedStrategy<Vec<Pair>> {
    if spec.name == "DBInstanceId" || spec.name == "DBInstanceName" {
        return one(spec, select(vec!["orders", "orders", "orders", "not-there"]).prop_map(str::to_owned));
    }
    match spec.kind {
        ParameterKind::Text { characters_max } => {
            let example = spec.example.to_owned();
            let free = proptest::string::string_regex("[a-zA-Z0-9 ._:/-]{1,12}").expect("a pattern");
            let free =
                free.prop_map(move |text| text.chars().take(characters_max).collect::<String>()).boxed();
            let some = move |text: String| if example.is_empty() { text } else { example.clone() };
            one(spec, prop_oneof![free.clone().prop_map(some), free].boxed())
        }
        ParameterKind::AsciiText { .. } => one(spec, "[a-zA-Z0-9]{1,12}"),
        ParameterKind::NewInstanceId => one(spec, "[a-z][a-z0-9-]{1,6}[a-z0-9]"),
        ParameterKind::Integer { min, max, also } => {
            let also: Vec<i64> = also.iter().copied().chain([min, max]).collect();
            one(spec, prop_oneof![(min..=max), select(also)].prop_map(|number| number.to_string()))
        }
        ParameterKind::Boolean => {
            one(spec, select(vec!["true", "false", "True", "False"]).prop_map(str::to_owned))
        }
        ParameterKind::Time => {
            let times = vec!["2026-11-01T00:00Z", "2026-11-24T10:00:00Z", "2031-01-01T00:00Z"];
            one(spec, select(times).prop_map(str::to_owned))
        }
        ParameterKind::Choice { values, aliases } => {
            let words: Vec<&str> =
                values.iter().copied().chain(aliases.iter().map(|(alias, _)| *alias)).collect();
            one(spec, select(words).prop_map(str::to_owned))
        }
        ParameterKind::IntegerList { min, max, .. } => {
            let numbers = prop::collection::vec(min..=max, 1..4);
            let joined = |numbers: Vec<i64>| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            one(spec, numbers.prop_map(joined))
        }
        ParameterKind::NumberedTexts { .. } => prop::collection::vec("[a-z]{1,8}", 1..3)
            .prop_map(|texts| {
                texts.into_iter().zip(1..).map(|(text, n)| (format!("{}.{n}", spec.name), text)).collect()
            })
            .boxed(),
        ParameterKind::NumberedObjects { fields, .. } => {
            let fields: Vec<_> = fields.iter().map(valid).collect();
            fields
                .prop_map(|fields| {
                    let all = fields.concat().into_iter();
                    all.map(|(name, value)| (format!("{}.1.{name}", spec.name), value)).collect()
                })
                .boxed()
        }
        ParameterKind::HourWindow => {
            one(spec, (0..24).prop_map(|hour| format!("{hour:02}:00Z-{:02}:00Z", (hour + 1) % 24)))
        }
        ParameterKind::Weekdays { .. } => {
            one(spec, select(vec!["Monday,Thursday", "Sunday,Saturday,Tuesday"]).prop_map(str::to_owned))
        }
    }
}

/// Values that the parameter's type does not take; `None` where it takes everything that can be sent.
fn invalid(spec: &ParameterSpec) -> Option<BoxedStrategy<String>> {
    let words = |words: Vec<String>| Some(select(words).boxed());
    let texts =
        |texts: &[&str]| Some(select(texts.iter().map(ToString::to_string).collect::<Vec<_>>()).boxed());
    match spec.kind {
        // A text that names an instance is judged by whether that is there.
        ParameterKind::Text { .. } if spec.name == "DBInstanceId" || spec.name == "DBInstanceName" => None,
        ParameterKind::Text { characters_max } | ParameterKind::NumberedTexts { characters_max, .. } => {
            words(vec!["a\u{1}b".to_owned(), "x".repeat(characters_max + 1)])
        }
        ParameterKind::AsciiText { characters_max } => {
            words(vec!["ä".to_owned(), "x".repeat(characters_max + 1)])
        }
        ParameterKind::NewInstanceId => texts(&["A", "-a", "a_b", "keys"]),
        ParameterKind::Integer { min, max, also } => {
            let outside = [min.checked_sub(1), max.checked_add(1)];
            let outside = outside.into_iter().flatten().filter(|number| !also.contains(number));
            let outside = outside.map(|number| number.to_string());
            words(outside.chain(["1.5".to_owned(), "ten".to_owned()]).collect())
        }
        ParameterKind::Boolean => texts(&["yes", "2", "TRUE?"]),
        ParameterKind::Time => texts(&["yesterday", "2026-13-01T00:00Z", "2026-11-24"]),
        ParameterKind::Choice { .. } => texts(&["NoSuchWord"]),
        ParameterKind::IntegerList { .. } => texts(&["1,,2", "a", "1;2"]),
        ParameterKind::NumberedObjects { .. } => None,
        ParameterKind::HourWindow => texts(&["10:00Z", "10:00Z-12:00Z", "25:00Z-26:00Z"]),
        ParameterKind::Weekdays { .. } => texts(&["Monday", "Montag,Dienstag", "Monday,Monday"]),
    }
}
