//! ModifyBackupPolicy.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, ParameterSpec, Role,
    parameter_spec::{DB_INSTANCE_ID, TEXT, choice, optional},
    shape::{boolean, number, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "ModifyBackupPolicy",
    doc: "Changes the backup policy of an instance. What is not sent stays as it is. With BackupPolicyMode \
          DataBackupPolicy (the default), PreferredBackupTime, PreferredBackupPeriod and BackupRetentionPeriod \
          are sent together; with LogBackupPolicy, EnableBackupLog. A parameter that belongs to the other mode \
          is checked and not taken over. A shorter retention period holds for the automated sets that exist, \
          but for those whose expiry was set by hand.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: false,
    parameters: PARAMETERS,
    response: RESPONSE,
    never_sent: &[],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::MissingParam,
        ErrorCode::InvalidBackupRetentionPeriod,
        ErrorCode::InvalidLogBackupFrequency,
        ErrorCode::InvalidReleasedKeepPolicy,
        ErrorCode::IncorrectBackupPolicy,
        ErrorCode::IncorrectCategory,
        ErrorCode::OperationDeniedNotSupportedBackupMethod,
    ],
    example: Example {
        parameters: &[
            ("DBInstanceId", "rm-uf6wjk5xxxxxxx"),
            ("PreferredBackupTime", "15:00Z-16:00Z"),
            ("PreferredBackupPeriod", "Monday,Thursday"),
            ("BackupRetentionPeriod", "7"),
        ],
        response: r#"{"CompressType":"1","DBInstanceID":"rm-uf6wjk5xxxxxxx","EnableBackupLog":"1",
            "EnableIncrementDataBackup":true}"#,
    },
};

const DAYS: ParameterKind = ParameterKind::Integer { min: 7, max: 730, also: &[] };

const CLOUD_ONLY: &str =
    "It is about a cloud's disks, nodes or editions, which a server of one's own has not.";
const LOCAL_LOG: &str = "The database server itself decides how long it keeps its own log.";
const SQL_SERVER: &str = "It is about SQL Server.";
const ARCHIVED: &str = "There is one storage class: a set stays in the repository until it expires.";
const ADVANCED: &str = "One policy with one retention period is what is obeyed.";

const PARAMETERS: &[ParameterSpec] = &[
    DB_INSTANCE_ID,
    optional(
        "BackupPolicyMode",
        choice(&["DataBackupPolicy", "LogBackupPolicy"]),
        "Which half of the policy is changed; by default DataBackupPolicy.",
        "DataBackupPolicy",
    ),
    optional(
        "PreferredBackupTime",
        ParameterKind::HourWindow,
        "The hour in which backups start, UTC. A backup is due at its start, plus up to half an hour that the \
         instance's id fixes, so that many instances do not start at once.",
        "15:00Z-16:00Z",
    ),
    optional(
        "PreferredBackupPeriod",
        ParameterKind::Weekdays { count_min: 2 },
        "The days of the week on which they start, UTC: at least two of Monday to Sunday, comma-separated.",
        "Monday,Thursday",
    ),
    optional("BackupRetentionPeriod", DAYS, "Days for which automated sets are kept, 7 to 730.", "7")
        .refused_with(ErrorCode::InvalidBackupRetentionPeriod),
    optional(
        "FullBackupIntervalDays",
        ParameterKind::Integer { min: 1, max: 730, also: &[] },
        "An extension: an automated backup refers to no older set when the newest that does so is older than \
         this many days, 1 to 730. Default: 30.",
        "30",
    ),
    optional(
        "EnableIncrementDataBackup",
        ParameterKind::Boolean,
        "Whether automated backups refer to what older sets hold already. If not, each is a full one.",
        "true",
    ),
    optional(
        "IncBackupInterval",
        ParameterKind::Integer { min: 60, max: 60, also: &[120, 240, 360, 720] },
        "60, 120, 240, 360 or 720: further automated backups every so many minutes, day and night. Only with \
         EnableIncrementDataBackup; sending EnableIncrementDataBackup without it ends them.",
        "",
    ),
    optional(
        "BackupMethod",
        choice(&["Physical", "Logical", "Snapshot"]),
        "How data is read. Scheduled backups are Physical; the others are refused.",
        "Physical",
    ),
    optional(
        "CompressType",
        choice(&["0", "1", "2", "4", "8"]),
        "0: the instance's backups are not compressed. 1: they are, with zstd. Never set: as the service is \
         configured.",
        "1",
    )
    .without_effect("Of its values, 2, 4 and 8 are taken as 1."),
    optional(
        "ReleasedKeepPolicy",
        choice(&["None", "Lastest", "All"]),
        "Which sets are kept when the instance is deregistered: none, the newest (sic), or all.",
        "All",
    )
    .refused_with(ErrorCode::InvalidReleasedKeepPolicy),
    optional(
        "BackupLog",
        choice(&["Enable", "Disabled"]),
        "Whether the log is backed up too, in mode DataBackupPolicy. Obeyed once the service archives logs.",
        "Enable",
    ),
    optional(
        "EnableBackupLog",
        ParameterKind::Choice {
            values: &["1", "0"],
            aliases: &[("True", "1"), ("true", "1"), ("False", "0"), ("false", "0")],
        },
        "The same in mode LogBackupPolicy, where it must be sent: 1 or True, 0 or False.",
        "1",
    ),
    optional(
        "LogBackupRetentionPeriod",
        DAYS,
        "Days for which log backups are kept, 7 to 730, and not more than BackupRetentionPeriod; in either mode. \
         Obeyed once the service archives logs.",
        "7",
    ),
    optional(
        "BackupPriority",
        ParameterKind::Integer { min: 1, max: 2, also: &[] },
        "1 standby, 2 primary.",
        "2",
    )
    .without_effect(SQL_SERVER),
    optional("LogBackupFrequency", choice(&["LogInterval"]), "LogInterval: every 30 minutes.", "LogInterval")
        .refused_with(ErrorCode::InvalidLogBackupFrequency)
        .without_effect(SQL_SERVER),
    optional(
        "Category",
        choice(&[
            "Standard",
            "Flash",
            "Basic",
            "HighAvailability",
            "AlwaysOn",
            "cluster",
            "Finance",
            "serverless_basic",
            "serverless_standard",
            "serverless_ha",
        ]),
        "The edition, or whether backups take seconds (Flash).",
        "Standard",
    )
    .refused_with(ErrorCode::IncorrectCategory)
    .without_effect(CLOUD_ONLY),
    optional(
        "BackupInterval",
        choice(&["-1", "15", "30", "60", "120", "180", "240", "360", "480", "720"]),
        "Minutes between snapshots.",
        "30",
    )
    .without_effect(CLOUD_ONLY),
    optional(
        "EnablePitrProtection",
        ParameterKind::Boolean,
        "Point-in-time recovery; only with BackupLog.",
        "false",
    )
    .without_effect(
        "BackupLog and LogBackupRetentionPeriod say how far back a point in time can be reached.",
    ),
    optional(
        "HighSpaceUsageProtection",
        choice(&["Enable", "Disable"]),
        "Whether logs on the server are deleted when its disk is full.",
        "Enable",
    )
    .without_effect(LOCAL_LOG),
    optional(
        "LocalLogRetentionHours",
        ParameterKind::Integer { min: 0, max: 168, also: &[] },
        "Hours for which the server keeps its log.",
        "18",
    )
    .without_effect(LOCAL_LOG),
    optional(
        "LocalLogRetentionSpace",
        ParameterKind::Integer { min: 0, max: 50, also: &[] },
        "Percent of the server's disk that its log may take.",
        "30",
    )
    .without_effect(LOCAL_LOG),
    optional(
        "LogBackupLocalRetentionNumber",
        ParameterKind::Integer { min: 6, max: 100, also: &[-1] },
        "Log files that the server keeps; -1: all.",
        "60",
    )
    .without_effect(LOCAL_LOG),
    optional(
        "ArchiveBackupKeepCount",
        ParameterKind::Integer { min: 1, max: 31, also: &[] },
        "Archived sets kept: 1 to 31 by month, 1 to 7 by week.",
        "1",
    )
    .without_effect(ARCHIVED),
    optional(
        "ArchiveBackupKeepPolicy",
        choice(&["ByMonth", "ByWeek", "KeepAll"]),
        "The time for which they are counted.",
        "ByMonth",
    )
    .without_effect(ARCHIVED),
    optional(
        "ArchiveBackupRetentionPeriod",
        ParameterKind::Integer { min: 30, max: 1095, also: &[0] },
        "Days for which they are kept; 0: sets are not archived.",
        "365",
    )
    .without_effect(ARCHIVED),
    optional(
        "EnableAdvancedBackupPolicy",
        ParameterKind::Integer { min: 0, max: 1, also: &[] },
        "1 switches the advanced policies on.",
        "1",
    )
    .without_effect(ADVANCED),
    optional(
        "AdvancedDataPolicies",
        ParameterKind::NumberedObjects { fields: DATA_POLICY, count_max: ADVANCED_COUNT_MAX },
        "The advanced data policies.",
        "",
    )
    .without_effect(ADVANCED),
    optional(
        "AdvancedLogPolicies",
        ParameterKind::NumberedObjects { fields: LOG_POLICY, count_max: ADVANCED_COUNT_MAX },
        "The advanced log policies.",
        "",
    )
    .without_effect(ADVANCED),
];

/// More advanced policies than anybody has; the bound keeps a stored policy small.
const ADVANCED_COUNT_MAX: usize = 20;

const WHOLE_NUMBER: ParameterKind = ParameterKind::Integer { min: -1, max: i32::MAX as i64, also: &[] };

const DATA_POLICY: &[ParameterSpec] = &[
    field("ActionType", TEXT),
    field("BakType", TEXT),
    field("DestRegion", TEXT),
    field("DestType", TEXT),
    field("FilterKey", TEXT),
    field("FilterType", TEXT),
    field("FilterValue", TEXT),
    field("OnlyPreserveOneEachDay", ParameterKind::Boolean),
    field("OnlyPreserveOneEachHour", ParameterKind::Boolean),
    field("RetentionType", TEXT),
    field("RetentionValue", WHOLE_NUMBER),
    field("SrcRegion", TEXT),
    field("SrcType", TEXT),
    field("StrategyId", TEXT),
];

const LOG_POLICY: &[ParameterSpec] = &[
    field("ActionType", TEXT),
    field("DestRegion", TEXT),
    field("DestType", TEXT),
    field("EnableLogBackup", WHOLE_NUMBER),
    field("FilterKey", TEXT),
    field("FilterValue", TEXT),
    field("LogRetentionType", TEXT),
    field("LogRetentionValue", WHOLE_NUMBER),
    field("SrcRegion", TEXT),
    field("SrcType", TEXT),
    field("StrategyId", TEXT),
];

const fn field(name: &'static str, kind: ParameterKind) -> ParameterSpec {
    optional(name, kind, "Answered as it was set.", "")
}

const RESPONSE: &[FieldSpec] = &[
    text("CompressType", "0 no compression, else the value that was set; 1 where none was."),
    text("DBInstanceID", "The instance's id; with a capital D, unlike everywhere else."),
    text("EnableBackupLog", "1 or 0."),
    boolean("EnableIncrementDataBackup", "Whether automated backups refer to what older sets hold."),
    number("IncBackupInterval", "Minutes between further automated backups; absent: none."),
    boolean("EnablePitrProtection", "As it was set."),
    text("HighSpaceUsageProtection", "As it was set."),
    number("LocalLogRetentionHours", "As it was set."),
    text("LocalLogRetentionSpace", "As it was set."),
    number("LogBackupLocalRetentionNumber", "As it was set."),
];
