//! CreateAccessKey: a key, or one that ends by itself. Its secrets are in the answer and nowhere else.

use catalog::{AccessKeyKind, CreateAccessKeyError, NewAccessKey};
use jiff::SignedDuration;
use repository::InstanceId;
use rpc::{ApiError, ErrorCode, render_seconds};
use serde_json::{Value, json};

use super::ActionCall;
use super::key_words::{key_type, role_of};
use crate::access_key::{Issued, issue, sealed_for};
use crate::context::Context;
use crate::refusal::Refusal;

/// Of a temporary key, unless the call says otherwise.
const DURATION_SECONDS: i64 = 3600;
/// Instances that one key may be for.
const INSTANCES_MAX: usize = 100;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    call.require_all_instances()?;
    let arguments = &call.arguments;
    let role = role_of(arguments.required_text("Role"));
    let kind = match arguments.required_text("KeyType") {
        "Temporary" => AccessKeyKind::Temporary,
        "Bearer" => AccessKeyKind::Bearer,
        _ => AccessKeyKind::Permanent,
    };
    let seconds = match (kind, arguments.integer("DurationSeconds")) {
        (AccessKeyKind::Permanent, Some(_)) => {
            let error = ApiError::new(ErrorCode::InvalidParameterCombination);
            let message = "DurationSeconds needs KeyType=Temporary or KeyType=Bearer.";
            return Err(error.with_message(message).into());
        }
        (AccessKeyKind::Temporary, None) => Some(DURATION_SECONDS),
        (_, seconds) => seconds,
    };
    let expires = seconds.and_then(|seconds| call.now.checked_add(SignedDuration::from_secs(seconds)).ok());
    let instances = arguments.text("DBInstanceIds").map(instances).transpose()?;
    let Issued { id, secret, token } = issue(kind)?;
    let new = NewAccessKey {
        id: id.clone(),
        sealed_secret: context.secrets.seal(&sealed_for(&id), secret.as_bytes()),
        kind,
        role,
        instances: instances.clone(),
        token_hash: token.as_ref().map(|token| blake3::hash(token.as_bytes()).as_bytes().to_vec()),
        expires,
    };
    let mut change = call.change_noting(context, json!({ "NewAccessKeyId": id })).await?;
    change.create_access_key(new).await.map_err(|error| match error {
        CreateAccessKeyError::Catalog(error) => error.into(),
        CreateAccessKeyError::Exists { id } => Refusal::internal(format!("the random id {id} is taken")),
        other => Refusal::internal(other.to_string()),
    })?;
    change.commit().await?;
    let mut answer = json!({ "AccessKeyId": id, "KeyType": key_type(kind), "Role": role.as_str() });
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            answer[name] = value;
        }
    };
    put("AccessKeySecret", (kind != AccessKeyKind::Bearer).then(|| secret.into()));
    put("SecurityToken", token.clone().filter(|_| kind == AccessKeyKind::Temporary).map(Value::from));
    put("BearerToken", token.filter(|_| kind == AccessKeyKind::Bearer).map(Value::from));
    put("Expiration", expires.map(|expires| render_seconds(expires).into()));
    put("DBInstanceIds", instances.map(|ids| ids.iter().map(InstanceId::as_str).collect()));
    Ok(answer)
}

/// A comma-separated list of ids. They need not be registered yet.
fn instances(text: &str) -> Result<Vec<InstanceId>, ApiError> {
    let malformed =
        |reason: &str| ApiError::about_because(ErrorCode::ParamMalformed, "DBInstanceIds", reason);
    let ids = text.split(',').map(|id| id.trim().parse::<InstanceId>());
    let ids = ids.collect::<Result<Vec<_>, _>>();
    let mut ids = ids.map_err(|_| malformed("ids of instances, comma-separated, are expected"))?;
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > INSTANCES_MAX {
        return Err(malformed(&format!("at most {INSTANCES_MAX} ids are expected")));
    }
    Ok(ids)
}
