//! RegisterDBInstance, an extension: makes a server known.
//!
//! The server is asked what a backup will need. What is found missing is reported and written down, and does
//! not stop the registration: the server may be down, and its files may be another node's to read.

use std::sync::Arc;
use std::time::Duration;

use catalog::{BackupPolicy, Instance, NewInstance, RegisterError, SslMode};
use engine::{Finding, Uncontrolled};
use rpc::{ApiError, ErrorCode};
use serde_json::{Map, Value, json};

use super::policy_fields::{policy_fields, policy_of};
use super::{ActionCall, words};
use crate::context::Context;
use crate::engines::{password_of, sealed_for};
use crate::error_chain::error_chain;
use crate::refusal::Refusal;

/// How long the server may take to answer the check; clients wait longer for an answer of ours.
const CHECK_TIMEOUT: Duration = Duration::from_secs(8);

/// Name under which the catalog keeps what the check of an instance found, as a JSON list.
fn findings_setting(instance: &str) -> String {
    format!("instance_findings.{instance}")
}

pub(super) async fn run(context: &Arc<Context>, call: &ActionCall) -> Result<Value, Refusal> {
    let mut new = new_instance(context, call)?;
    if let Some(registered) = context.catalog.find_instance(&new.id).await? {
        return again(context, call, &new, &registered).await;
    }
    let checked = check(context, &new).await;
    new.engine_version = checked.version;
    let warnings: Vec<String> = checked.findings.iter().map(text_of).collect();
    let mut change = call.change(context).await?;
    let id = new.id.clone();
    change.register_instance(new).await.map_err(refused)?;
    let policy = BackupPolicy::default();
    change.put_policy(&id, &policy).await?;
    change.put_setting(&findings_setting(id.as_str()), &json!(warnings).to_string()).await?;
    change.commit().await?;
    for warning in &warnings {
        tracing::warn!(instance = %id, "the new instance cannot be backed up yet: {warning}");
    }
    Ok(answer(context, call, &policy, &warnings))
}

fn answer(context: &Context, call: &ActionCall, policy: &BackupPolicy, warnings: &[String]) -> Value {
    let id = call.required_instance();
    let policy = policy_fields(context, id, policy, call.now);
    let shown = |(name, _): &(String, Value)| POLICY_FIELDS.contains(&name.as_str());
    let fields = json!({
        "DBInstanceId": id.as_str(),
        "Warnings": { "Warning": warnings },
        "BackupPolicy": policy.into_iter().filter(shown).collect::<Map<_, _>>(),
    });
    let Value::Object(fields) = fields else { unreachable!("it was written as an object") };
    super::known_fields(call.action, fields)
}

/// What is answered of the policy; DescribeBackupPolicy has the rest.
const POLICY_FIELDS: [&str; 5] = [
    "PreferredBackupTime",
    "PreferredBackupPeriod",
    "PreferredNextBackupTime",
    "BackupRetentionPeriod",
    "FullBackupIntervalDays",
];

fn new_instance(context: &Context, call: &ActionCall) -> Result<NewInstance, Refusal> {
    let arguments = &call.arguments;
    let engine = words::engine_of(arguments.required_text("Engine"));
    let engine = engine.filter(|engine| context.engines.supports(*engine));
    let engine = engine.ok_or(ErrorCode::IncorrectDBInstanceEngine)?;
    let id = call.required_instance().clone();
    let data_directory = arguments.text("DataDirectory").map(str::to_owned);
    if data_directory.as_ref().is_some_and(|directory| !directory.starts_with('/')) {
        let reason = "an absolute path is expected";
        return Err(ApiError::about_because(ErrorCode::ParamMalformed, "DataDirectory", reason).into());
    }
    let ssl_mode = arguments.required_text("SslMode").parse::<SslMode>();
    let ssl_mode = ssl_mode.map_err(|_| ApiError::about(ErrorCode::ParamValueNotSupport, "SslMode"))?;
    let port = arguments.natural("Port").and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| ApiError::about(ErrorCode::MissingParam, "Port"))?;
    let seal = |password: &str| context.secrets.seal(&sealed_for(id.as_str()), password.as_bytes());
    Ok(NewInstance {
        engine,
        engine_version: None,
        host: arguments.required_text("Host").to_owned(),
        port,
        user: arguments.required_text("User").to_owned(),
        sealed_password: arguments.text("Password").map(seal),
        ssl_mode,
        ca_certificate: arguments.text("CaCertificate").map(str::to_owned),
        data_directory,
        description: arguments.text("DBInstanceDescription").map(str::to_owned),
        id,
    })
}

/// The same settings again are fine, and checked again; other settings need a deregistration first.
async fn again(
    context: &Arc<Context>,
    call: &ActionCall,
    new: &NewInstance,
    registered: &Instance,
) -> Result<Value, Refusal> {
    let given = call.arguments.text("Password");
    let stored = password_of(registered, &context.secrets)?;
    let same = new.engine == registered.engine
        && new.host == registered.host
        && new.port == registered.port
        && new.user == registered.user
        && new.ssl_mode == registered.ssl_mode
        && new.ca_certificate == registered.ca_certificate
        && new.data_directory == registered.data_directory
        && new.description == registered.description
        && given == stored.as_deref().map(String::as_str);
    if !same {
        return Err(ErrorCode::InvalidDBInstanceIdDuplicate.into());
    }
    let checked = check(context, new).await;
    let warnings: Vec<String> = checked.findings.iter().map(text_of).collect();
    let mut change = call.change(context).await?;
    if let Some(version) = &checked.version {
        change.record_engine_version(&new.id, version).await?;
    }
    change.put_setting(&findings_setting(new.id.as_str()), &json!(warnings).to_string()).await?;
    change.commit().await?;
    let policy = policy_of(context, &new.id, call.now).await?;
    Ok(answer(context, call, &policy, &warnings))
}

#[derive(Default)]
struct CheckOutcome {
    version: Option<String>,
    findings: Vec<Finding>,
}

async fn check(context: &Arc<Context>, new: &NewInstance) -> CheckOutcome {
    let instance = unregistered(new, context.clock.now());
    let shared = Arc::clone(context);
    let work = tokio::task::spawn_blocking(move || check_now(&shared, &instance));
    let problem = match tokio::time::timeout(CHECK_TIMEOUT, work).await {
        Ok(Ok(Ok(outcome))) => return outcome,
        Ok(Ok(Err(problem))) => problem,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the server did not answer within {} seconds", CHECK_TIMEOUT.as_secs()),
    };
    let remedy =
        "see that the server runs and can be reached from here; `backstop doctor` tests it again".to_owned();
    CheckOutcome { version: None, findings: vec![Finding { problem, remedy }] }
}

fn check_now(context: &Context, instance: &Instance) -> Result<CheckOutcome, String> {
    let password = password_of(instance, &context.secrets).map_err(|error| error_chain(&error))?;
    let engine = context.engines.engine_for(instance, password).map_err(|error| error_chain(&error))?;
    let checked = engine.check(&Uncontrolled).map_err(|error| error_chain(&error))?;
    Ok(CheckOutcome { version: Some(checked.server_version), findings: checked.findings })
}

/// The instance as its engine sees it, before it has a row.
fn unregistered(new: &NewInstance, now: jiff::Timestamp) -> Instance {
    let new = new.clone();
    Instance {
        id: new.id,
        engine: new.engine,
        engine_version: new.engine_version,
        host: new.host,
        port: new.port,
        user: new.user,
        sealed_password: new.sealed_password,
        ssl_mode: new.ssl_mode,
        ca_certificate: new.ca_certificate,
        data_directory: new.data_directory,
        description: new.description,
        host_instance: 0,
        created: now,
        deregistered: None,
    }
}

fn text_of(finding: &Finding) -> String {
    format!("{} ({})", finding.problem, finding.remedy)
}

fn refused(error: RegisterError) -> Refusal {
    match error {
        RegisterError::Exists { .. } => ErrorCode::InvalidDBInstanceIdDuplicate.into(),
        RegisterError::Catalog(error) => error.into(),
        other => Refusal::internal(other.to_string()),
    }
}
