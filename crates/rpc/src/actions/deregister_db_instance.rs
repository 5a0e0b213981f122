//! DeregisterDBInstance, an extension.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    parameter_spec::{DB_INSTANCE_ID, RELEASED_KEEP_POLICY},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DeregisterDBInstance",
    doc: "Forgets an instance: no further backups of it. The server itself is neither connected to nor changed. \
          What is kept of its sets is listed by DescribeDetachedBackups and can be restored. Refused while a \
          backup job of the instance runs.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: true,
    parameters: &[DB_INSTANCE_ID, RELEASED_KEEP_POLICY],
    response: &[],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::OperationDeniedBackupJobRunning],
    example: Example { parameters: &[("DBInstanceId", "orders")], response: "{}" },
};
