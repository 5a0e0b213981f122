//! What is known of a call while it is judged, so that a refusal can be recorded whatever part of the way it came.

use std::net::IpAddr;

use catalog::NewAuditRecord;
use jiff::Timestamp;
use repository::InstanceId;
use rpc::{ActionSpec, Call, RequestId};
use serde_json::{Value, json};

use super::shortened;
use crate::authentication::Caller;
use crate::refusal::Refusal;

/// Characters of an operation's name that are kept of one that does not exist.
const ACTION_CHARACTERS_MAX: usize = 80;

/// A call whose sender is proven.
#[derive(Debug)]
pub(crate) struct Witness<'c> {
    pub(super) caller: &'c Caller,
    pub(super) claimed_action: &'c str,
    /// As it was sent.
    pub(super) instance: Option<&'c str>,
    pub(super) source: Option<IpAddr>,
    pub(super) now: Timestamp,
    pub(super) request_id: RequestId,
}

impl<'c> Witness<'c> {
    pub(crate) fn new(
        caller: &'c Caller,
        call: &'c Call<'_>,
        source: Option<IpAddr>,
        now: Timestamp,
        request_id: RequestId,
    ) -> Self {
        let instance = call.parameters().find(|parameter| parameter.name == "DBInstanceId");
        let instance = instance.map(|parameter| parameter.value.as_ref());
        Self { caller, claimed_action: call.claimed_action(), instance, source, now, request_id }
    }

    /// The record of a refusal.
    pub(super) fn record_of_refusal(
        &self,
        action: Option<&'static ActionSpec>,
        refusal: &Refusal,
    ) -> NewAuditRecord {
        let claimed = self.claimed_action.chars().take(ACTION_CHARACTERS_MAX);
        let claimed = claimed.filter(|letter| !letter.is_control());
        NewAuditRecord {
            at: self.now,
            request_id: self.request_id.to_string(),
            key: self.caller.key.to_string(),
            action: action.map_or_else(|| claimed.collect(), |action| action.name.to_owned()),
            instance: self.instance.and_then(|id| id.parse().ok()),
            outcome: refusal.error.code().to_owned(),
            message: shortened(refusal.error.loggable_message().to_owned()),
            source: self.source.map(|address| address.to_string()),
            details: self.lacking(action, refusal),
        }
    }

    /// What the caller lacked, where it was a right.
    fn lacking(&self, action: Option<&'static ActionSpec>, refusal: &Refusal) -> Value {
        let (Some(action), Some(denied)) = (action, refusal.error.access_denied()) else { return json!({}) };
        let role = self.caller.role;
        let mut details = json!({ "AuthAction": denied.auth_action, "Role": role.as_str() });
        if role < action.role {
            details["NeedsRole"] = action.role.as_str().into();
        } else if let Some(instances) = &self.caller.instances {
            details["KeyIsForInstances"] = instances.iter().map(InstanceId::as_str).collect();
        }
        details
    }
}
