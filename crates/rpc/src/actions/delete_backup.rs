//! DeleteBackup.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{DB_INSTANCE_ID, required},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DeleteBackup",
    doc: "Deletes backup sets: all that are named, or none. A set disappears from the lists at once; its \
          space is freed after the grace period, and only where no other set refers to it.",
    role: Role::Operator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        required(
            "BackupId",
            ParameterKind::IntegerList { min: 1, max: i32::MAX as i64, count_max: 100 },
            "The ids of up to 100 sets, comma-separated; each must have StoreStatus Enabled.",
            "324909131,324909132",
        ),
    ],
    response: &[],
    never_sent: &[],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::InvalidBackupSetIdNotFound,
        ErrorCode::OperationDeniedBackupInUse,
    ],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("BackupId", "324909131,324909132")],
        response: "{}",
    },
};
