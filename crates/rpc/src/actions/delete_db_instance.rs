//! DeleteDBInstance.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    parameter_spec::{DB_INSTANCE_ID, RELEASED_KEEP_POLICY},
    shape::text,
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DeleteDBInstance",
    doc: "Deregisters an instance, as DeregisterDBInstance does: no further backups of it. The server itself is \
          neither connected to nor changed. Refused while a backup job of the instance runs.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[DB_INSTANCE_ID, RELEASED_KEEP_POLICY],
    response: &[text("RegionId", "The region's id.")],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::OperationDeniedBackupJobRunning],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("ReleasedKeepPolicy", "Lastest")],
        response: r#"{"RegionId":"cn-hangzhou"}"#,
    },
};
