//! ModifyBackupSetExpireTime.

use catalog::SetExpiryError;
use repository::BackupSetId;
use rpc::{ApiError, ErrorCode, render_seconds};
use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.known.require(&context.catalog, instance).await?;
    let set = call.arguments.natural("BackupId").and_then(BackupSetId::new);
    let set = set.ok_or(ErrorCode::InvalidBackupSetIdNotFound)?;
    let expires = call.arguments.time("ExpectExpireTime");
    let expires = expires.ok_or_else(|| ApiError::about(ErrorCode::MissingParam, "ExpectExpireTime"))?;
    let mut change = call.change(context).await?;
    change.set_expiry(instance, set, expires).await.map_err(refused)?;
    change.commit().await?;
    tracing::info!(%instance, %set, %expires, "a set expires later");
    Ok(json!({ "Code": "200", "Data": "", "Message": "success", "Success": true }))
}

fn refused(error: SetExpiryError) -> Refusal {
    let malformed = |reason: String| {
        ApiError::about_because(ErrorCode::ParamMalformed, "ExpectExpireTime", reason).into()
    };
    match error {
        SetExpiryError::NotFound { .. } => ErrorCode::InvalidBackupSetIdNotFound.into(),
        SetExpiryError::Earlier { present, .. } => malformed(present.map_or_else(
            || "the set is kept for ever".to_owned(),
            |present| format!("not before the present expiry, {}, is expected", render_seconds(present)),
        )),
        SetExpiryError::Catalog(error) => error.into(),
        other => Refusal::internal(other.to_string()),
    }
}
