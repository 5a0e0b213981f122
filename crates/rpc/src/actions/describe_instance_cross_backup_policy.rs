//! DescribeInstanceCrossBackupPolicy.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    never_sent::never,
    parameter_spec::{DB_INSTANCE_ID, REGION_ID},
    shape::text,
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeInstanceCrossBackupPolicy",
    doc: "Tells whether sets of an instance are copied to another region. Copying is not there yet: Disable.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[DB_INSTANCE_ID, REGION_ID],
    response: &[
        text("BackupEnabled", "Disable: sets are not copied."),
        text("DBInstanceDescription", "The display name; absent when there is none."),
        text("DBInstanceId", "The instance's id."),
        text("DBInstanceStatus", "Running."),
        text("Engine", "PostgreSQL, MySQL or MariaDB."),
        text("EngineVersion", "The server's major version; absent until it was reached once."),
        text("LockMode", "Unlock."),
        text("LogBackupEnabled", "Disable: log files are not copied."),
        text("RegionId", "The region's id."),
    ],
    never_sent: &[never(
        "",
        &[
            "BackupEnabledTime",
            "CrossBackupRegion",
            "CrossBackupType",
            "LogBackupEnabledTime",
            "RetentType",
            "Retention",
        ],
        "Settings of copies, which are disabled.",
    )],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("RegionId", "cn-hangzhou")],
        response: r#"{"BackupEnabled":"Disable","DBInstanceDescription":"Test database",
            "DBInstanceId":"rm-uf6wjk5xxxxxxx","DBInstanceStatus":"Running","Engine":"PostgreSQL",
            "EngineVersion":"15.0","LockMode":"Unlock","LogBackupEnabled":"Disable","RegionId":"cn-hangzhou"}"#,
    },
};
