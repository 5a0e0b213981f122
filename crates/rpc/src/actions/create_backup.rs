//! CreateBackup.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{DB_INSTANCE_ID, TEXT, choice, optional},
    shape::text,
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "CreateBackup",
    doc: "Starts a backup of an instance and answers at once with the job's id. Watch it with \
          DescribeBackupTasks. A second call while the job runs is refused with BackupJobExists.",
    role: Role::Operator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional(
            "BackupMethod",
            choice(&["Physical", "Logical", "Snapshot"]),
            "How data is read: the server's files (Physical). Logical, a dump, and Snapshot are not supported: once \
             the other parameters are found right, they are refused.",
            "Physical",
        )
        .default_to("Physical"),
        optional(
            "BackupRetentionPeriod",
            ParameterKind::Integer { min: 7, max: 730, also: &[-1] },
            "Days for which this set is kept, 7 to 730, or -1 for ever. Default: the policy's.",
            "7",
        )
        .refused_with(ErrorCode::InvalidBackupRetentionPeriod),
        optional(
            "BackupStrategy",
            choice(&["instance", "db"]),
            "The whole instance, or single databases (Logical only).",
            "instance",
        )
        .default_to("instance"),
        optional(
            "BackupType",
            choice(&["Auto", "FullBackup"]),
            "Auto refers to what older sets hold already; FullBackup refers to no older set.",
            "Auto",
        )
        .default_to("Auto")
        .refused_with(ErrorCode::BackupTypeNotSupport),
        optional(
            "DBName",
            ParameterKind::Text { characters_max: 4096 },
            "The databases, comma-separated; with BackupStrategy=db only.",
            "",
        ),
        optional("ResourceGroupId", TEXT, "A cloud's resource group; without effect.", "").hidden(),
    ],
    response: &[text("BackupJobId", "The job's id, in digits.")],
    never_sent: &[],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::OperationDeniedDBInstanceStatus,
        ErrorCode::IncorrectDBInstanceEngine,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::BackupJobExists,
        ErrorCode::BackupTimesExceeded,
        ErrorCode::OperationDeniedSpace,
        ErrorCode::OperationDeniedNotSupported,
    ],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("BackupMethod", "Physical")],
        response: r#"{"BackupJobId":"5073731"}"#,
    },
};
