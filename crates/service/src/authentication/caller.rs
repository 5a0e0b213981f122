//! What a caller may do: a role, and a list of instances.

use std::sync::Arc;

use repository::InstanceId;
use rpc::{AccessDenied, ActionSpec, ApiError, ErrorCode, Role};

/// A caller whose signature was right.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: Arc<str>,
    pub(crate) role: Role,
    /// `None`: all.
    pub(crate) instances: Option<Arc<[InstanceId]>>,
}

impl Caller {
    /// # Errors
    /// The role does not reach → `Forbidden.RAM`.
    pub(crate) fn require_role(&self, action: &ActionSpec) -> Result<(), ApiError> {
        if self.role >= action.role { Ok(()) } else { Err(forbidden(action)) }
    }

    /// # Errors
    /// The key is not for that instance → `Forbidden.RAM`.
    pub(crate) fn require_instance(
        &self,
        action: &ActionSpec,
        instance: &InstanceId,
    ) -> Result<(), ApiError> {
        if self.sees(instance) { Ok(()) } else { Err(forbidden(action)) }
    }

    /// # Errors
    /// The key is for some instances only → `Forbidden.RAM`.
    pub(crate) fn require_all_instances(&self, action: &ActionSpec) -> Result<(), ApiError> {
        if self.instances.is_none() { Ok(()) } else { Err(forbidden(action)) }
    }

    /// Whether the key is for that instance.
    pub(crate) fn sees(&self, instance: &InstanceId) -> bool {
        self.instances.as_ref().is_none_or(|instances| instances.contains(instance))
    }
}

fn forbidden(action: &ActionSpec) -> ApiError {
    let detail = AccessDenied {
        auth_action: format!("rds:{}", action.name),
        // Filled in with the record in the audit log that it leads to.
        encoded_diagnostic_message: String::new(),
    };
    ApiError::new(ErrorCode::ForbiddenRam).with_access_denied(detail)
}
