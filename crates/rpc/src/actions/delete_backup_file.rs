//! DeleteBackupFile.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{DB_INSTANCE_ID, REGION_ID, TEXT, optional},
    shape::{number_list, object},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DeleteBackupFile",
    doc: "Deletes backup sets by id or by age, and answers which. The newest set that can be restored is not \
          deleted here: by age it is left out, by id it is refused; DeleteBackup deletes it.",
    role: Role::Operator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional(
            "BackupId",
            ParameterKind::IntegerList { min: 1, max: i32::MAX as i64, count_max: 100 },
            "The ids of up to 100 sets, comma-separated: all are deleted, or none. This or BackupTime is needed.",
            "321020562",
        ),
        optional(
            "BackupTime",
            ParameterKind::Time,
            "Only sets that ended before this time, UTC.",
            "2011-06-11T16:00:00Z",
        ),
        optional(
            "DBName",
            TEXT,
            "Only files of this database alone. Every set here is of a whole server, so there are none.",
            "testdb",
        ),
        REGION_ID,
    ],
    response: &[object(
        "DeletedBaksetIds",
        &[number_list("DeletedBaksetIds", "The ids of the sets that were deleted.")],
        "What was deleted.",
    )],
    never_sent: &[],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::InvalidBackupSetIdNotFound,
        ErrorCode::OperationDeniedBackupInUse,
    ],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("BackupId", "321020562")],
        response: r#"{"DeletedBaksetIds":{"DeletedBaksetIds":[321020562]}}"#,
    },
};
