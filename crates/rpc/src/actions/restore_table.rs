//! RestoreTable, which is refused.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{CLIENT_TOKEN, DB_INSTANCE_ID, ID, TABLE_META, optional},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "RestoreTable",
    doc: "Would restore tables into the running server. This service writes into no server: once its parameters are \
          found right, the call is refused, and nothing is changed. `backstop restore` writes a data directory, from \
          which a table can be dumped.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        TABLE_META.required(),
        optional("BackupId", ID, "The set. This or RestoreTime is needed.", "9026262"),
        optional("RestoreTime", ParameterKind::Time, "The moment to restore, UTC.", "2011-06-11T16:00:00Z"),
        optional("InstantRecovery", ParameterKind::Boolean, "Whether to restore fast.", "true"),
        CLIENT_TOKEN,
    ],
    response: &[],
    never_sent: &[],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::InvalidBackupSetIdNotFound,
        ErrorCode::OperationDeniedNotSupported,
    ],
    example: Example {
        parameters: &[
            ("DBInstanceId", "rm-uf6wjk5xxxxxxx"),
            ("BackupId", "9026262"),
            ("TableMeta", r#"[{"type":"db","name":"testdb1","newname":"testdb1_new","tables":[]}]"#),
        ],
        response: "{}",
    },
};
