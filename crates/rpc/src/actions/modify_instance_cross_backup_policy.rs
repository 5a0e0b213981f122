//! ModifyInstanceCrossBackupPolicy, which is refused.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    never_sent::{REFUSED, never},
    parameter_spec::{DB_INSTANCE_ID, REGION_ID, TEXT, choice, optional},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "ModifyInstanceCrossBackupPolicy",
    doc: "Would have sets of an instance copied to another region. Copying is not there yet: once its parameters are \
          found right, the call is refused, and nothing is changed.",
    role: Role::Operator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        REGION_ID,
        optional("BackupEnabled", choice(&["0", "1"]), "1: copy sets; 0: do not.", "1"),
        optional("CrossBackupRegion", TEXT, "The region to copy to.", "cn-shanghai"),
        optional("CrossBackupType", choice(&["1"]), "1: copy all.", "1"),
        optional("LogBackupEnabled", choice(&["0", "1"]), "1: copy log files; 0: do not.", "1"),
        optional(
            "RetentType",
            ParameterKind::Integer { min: 1, max: 1, also: &[] },
            "1: copies are kept for days.",
            "1",
        ),
        optional(
            "Retention",
            ParameterKind::Integer { min: 7, max: 1825, also: &[] },
            "Days for which copies are kept.",
            "15",
        ),
    ],
    response: &[],
    never_sent: &[never(
        "",
        &[
            "BackupEnabled",
            "CrossBackupRegion",
            "CrossBackupType",
            "DBInstanceId",
            "LogBackupEnabled",
            "RegionId",
            "RetentType",
            "Retention",
        ],
        REFUSED,
    )],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::OperationDeniedNotSupported],
    example: Example {
        parameters: &[
            ("DBInstanceId", "rm-uf6wjk5xxxxxxx"),
            ("RegionId", "cn-hangzhou"),
            ("BackupEnabled", "1"),
        ],
        response: "{}",
    },
};
