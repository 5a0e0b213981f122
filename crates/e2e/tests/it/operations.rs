//! Every operation, called by real SDKs whose own models must make of the answer what the API's reference page says.
//!
//! The page lists the operations, so one without a case here fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{Access, Backstop, Operation, Source, Turn, api_reference, client_driver};
use serde_json::{Value, json};
use testkit::postgres::{Cluster, Installation};

mod formats;

/// Driver and interpreter.
const DRIVERS: [(&str, &str); 3] =
    [("any_operation.py", "py-new"), ("any_operation.js", "node"), ("any_operation_old.py", "py-old")];

/// Paging fields that the SDKs declare as texts and that must be numbers all the same, for real programs count with them.
const NUMBERS_DECLARED_AS_TEXTS: [&str; 3] = ["PageNumber", "PageRecordCount", "TotalRecordCount"];

/// What must come of a call.
enum Expected {
    /// An answer with every field that the page has, but for these and what is in them.
    AllBut(&'static [&'static str]),
    /// A refusal.
    Refused(&'static str, u16),
}

use Expected::{AllBut, Refused};

struct Case {
    operation: &'static str,
    parameters: Value,
    expected: Expected,
}

fn case(operation: &'static str, parameters: Value, expected: Expected) -> Case {
    Case { operation, parameters, expected }
}

/// What the calls are about.
struct World {
    set: String,
    older_set: String,
    job: String,
    spare: String,
}

fn range_to_the_second() -> Value {
    json!({
        "DBInstanceId": "orders", "RegionId": "cn-hangzhou", "StartTime": "2020-01-01T00:00:00Z",
        "EndTime": "2120-01-01T00:00:00Z",
    })
}

fn reading(world: &World) -> Vec<Case> {
    let World { set, older_set: _, job, spare: _ } = world;
    let number: u32 = set.parse().expect("a set's id is a number");
    let range =
        json!({"DBInstanceId": "orders", "StartTime": "2020-01-01T00:00Z", "EndTime": "2120-01-01T00:00Z"});
    let orders = || json!({"DBInstanceId": "orders"});
    let mut cases = vec![
        case(
            "DescribeBackupTasks",
            json!({"DBInstanceId": "orders", "BackupJobId": job.parse::<u32>().unwrap_or(0)}),
            AllBut(&[]),
        ),
        case(
            "DescribeBackups",
            range.clone(),
            AllBut(&["Items.Backup[].BackupDownloadLinkByDB.BackupDownloadLinkByDB[]"]),
        ),
        case(
            "DescribeDetachedBackups",
            json!({"Region": "cn-hangzhou", "PageSize": 30}),
            AllBut(&["Items.Backup[].DBInstanceComment"]),
        ),
        case("DescribeBackupDatabase", json!({"DBInstanceId": "orders", "BackupId": set}), AllBut(&[])),
        case(
            "DescribeMetaList",
            json!({"DBInstanceId": "orders", "BackupSetID": number, "GetDbName": "postgres"}),
            AllBut(&[]),
        ),
        case("DescribeBackupPolicy", orders(), AllBut(POLICY_ABSENT)),
        case("DescribeLogBackupFiles", range, AllBut(&["Items.BinLogFile[]"])),
        case("DescribeBinlogFiles", range_to_the_second(), AllBut(&["Items.BinLogFile[]"])),
        case("DescribeLocalAvailableRecoveryTime", orders(), AllBut(&[])),
        case("DescribeAvailableRecoveryTime", json!({"CrossBackupId": number}), AllBut(&[])),
    ];
    cases.extend(reading_of_instances());
    cases
}

fn reading_of_instances() -> Vec<Case> {
    let orders = || json!({"DBInstanceId": "orders"});
    let seconds = range_to_the_second();
    vec![
        case(
            "DescribeDBInstances",
            json!({"RegionId": "cn-hangzhou", "MaxResults": 1}),
            AllBut(&["Items.DBInstance[].DBInstanceDescription"]),
        ),
        case(
            "DescribeDBInstanceAttribute",
            orders(),
            AllBut(&["Items.DBInstanceAttribute[].DBInstanceDescription"]),
        ),
        case(
            "DescribeDBInstanceNetInfo",
            orders(),
            AllBut(&["DBInstanceNetInfos.DBInstanceNetInfo[].IPAddress"]),
        ),
        case("DescribeRegions", json!({}), AllBut(&[])),
        case(
            "DescribeTasks",
            orders(),
            AllBut(&["Items.TaskProgressInfo[].TaskErrorCode", "Items.TaskProgressInfo[].TaskErrorMessage"]),
        ),
        case(
            "DescribeHistoryTasks",
            json!({"FromStartTime": "2020-01-01T00:00:00Z", "ToStartTime": "2120-01-01T00:00:00Z", "InstanceId": "orders"}),
            AllBut(&["Items[].InstanceName", "Items[].ReasonCode"]),
        ),
        case("DescribeAvailableCrossRegion", json!({"RegionId": "cn-hangzhou"}), AllBut(&[])),
        case(
            "DescribeInstanceCrossBackupPolicy",
            json!({"DBInstanceId": "orders", "RegionId": "cn-hangzhou"}),
            AllBut(&["DBInstanceDescription"]),
        ),
        case("DescribeCrossRegionBackups", seconds.clone(), AllBut(&["Items.Item[]"])),
        case("DescribeCrossRegionLogBackupFiles", seconds, AllBut(&["Items.Item[]"])),
    ]
}

/// What a policy has only once it was set.
const POLICY_ABSENT: &[&str] = &[
    "IncBackupInterval",
    "BackupInterval",
    "BackupPriority",
    "Category",
    "EnablePitrProtection",
    "HighSpaceUsageProtection",
    "LocalLogRetentionHours",
    "LocalLogRetentionSpace",
    "LogBackupFrequency",
    "LogBackupLocalRetentionNumber",
    "ArchiveBackupKeepCount",
    "ArchiveBackupKeepPolicy",
    "ArchiveBackupRetentionPeriod",
    "AdvancedBackupPolicyEnabled",
    "AdvancedDataPolicies",
    "AdvancedLogPolicies",
];

/// What an answer about a changed policy has only once it was set.
const CHANGED_POLICY_ABSENT: &[&str] = &[
    "EnablePitrProtection",
    "HighSpaceUsageProtection",
    "IncBackupInterval",
    "LocalLogRetentionHours",
    "LocalLogRetentionSpace",
    "LogBackupLocalRetentionNumber",
];

fn changing(world: &World) -> Vec<Case> {
    let World { set, older_set, job: _, spare } = world;
    let tagged = json!({"RegionId": "cn-hangzhou", "ResourceType": "INSTANCE", "ResourceId": ["orders"]});
    let with = |more: Value| {
        let mut parameters = tagged.clone();
        if let (Some(parameters), Value::Object(more)) = (parameters.as_object_mut(), more) {
            parameters.extend(more);
        }
        parameters
    };
    vec![
        case(
            "TagResources",
            with(json!({"Tag": [{"Key": "team", "Value": "a&<b> ü"}, {"Key": "x", "Value": "y"}]})),
            AllBut(&[]),
        ),
        case(
            "ListTagResources",
            with(json!({"Tag": [{"Key": "team", "Value": "a&<b> ü"}]})),
            AllBut(&["NextToken"]),
        ),
        case("UntagResources", with(json!({"TagKey": ["team", "x"]})), AllBut(&[])),
        case(
            "ModifyBackupPolicy",
            json!({
                "DBInstanceId": "orders", "PreferredBackupTime": "02:00Z-03:00Z",
                "PreferredBackupPeriod": "Monday,Friday", "BackupRetentionPeriod": "8",
            }),
            AllBut(CHANGED_POLICY_ABSENT),
        ),
        case(
            "ModifyBackupSetExpireTime",
            json!({
                "DBInstanceId": "orders", "BackupId": set.parse::<u32>().unwrap_or(0),
                "ExpectExpireTime": "2120-01-01T00:00:00Z",
            }),
            AllBut(&[]),
        ),
        case("DeleteBackupFile", json!({"DBInstanceId": "orders", "BackupId": older_set}), AllBut(&[])),
        case("DeleteBackup", json!({"DBInstanceId": "orders", "BackupId": set}), AllBut(&[])),
        case("CreateBackup", json!({"DBInstanceId": "orders", "BackupMethod": "Physical"}), AllBut(&[])),
        case("DeleteDBInstance", json!({"DBInstanceId": spare, "ReleasedKeepPolicy": "None"}), AllBut(&[])),
    ]
}

fn refused(world: &World) -> Vec<Case> {
    let not_supported = || Refused("OperationDenied.NotSupported", 403);
    let set = &world.set;
    let tables = r#"[{"type":"db","name":"a","newname":"b"}]"#;
    vec![
        case(
            "CloneDBInstance",
            json!({"DBInstanceId": "orders", "PayType": "Postpaid", "BackupId": set}),
            not_supported(),
        ),
        case("CreateTempDBInstance", json!({"DBInstanceId": "orders", "BackupId": set}), not_supported()),
        case(
            "RecoveryDBInstance",
            json!({"DBInstanceId": "orders", "DbNames": "a", "BackupId": set}),
            not_supported(),
        ),
        case(
            "RestoreTable",
            json!({"DBInstanceId": "orders", "TableMeta": tables, "BackupId": set}),
            not_supported(),
        ),
        case(
            "CreateDBInstance",
            json!({
                "RegionId": "cn-hangzhou", "Engine": "PostgreSQL", "EngineVersion": "15.0", "DBInstanceClass": "x",
                "DBInstanceStorage": 10, "DBInstanceNetType": "Intranet", "SecurityIPList": "127.0.0.1",
                "PayType": "Postpaid",
            }),
            not_supported(),
        ),
        case(
            "ModifyInstanceCrossBackupPolicy",
            json!({"DBInstanceId": "orders", "RegionId": "cn-hangzhou", "BackupEnabled": "1"}),
            not_supported(),
        ),
    ]
}

#[test]
fn every_operation_is_what_the_sdks_and_the_reference_say() -> Result<()> {
    let reference = api_reference()?;
    let _turn = Turn::wait()?;
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    let mut backstop = Backstop::init("operations")?;
    backstop.serve()?;
    backstop.register("orders", &source)?;
    // An instance that is gone, with a set that is kept.
    backstop.register("gone", &source)?;
    back_up(&backstop, "gone")?;
    backstop.call("DeregisterDBInstance", &[("DBInstanceId", "gone")])?;
    let mut wrong = Vec::new();
    for (driver, interpreter) in DRIVERS {
        let world = new_world(&backstop, &source)?;
        let cases: Vec<Case> =
            reading(&world).into_iter().chain(refused(&world)).chain(changing(&world)).collect();
        ensure_all_have_cases(&reference, &cases)?;
        wrong.extend(formats::compare(&backstop, &reading(&world))?);
        let rows = drive(&backstop, driver, interpreter, &cases)?;
        for (case, row) in cases.iter().zip(&rows) {
            if let Err(error) = check(&reference[case.operation], case, row) {
                wrong.push(format!("{driver} {}: {error:#}\n{row}", case.operation));
            }
        }
        let created = rows.iter().find_map(|row| row["answer"]["BackupJobId"].as_str());
        if let Some(job) = created {
            backstop.end("orders", job, Duration::from_mins(1))?;
        }
    }
    wrong.extend(formats::compare_changes(&backstop, &source)?);
    if !wrong.is_empty() {
        bail!("{}\n{}", wrong.join("\n\n"), backstop.log_tail());
    }
    Ok(())
}

fn new_world(backstop: &Backstop, source: &Source) -> Result<World> {
    backstop.register("spare", source)?;
    let (_, older_set) = back_up(backstop, "orders")?;
    let (job, set) = back_up(backstop, "orders")?;
    Ok(World { set, older_set, job, spare: "spare".to_owned() })
}

/// A backup made: its job and its set.
fn back_up(backstop: &Backstop, instance: &str) -> Result<(String, String)> {
    let answer = backstop.call("CreateBackup", &[("DBInstanceId", instance)])?;
    let job = answer["BackupJobId"].as_str().context("a job id")?.to_owned();
    backstop.end(instance, &job, Duration::from_mins(1))?;
    let answer =
        backstop.call("DescribeBackupTasks", &[("DBInstanceId", instance), ("BackupJobId", job.as_str())])?;
    let set = answer["Items"]["BackupJob"][0]["BackupId"].as_str().context("a set id")?.to_owned();
    Ok((job, set))
}

fn ensure_all_have_cases(reference: &BTreeMap<String, Operation>, cases: &[Case]) -> Result<()> {
    let of_the_api =
        reference.iter().filter(|(_, operation)| !operation.extension).map(|(name, _)| name.as_str());
    let documented: BTreeSet<&str> = of_the_api.collect();
    let tried: BTreeSet<&str> = cases.iter().map(|case| case.operation).collect();
    ensure!(documented == tried, "documented: {documented:?}\nhere: {tried:?}");
    Ok(())
}

/// Has one client make all the calls.
fn drive(backstop: &Backstop, driver: &str, interpreter: &str, cases: &[Case]) -> Result<Vec<Value>> {
    let calls: Vec<Value> = cases
        .iter()
        .map(|case| json!({"operation": case.operation, "parameters": case.parameters}))
        .collect();
    let key = backstop.key();
    let input = json!({"endpoint": backstop.address()?, "key": key.id, "secret": key.secret, "calls": calls});
    let mut command = client_driver(interpreter, driver)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().with_context(|| format!("start {driver}"))?;
    let mut stdin = process.stdin.take().context("the driver's standard input")?;
    stdin.write_all(input.to_string().as_bytes())?;
    drop(stdin);
    let output = process.wait_with_output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{driver} failed:\n{errors}\n{}", backstop.log_tail());
    let rows: Vec<Value> =
        serde_json::from_slice(&output.stdout).with_context(|| format!("{driver}: {errors}"))?;
    ensure!(rows.len() == cases.len(), "{driver} made {} of {} calls", rows.len(), cases.len());
    Ok(rows)
}

fn check(operation: &Operation, case: &Case, row: &Value) -> Result<()> {
    if row["absent"] == true {
        return Ok(());
    }
    check_told(operation, row)?;
    let absent = match &case.expected {
        Refused(code, status) => {
            let refusal = json!({"code": code, "http_status": status});
            ensure!(row["refusal"] == refusal, "not refused with {code}");
            return Ok(());
        }
        AllBut(absent) => absent,
    };
    let answer = row.get("answer").context("no answer")?;
    let mut seen = BTreeSet::new();
    check_types(operation, "", answer, &mut seen)?;
    for path in operation.fields.keys() {
        // A list that has no rows is there all the same.
        let is_list = path.ends_with("[]");
        let optional = absent.iter().any(|absent| {
            path.strip_prefix(absent).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        let in_model = row.get("fields").is_none_or(|fields| declared_type(fields, path).is_some());
        ensure!(seen.contains(path) || optional || !in_model, "{path} is not in the answer");
        let surprising = seen.contains(path) && !is_list && absent.contains(&path.as_str());
        ensure!(!surprising, "{path} is in the answer");
    }
    Ok(())
}

/// Every field of the SDK's model is one that the page promises or explains, of the same type.
fn check_told(operation: &Operation, row: &Value) -> Result<()> {
    for pair in row["fields"].as_array().into_iter().flatten() {
        let path = pair[0].as_str().context("a path")?;
        let declared = pair[1].as_str().context("a type")?;
        ensure!(operation.tells_of(path), "the page does not tell of {path}");
        let Some(told) = operation.fields.get(path) else { continue };
        let name = path.rsplit('.').next().unwrap_or_default();
        let fits = match told.as_str() {
            "String" | "Array of String" => declared == "str",
            "Number" | "Array of Number" => {
                matches!(declared, "int" | "float") || NUMBERS_DECLARED_AS_TEXTS.contains(&name)
            }
            "Boolean" => declared == "bool",
            "Object" | "Array" => declared == "object",
            _ => false,
        };
        ensure!(fits, "{path} is {told} on the page and {declared} in the model");
    }
    Ok(())
}

fn declared_type<'a>(fields: &'a Value, path: &str) -> Option<&'a str> {
    let pairs = fields.as_array()?.iter();
    pairs.filter(|pair| pair[0] == path).find_map(|pair| pair[1].as_str())
}

/// Each value of the answer is of the type that the page says, and notes which fields were there.
fn check_types(operation: &Operation, path: &str, value: &Value, seen: &mut BTreeSet<String>) -> Result<()> {
    let Some(object) = value.as_object() else { bail!("{path} is no object") };
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if path == "RequestId" {
            continue;
        }
        let list = format!("{path}[]");
        let (path, values) = match value.as_array() {
            Some(values) if operation.fields.contains_key(&list) => (list, values.iter().collect()),
            // Models make empty lists of what was not there.
            Some(values) if values.is_empty() => continue,
            _ => (path, vec![value]),
        };
        let told = operation.fields.get(&path).with_context(|| format!("{path} is not on the page"))?;
        seen.insert(path.clone());
        for value in values {
            match told.as_str() {
                "Object" | "Array" => check_types(operation, &path, value, seen)?,
                "String" | "Array of String" => ensure!(value.is_string(), "{path} is {value}"),
                "Boolean" => ensure!(value.is_boolean(), "{path} is {value}"),
                // The Node SDK makes texts of numbers where its model says so.
                _ => ensure!(
                    value.is_number() || value.as_str().is_some_and(|text| text.parse::<u64>().is_ok()),
                    "{path} is {value}"
                ),
            }
        }
    }
    Ok(())
}
