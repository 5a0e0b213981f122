//! ModifyBackupSetExpireTime.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{DB_INSTANCE_ID, ID, required},
    shape::{boolean, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "ModifyBackupSetExpireTime",
    doc: "Has a backup set expire later than it would. From then on the set no longer follows the policy's \
          retention period.",
    role: Role::Operator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        required("BackupId", ID, "The set.", "321020562"),
        required(
            "ExpectExpireTime",
            ParameterKind::Time,
            "When the set is to expire, UTC, to the minute or to the second: not before it would anyway. A set \
             that is kept for ever stays so.",
            "2027-06-17T12:10:23Z",
        ),
    ],
    response: &[
        text("Code", "200."),
        text("Data", "Empty."),
        text("Message", "The word success."),
        boolean("Success", "Always true; a refusal is an error."),
    ],
    never_sent: &[],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::InvalidBackupSetIdNotFound,
        ErrorCode::ParamMalformed,
    ],
    example: Example {
        parameters: &[
            ("DBInstanceId", "rm-uf6wjk5xxxxxxx"),
            ("BackupId", "321020562"),
            ("ExpectExpireTime", "2027-06-17T12:10Z"),
        ],
        response: r#"{"Code":"200","Data":"","Message":"success","Success":true}"#,
    },
};
