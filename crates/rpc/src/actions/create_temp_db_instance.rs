//! CreateTempDBInstance, which is refused.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    never_sent::{REFUSED, never},
    parameter_spec::{DB_INSTANCE_ID, ID, RESOURCE_GROUP_ID, optional},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "CreateTempDBInstance",
    doc: "Would make a temporary server from a set. This service makes no servers: once its parameters are found \
          right, the call is refused, and nothing is changed. `backstop restore` writes a data directory to start one \
          from.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional("BackupId", ID, "The set. This or RestoreTime is needed.", "603524"),
        optional("RestoreTime", ParameterKind::Time, "The moment to restore, UTC.", "2011-06-11T16:00:00Z"),
        RESOURCE_GROUP_ID,
    ],
    response: &[],
    never_sent: &[never("", &["TempDBInstanceId"], REFUSED)],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::InvalidBackupSetIdNotFound,
        ErrorCode::OperationDeniedNotSupported,
    ],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("BackupId", "603524")],
        response: "{}",
    },
};
