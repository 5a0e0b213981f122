//! DescribeAuditLog: what was changed, and what was refused.

use catalog::{AuditFilter, AuditPosition, AuditRecord, NewAuditRecord};
use repository::InstanceId;
use rpc::{ApiError, ErrorCode, RequestId, render_seconds};
use serde_json::{Value, json};

use super::ActionCall;
use crate::audit::{flush_refusals, request_of_diagnostic};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    call.require_all_instances()?;
    let arguments = &call.arguments;
    let (start, end) = call.time_range()?;
    let after = arguments.text("NextToken").map(|token| {
        let wrong = "the NextToken of an answer before is expected";
        let malformed = || ApiError::about_because(ErrorCode::ParamMalformed, "NextToken", wrong);
        token.parse::<AuditPosition>().map_err(|_| malformed())
    });
    let filter = AuditFilter {
        start,
        end,
        request_id: request_id(call)?,
        key: arguments.text("AccessKeyId").map(str::to_owned),
        instance: call.instance.clone(),
        after: after.transpose()?,
    };
    // What this node refused a moment ago is part of the answer.
    flush_refusals(context).await;
    let asked = arguments.natural("MaxResults").unwrap_or(100);
    let mut records = context.catalog.list_audits(&filter, asked.saturating_add(1)).await?;
    let more = records.len() > asked as usize;
    records.truncate(asked as usize);
    let next = records.last().filter(|_| more).map(|record| record.position.to_string());
    let rows: Vec<Value> = records.iter().map(row).collect();
    Ok(json!({ "Items": { "AuditRecord": rows }, "NextToken": next }))
}

/// The request asked for, by its id or by what its sender was told.
fn request_id(call: &ActionCall) -> Result<Option<String>, Refusal> {
    let written = call.arguments.text("RequestId");
    let of_message = call.arguments.text("EncodedDiagnosticMessage").map(|message| {
        let wrong = "the message of an AccessDeniedDetail is expected";
        let malformed =
            || ApiError::about_because(ErrorCode::ParamMalformed, "EncodedDiagnosticMessage", wrong);
        request_of_diagnostic(message).ok_or_else(malformed)
    });
    // In whatever case it was noted down; what is no id is no request's.
    let written = written.map(|text| RequestId::parse(text).map_or(text.to_owned(), |id| id.to_string()));
    match (written, of_message.transpose()?.map(|id| id.to_string())) {
        (Some(written), Some(of_message)) if written != of_message => {
            let error = ApiError::new(ErrorCode::InvalidParameterCombination);
            Err(error.with_message("RequestId and EncodedDiagnosticMessage are of two requests.").into())
        }
        (written, of_message) => Ok(of_message.or(written)),
    }
}

fn row(AuditRecord { position: _, record }: &AuditRecord) -> Value {
    let NewAuditRecord { at, request_id, key, action, instance, outcome, message, source, details } = record;
    json!({
        "AccessKeyId": key,
        "Action": action,
        "DBInstanceId": instance.as_ref().map(InstanceId::as_str),
        "Details": details.to_string(),
        "EventTime": render_seconds(*at),
        "Message": Some(message).filter(|message| !message.is_empty()),
        "Outcome": outcome,
        "RequestId": request_id,
        "SourceIpAddress": source,
    })
}
