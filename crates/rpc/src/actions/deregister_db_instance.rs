//! DeregisterDBInstance, an extension.

use crate::{ActionSpec, Effect, ErrorCode, Example, Role, parameter_spec::DB_INSTANCE_ID};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DeregisterDBInstance",
    doc: "Forgets an instance: no further backups of it. Its sets stay in the repository and can be \
          restored from there. Refused while a backup job of the instance runs.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: true,
    parameters: &[DB_INSTANCE_ID],
    response: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::OperationDeniedBackupJobRunning],
    example: Example { parameters: &[("DBInstanceId", "orders")], response: "{}" },
};
