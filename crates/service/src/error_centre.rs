//! The error centre: what a code means and what to do about it, from the error table, and what became of one
//! request. The `Recommend` field of every error leads here.
//!
//! A request's id is unguessable and told to its sender alone, so whoever has it may see what the request was. The
//! page shows no parameter and no key.

mod page;
mod recent;

use rpc::{ErrorCode, RequestId};

use crate::context::Context;
use crate::error_chain::error_chain;

pub(crate) use recent::{RecentRefusals, RefusedRequest};

/// The page that `query` asks for: `q` is a code, `requestId` a request.
pub(crate) async fn page(context: &Context, query: &str) -> String {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(key, _)| *key == name).map(|(_, value)| value.replace('+', " "));
        found.map(|value| percent_encoding::percent_decode_str(&value).decode_utf8_lossy().trim().to_owned())
    };
    let code = value("q").filter(|code| !code.is_empty());
    let request = value("requestId").filter(|id| !id.is_empty());
    let id = request.as_deref().and_then(RequestId::parse);
    let told = match id.and_then(|id| context.recent_refusals.find(id)) {
        Some(told) => Some(told),
        None => audited(context, id).await,
    };
    let row = code.as_deref().and_then(ErrorCode::find).map(|(row, _)| row);
    page::render(code.as_deref(), row, request.as_deref(), told.as_ref())
}

/// What the audit log has of a request.
async fn audited(context: &Context, id: Option<RequestId>) -> Option<RefusedRequest> {
    match context.catalog.find_audit(&id?.to_string()).await {
        Ok(found) => found.map(|found| RefusedRequest::of_record(found.record)),
        Err(error) => {
            tracing::warn!("look for a request in the audit log: {}", error_chain(&error));
            None
        }
    }
}
