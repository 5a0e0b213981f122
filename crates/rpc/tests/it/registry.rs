//! The registry as a whole: whatever is declared is documented, consistent, and refused as documented.

use std::collections::BTreeMap;

use rpc::{
    ACTIONS, ActionSpec, AnswerContext, ApiError, Arguments, ErrorCode, FieldSpec, Format, ParameterKind,
    RequestId, Role, Shape, find_action, render_success,
};
use serde_json::Value;

fn read(action: &'static ActionSpec, values: &BTreeMap<&str, &str>) -> Result<Arguments, ApiError> {
    Arguments::read(action, |name| values.get(name).copied().filter(|value| !value.is_empty()))
}

fn example(action: &ActionSpec) -> BTreeMap<&'static str, &'static str> {
    action.example.parameters.iter().copied().collect()
}

#[track_caller]
fn check(action: &str, changes: &[(&str, &str)], expect: Result<(), &str>) {
    let action = find_action(action).unwrap();
    let mut values: BTreeMap<&str, &str> = example(action);
    values.extend(changes.iter().copied());
    let outcome = read(action, &values);
    assert_eq!(outcome.as_ref().map(|_| ()).map_err(ApiError::code), expect, "{changes:?}");
}

#[test]
fn actions_are_sorted_and_found() {
    assert!(ACTIONS.is_sorted_by(|a, b| a.name < b.name));
    for action in ACTIONS {
        assert!(std::ptr::eq(find_action(action.name).unwrap(), *action));
    }
    assert!(find_action("describebackuptasks").is_none());
}

#[test]
fn every_action_parameter_and_field_is_documented() {
    fn check_fields(path: &str, fields: &[FieldSpec]) {
        for field in fields {
            let path = format!("{path}.{}", field.name);
            assert!(field.doc.ends_with('.'), "{path}: {}", field.doc);
            match field.shape {
                Shape::Object(fields) | Shape::List(fields) => check_fields(&path, fields),
                Shape::Text | Shape::Number | Shape::Boolean | Shape::TextList | Shape::NumberList => {}
            }
        }
    }
    for action in ACTIONS {
        assert!(action.doc.ends_with('.'), "{}", action.name);
        assert!(!action.doc.contains("  "), "{}", action.name);
        for parameter in action.parameters {
            assert!(parameter.doc.ends_with('.'), "{}.{}", action.name, parameter.name);
        }
        check_fields(action.name, action.response);
    }
}

#[test]
fn names_occur_once() {
    fn check_fields(fields: &[FieldSpec]) {
        for (position, field) in fields.iter().enumerate() {
            assert!(fields[..position].iter().all(|other| other.name != field.name), "{}", field.name);
            if let Shape::Object(fields) | Shape::List(fields) = field.shape {
                check_fields(fields);
            }
        }
    }
    for action in ACTIONS {
        for (position, parameter) in action.parameters.iter().enumerate() {
            assert!(action.parameters[..position].iter().all(|other| other.name != parameter.name));
        }
        assert!(action.response.iter().all(|field| field.name != "RequestId"), "{}", action.name);
        check_fields(action.response);
    }
}

#[test]
fn every_example_is_a_call_that_is_accepted_and_an_answer_of_its_shape() {
    for action in ACTIONS {
        read(action, &example(action)).unwrap_or_else(|error| panic!("{}: {error}", action.name));
        let response: Value = serde_json::from_str(action.example.response).unwrap();
        assert_eq!(action.check_response(&response), Ok(()), "{}", action.name);
        for parameter in action.parameters.iter().filter(|parameter| !parameter.example.is_empty()) {
            let mut values = example(action);
            values.insert(parameter.name, parameter.example);
            read(action, &values).unwrap_or_else(|error| panic!("{}: {error}", action.name));
        }
    }
}

#[test]
fn examples_answer_the_same_in_json_as_declared() {
    let context = AnswerContext {
        request_id: RequestId::from_random([0; 16]),
        format: Format::Json,
        host_id: "h",
        public_url: "http://h",
    };
    for action in ACTIONS {
        let response: Value = serde_json::from_str(action.example.response).unwrap();
        let mut answered: Value =
            serde_json::from_str(&render_success(action, &response, &context).body).unwrap();
        let request_id = answered.as_object_mut().unwrap().remove("RequestId");
        assert_eq!(request_id, Some(Value::from("00000000-0000-4000-8000-000000000000")));
        assert_eq!(answered, response, "{}", action.name);
    }
}

#[test]
fn each_required_parameter_that_is_absent_or_empty_is_named() {
    for action in ACTIONS {
        for parameter in action.parameters.iter().filter(|parameter| parameter.required) {
            let code = format!("Missing{}", parameter.name);
            let mut values = example(action);
            // Those of several values are numbered.
            let numbered = format!("{}.", parameter.name);
            let names: Vec<&str> = values.keys().copied().collect();
            let of_it = |name: &&str| *name == parameter.name || name.starts_with(&numbered);
            let names: Vec<&str> = names.into_iter().filter(of_it).collect();
            values.extend(names.iter().map(|name| (*name, "")));
            assert_eq!(read(action, &values).unwrap_err().code(), code);
            values.retain(|name, _| !names.contains(name));
            let error = read(action, &values).unwrap_err();
            assert_eq!((error.code(), error.status()), (code.as_str(), 400));
            assert_eq!(error.message(), format!("{} is mandatory for this action.", parameter.name));
        }
    }
}

#[test]
fn each_parameter_refuses_what_is_not_of_its_type() {
    for action in ACTIONS {
        for parameter in action.parameters {
            let (bad, usual) = match parameter.kind {
                ParameterKind::Text { characters_max } | ParameterKind::AsciiText { characters_max } => {
                    ("x".repeat(characters_max + 1), "Malformed")
                }
                ParameterKind::NewInstanceId | ParameterKind::Integer { .. } => {
                    ("-Ä".to_owned(), "Malformed")
                }
                ParameterKind::IntegerList { .. } => ("1,".to_owned(), "Malformed"),
                ParameterKind::Boolean => ("yes".to_owned(), "ValueNotSupport"),
                ParameterKind::Choice { values, .. } => (format!("{} ", values[0]), "ValueNotSupport"),
                ParameterKind::Time => ("2011-06-01".to_owned(), "Format"),
                ParameterKind::HourWindow => ("00:00Z-02:00Z".to_owned(), "Malformed"),
                ParameterKind::Weekdays { .. } => ("Monday".to_owned(), "Malformed"),
                ParameterKind::NumberedTexts { .. } | ParameterKind::NumberedObjects { .. } => continue,
            };
            let mut values = example(action);
            values.insert(parameter.name, &bad);
            let error = read(action, &values).unwrap_err();
            let code = match parameter.refusal {
                Some(row) => row.spec().code.to_owned(),
                None => format!("Invalid{}.{usual}", parameter.name),
            };
            assert_eq!(error.code(), code, "{}", action.name);
            assert!(ErrorCode::find(error.code()).is_some(), "{code}");
        }
    }
}

#[test]
fn a_key_that_may_only_look_changes_nothing() {
    for action in ACTIONS {
        let changes = action.effect == rpc::Effect::Changes;
        // What tells of keys and of who called is for those who are answerable for it.
        let private = ["DescribeAuditLog", "ListAccessKeys"].contains(&action.name);
        assert_eq!(action.role > Role::Reader, changes || private, "{}", action.name);
        let looks = action.name.starts_with("Describe") || action.name.starts_with("List");
        assert_eq!(looks, !changes, "{}", action.name);
    }
    assert_eq!(Role::ALL.map(|role| Role::parse(role.as_str())), Role::ALL.map(Some));
    assert!(Role::Administrator > Role::Operator && Role::parse("root").is_none());
}

#[test]
fn the_special_codes_of_describe_backup_tasks() {
    let check = |name, value, expect| check("DescribeBackupTasks", &[(name, value)], expect);
    let (longest, too_long) = ("x".repeat(64), "x".repeat(65));
    for good in ["a", &longest, " ~!*'()"] {
        check("ClientToken", good, Ok(()));
    }
    for bad in [&too_long, "é", "a\tb", "\u{7f}"] {
        check("ClientToken", bad, Err("InvalidClientToken.Malformed"));
    }
    for good in ["1", "4762614", "2147483647", "007"] {
        check("BackupJobId", good, Ok(()));
    }
    for bad in ["0", "-1", "2147483648", "99999999999999999999", "1.0", "+1", " 1", "1a", "0x1", "１"] {
        check("BackupJobId", bad, Err("InvalidBackupJobId.Malformed"));
    }
    for good in ["NoStart", "Progressing", "0", "1", ""] {
        check("BackupJobStatus", good, Ok(()));
    }
    for bad in ["Finished", "nostart", "2", "NoStart,Progressing"] {
        check("BackupJobStatus", bad, Err("InvalidBackupJobStatus.ValueNotSupport"));
    }
    for bad in ["automated", "Auto", "Manual "] {
        check("BackupMode", bad, Err("InvalidBackupMode.ValueNotSupport"));
    }
    check("Flag", "anything", Ok(()));
    check("RegionId", "cn-hangzhou", Ok(()));
    check("on", "DescribeBackupTasks", Ok(()));
}

#[test]
fn old_spellings_become_the_new_ones() {
    let action = find_action("DescribeBackupTasks").unwrap();
    for (old, new) in [("0", "NoStart"), ("1", "Progressing"), ("NoStart", "NoStart")] {
        let arguments =
            read(action, &BTreeMap::from([("DBInstanceId", "x"), ("BackupJobStatus", old)])).unwrap();
        assert_eq!(arguments.text("BackupJobStatus"), Some(new));
    }
}

#[test]
fn the_special_codes_of_the_other_operations() {
    check("CreateBackup", &[("BackupType", "IncrementalBackup")], Err("BackupType.NotSupport"));
    check("CreateBackup", &[("BackupMethod", "physical")], Err("InvalidBackupMethod.ValueNotSupport"));
    for (days, expect) in [("7", Ok(())), ("730", Ok(())), ("-1", Ok(()))] {
        check("CreateBackup", &[("BackupRetentionPeriod", days)], expect);
    }
    for days in ["6", "731", "0", "-2", "-", "--1"] {
        check(
            "CreateBackup",
            &[("BackupRetentionPeriod", days)],
            Err("InvalidBackupRetentionPeriod.Malformed"),
        );
    }
    check("DescribeBackups", &[("StartTime", "2011-06-01")], Err("InvalidStartTime.Format"));
    check("DescribeBackups", &[("EndTime", "2011-06-01T16:00")], Err("InvalidEndTime.Format"));
    for time in ["2011-06-01T16:00Z", "2011-06-01T16:00:59Z"] {
        check("DescribeBackups", &[("StartTime", time)], Ok(()));
    }
    check("DescribeBackups", &[("PageNumber", "0")], Err("InvalidPageNumbers.Malformed"));
    check("DescribeBackups", &[("PageSize", "101")], Err("InvalidMaxRecordsPerPage.Malformed"));
    check("DescribeDBInstances", &[("Engine", "Oracle")], Err("InvalidEngine.ValueNotSupport"));
    for good in ["a1", "rm-uf6", &"x".repeat(64)] {
        check("RegisterDBInstance", &[("DBInstanceId", good)], Ok(()));
    }
    for bad in ["a", "A1", "-a", "a-", "a_b", "ä1", "a/b", &"x".repeat(65)] {
        check("RegisterDBInstance", &[("DBInstanceId", bad)], Err("InvalidDBInstanceId.Malformed"));
    }
    check("RegisterDBInstance", &[("DBInstanceId", "keys")], Err("InvalidDBInstanceId.Malformed"));
    check("RegisterDBInstance", &[("DBInstanceId", "keys-1")], Ok(()));
    for (seconds, expect) in [("0", Ok(())), ("30", Ok(())), ("31", Err("InvalidWaitSeconds.Malformed"))] {
        check("DescribeBackupJobs", &[("WaitSeconds", seconds)], expect);
    }
    check("RegisterDBInstance", &[("Password", "a\0b")], Err("InvalidPassword.Malformed"));
    check("RegisterDBInstance", &[("CaCertificate", "-----BEGIN\r\nx\n")], Ok(()));
    check("RegisterDBInstance", &[("Port", "65536")], Err("InvalidPort.Malformed"));
}

#[test]
fn lists_of_ids_are_read_and_bounded() {
    let action = find_action("DeleteBackup").unwrap();
    let read = |ids: &str| {
        let arguments = read(action, &BTreeMap::from([("DBInstanceId", "x"), ("BackupId", ids)]));
        arguments.map(|arguments| arguments.integers("BackupId").to_vec())
    };
    assert_eq!(read("324909131, 324909132,324909131").unwrap(), [324_909_131, 324_909_132]);
    for bad in [",", "1,", "a", "0", "2147483648", "1;2"] {
        assert_eq!(read(bad).unwrap_err().code(), "InvalidBackupId.Malformed", "{bad}");
    }
    let list = |count: i64| (1..=count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(read(&list(100)).unwrap().len(), 100);
    assert_eq!(read(&list(101)).unwrap_err().code(), "InvalidBackupId.Malformed");
}

#[test]
fn defaults_are_filled_in() {
    let action = find_action("DescribeBackups").unwrap();
    let arguments =
        read(action, &BTreeMap::from([("DBInstanceId", "x"), ("EndTime", "2011-06-15T16:00Z")])).unwrap();
    assert_eq!(arguments.natural("PageNumber"), Some(1));
    assert_eq!(arguments.natural("PageSize"), Some(30));
    assert_eq!(arguments.natural("BackupId"), None);
    assert_eq!(arguments.text("BackupMode"), None);
    assert_eq!(arguments.time("StartTime"), None);
    assert_eq!(arguments.time("EndTime"), Some("2011-06-15T16:00:00Z".parse().unwrap()));
}

#[test]
fn only_secrets_are_secret() {
    let secrets: Vec<_> = ACTIONS
        .iter()
        .flat_map(|action| action.parameters)
        .filter(|parameter| parameter.secret)
        .map(|parameter| parameter.name)
        .collect();
    assert_eq!(secrets, ["Password"]);
}

#[test]
fn an_answer_that_is_not_of_its_shape_is_told() {
    let action = find_action("DescribeBackupTasks").unwrap();
    for (response, path) in [
        (serde_json::json!([]), ""),
        (serde_json::json!({"Item": {}}), "Item"),
        (serde_json::json!({"Items": {"BackupJob": {}}}), "Items.BackupJob"),
        (serde_json::json!({"Items": {"BackupJob": [{"Process": 1}]}}), "Items.BackupJob[].Process"),
    ] {
        assert_eq!(action.check_response(&response).unwrap_err().path, path);
    }
}

#[test]
fn codes_and_messages_are_those_of_the_reference() {
    for (status, code, message) in [
        (404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
        (400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled."),
        (400, "Missing{Param}", "{Param} is mandatory for this action."),
        (400, "InvalidSignatureMethod", "Specified signature method is not valid."),
        (400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."),
        (400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."),
        (400, "SignatureNonceUsed", "Specified signature nonce was used already."),
        (400, "InvalidVersion", "Specified parameter Version is not valid."),
        (404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."),
        (400, "UnsupportedHTTPMethod", "This http method is not supported."),
        (400, "Throttling.User", "Request was denied due to user flow control."),
        (400, "Throttling.Api", "Request was denied due to api flow control."),
        (400, "Throttling", "Request was denied due to request throttling."),
        (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
        (500, "InternalError", "The request processing has failed due to some unknown error."),
        (
            403,
            "Forbidden.RAM",
            "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
        ),
        (
            404,
            "InvalidDBInstanceId.NotFound",
            "DBInstanceIdentifier does not refer to an existing DB instance.",
        ),
        (404, "InvalidDBInstanceName.NotFound", "The database instance does not exist."),
        (
            403,
            "OperationDenied.DBInstanceStatus",
            "The operation is not permitted due to status of instance.",
        ),
        (403, "IncorrectDBInstanceState", "Current DB instance state does not support this operation."),
        (403, "IncorrectDBInstanceEngine", "Current DB instance engine does not support this operation."),
        (400, "Invalid{Param}.ValueNotSupport", "The specified parameter \"{Param}\" is not valid."),
        (400, "InvalidStartTime.Format", "Specified start time is not valid."),
        (400, "InvalidEndTime.Format", "Specified end time is not valid."),
        (400, "InvalidParameterCombination", "The end time must be greater than the start time"),
        (400, "InvalidPageNumbers.Malformed", "Specified page number is not valid."),
        (403, "InvalidMaxRecordsPerPage.Malformed", "Specified record number is not valid."),
        (404, "InvalidBackupSetID.NotFound", "Specified backup set ID does not exist."),
        (400, "BackupJobExists", "A backup job already exists in the specified DB instance."),
        (400, "BackupType.NotSupport", "the specified backup type not support"),
        (
            400,
            "IdempotentParameterMismatch",
            "Request uses a client token in a previous request but is not identical to that request.",
        ),
    ] {
        let (row, _) = ErrorCode::find(code).unwrap();
        let spec = row.spec();
        assert_eq!((spec.status, spec.code, spec.message), (status, code, message));
    }
}

#[test]
fn what_is_never_sent_is_told_once_and_is_not_in_the_answer() {
    /// The fields at a path such as `Items.Backup[]`; `None` when the answer has no such place.
    fn fields_at(fields: &'static [FieldSpec], path: &str) -> Option<&'static [FieldSpec]> {
        let Some(name) = path.split('.').next().filter(|name| !name.is_empty()) else { return Some(fields) };
        let rest = path.strip_prefix(name)?.trim_start_matches('.');
        let field = fields.iter().find(|field| field.name == name.trim_end_matches("[]"))?;
        match field.shape {
            Shape::Object(inner) | Shape::List(inner) => fields_at(inner, rest),
            Shape::Text | Shape::Number | Shape::Boolean | Shape::TextList | Shape::NumberList => None,
        }
    }
    for action in ACTIONS {
        let mut told = Vec::new();
        for row in action.never_sent {
            assert!(row.why.ends_with('.') && !row.fields.is_empty(), "{}: {row:?}", action.name);
            let sent = fields_at(action.response, row.within)
                .unwrap_or_else(|| panic!("{} answers nothing at {:?}", action.name, row.within));
            for field in row.fields {
                assert!(sent.iter().all(|sent| sent.name != *field), "{} sends {field}", action.name);
                assert!(!told.contains(&(row.within, field)), "{} tells {field} twice", action.name);
                told.push((row.within, field));
            }
        }
        assert!(!action.extension || told.is_empty(), "{} is ours alone", action.name);
    }
}

#[test]
fn the_special_codes_of_backup_policies() {
    let check = |name, value, expect| check("ModifyBackupPolicy", &[(name, value)], expect);
    for (name, good, bad, code) in [
        (
            "BackupRetentionPeriod",
            &["7", "730"][..],
            &["6", "731", "x"][..],
            "InvalidBackupRetentionPeriod.Malformed",
        ),
        (
            "PreferredBackupTime",
            &["23:30Z-00:30Z"],
            &["01:00Z-03:00Z", "1:00Z-2:00Z"],
            "InvalidPreferredBackupTime.Malformed",
        ),
        (
            "PreferredBackupPeriod",
            &["Sunday,Monday"],
            &["Monday", "monday,Tuesday"],
            "InvalidPreferredBackupPeriod.Malformed",
        ),
        ("LogBackupFrequency", &["LogInterval", ""], &["x"], "InvalidLogBackupFrequency.Malformed"),
        ("ReleasedKeepPolicy", &["None", "Lastest", "All"], &["Latest"], "InvalidReleasedKeepPolicy.Format"),
        ("Category", &["Standard", "serverless_ha"], &["x"], "IncorrectCategory"),
        (
            "EnableBackupLog",
            &["1", "0", "True", "False", "true"],
            &["2"],
            "InvalidEnableBackupLog.ValueNotSupport",
        ),
        (
            "EnableIncrementDataBackup",
            &["True", "false"],
            &["1"],
            "InvalidEnableIncrementDataBackup.ValueNotSupport",
        ),
        ("IncBackupInterval", &["60", "720"], &["90", "0"], "InvalidIncBackupInterval.Malformed"),
        (
            "LogBackupLocalRetentionNumber",
            &["6", "100", "-1"],
            &["5"],
            "InvalidLogBackupLocalRetentionNumber.Malformed",
        ),
        (
            "ArchiveBackupRetentionPeriod",
            &["0", "30"],
            &["29"],
            "InvalidArchiveBackupRetentionPeriod.Malformed",
        ),
        ("AdvancedDataPolicies.1.RetentionValue", &["7"], &["x"], "InvalidRetentionValue.Malformed"),
    ] {
        for value in good {
            check(name, value, Ok(()));
        }
        for value in bad {
            check(name, value, Err(code));
        }
    }
}

#[test]
fn a_parameter_without_effect_says_why() {
    for parameter in ACTIONS.iter().flat_map(|action| action.parameters) {
        assert!(parameter.without_effect.is_none_or(|why| why.ends_with('.')), "{}", parameter.name);
    }
}
