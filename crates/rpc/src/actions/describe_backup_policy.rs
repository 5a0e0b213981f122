//! DescribeBackupPolicy.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, Role,
    never_sent::{FEATURE, OTHER_ENGINE, never},
    parameter_spec::{DB_INSTANCE_ID, TEXT, choice, optional},
    shape::{boolean, list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeBackupPolicy",
    doc: "Reads the backup policy of an instance, and when its next backup is due. What was never set and has \
          no default here is left out.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional(
            "BackupPolicyMode",
            choice(&["DataBackupPolicy", "LogBackupPolicy"]),
            "Which half of the policy is of interest; the whole policy is answered either way.",
            "DataBackupPolicy",
        ),
        optional("CompressType", TEXT, "Not for this operation.", "").hidden(),
        optional("ReleasedKeepPolicy", TEXT, "Not for this operation.", "").hidden(),
    ],
    response: RESPONSE,
    never_sent: &[
        never(
            "",
            &["PitrRetentionPeriod", "SupportVolumeShadowCopy", "SupportsHighFrequencyBackup"],
            OTHER_ENGINE,
        ),
        never("", &["SupportReleasedKeep"], FEATURE),
    ],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx")],
        response: r#"{"PreferredBackupTime":"15:00Z-16:00Z","PreferredBackupPeriod":"Monday,Thursday",
            "PreferredNextBackupTime":"2026-11-26T15:12Z","BackupRetentionPeriod":7,"BackupMethod":"Physical",
            "CompressType":"1","FullBackupIntervalDays":30,"EnableIncrementDataBackup":true,
            "ReleasedKeepPolicy":"All","BackupLog":"Enable","EnableBackupLog":"1","LogBackupRetentionPeriod":7,
            "SupportModifyBackupPriority":false}"#,
    },
};

const RESPONSE: &[FieldSpec] = &[
    text("PreferredBackupTime", "The hour in which backups start, `HH:mmZ-HH:mmZ`, UTC."),
    text("PreferredBackupPeriod", "The days of the week on which they start, comma-separated."),
    text("PreferredNextBackupTime", "When the next one is due, UTC, to the minute."),
    number("BackupRetentionPeriod", "Days for which automated sets are kept."),
    text("BackupMethod", "How data is read: Physical."),
    text("CompressType", "0 no compression; else zstd, whichever of 1, 2, 4 and 8 was set."),
    number(
        "FullBackupIntervalDays",
        "Days after which an automated backup refers to no older set. An extension.",
    ),
    boolean("EnableIncrementDataBackup", "Whether automated backups refer to what older sets hold."),
    number(
        "IncBackupInterval",
        "Minutes between further automated backups outside the window; absent: none.",
    ),
    text(
        "ReleasedKeepPolicy",
        "Which sets are kept when the instance is deregistered: None, Lastest (sic) or All.",
    ),
    text("BackupLog", "Whether the log is to be backed up: Enable or Disabled."),
    text("EnableBackupLog", "The same as text: 1 or 0."),
    number("LogBackupRetentionPeriod", "Days for which log backups are kept."),
    text("BackupInterval", "As it was set."),
    number("BackupPriority", "As it was set."),
    text("Category", "As it was set."),
    boolean("EnablePitrProtection", "As it was set."),
    text("HighSpaceUsageProtection", "As it was set."),
    number("LocalLogRetentionHours", "As it was set."),
    text("LocalLogRetentionSpace", "As it was set."),
    text("LogBackupFrequency", "As it was set."),
    number("LogBackupLocalRetentionNumber", "As it was set."),
    text("ArchiveBackupKeepCount", "As it was set."),
    text("ArchiveBackupKeepPolicy", "As it was set."),
    text("ArchiveBackupRetentionPeriod", "As it was set."),
    boolean("AdvancedBackupPolicyEnabled", "As it was set with EnableAdvancedBackupPolicy."),
    object("AdvancedDataPolicies", DATA_POLICIES, "As they were set."),
    object("AdvancedLogPolicies", LOG_POLICIES, "As they were set."),
    boolean("SupportModifyBackupPriority", "Whether BackupPriority has an effect: false."),
];

const DATA_POLICIES: &[FieldSpec] = &[list("AdvancedDataPolicy", DATA_POLICY, "One row per policy.")];

const LOG_POLICIES: &[FieldSpec] = &[list("AdvancedLogPolicy", LOG_POLICY, "One row per policy.")];

const DATA_POLICY: &[FieldSpec] = &[
    text("ActionType", "As it was set."),
    text("BakType", "As it was set."),
    text("DestRegion", "As it was set."),
    text("DestType", "As it was set."),
    text("FilterKey", "As it was set."),
    text("FilterType", "As it was set."),
    text("FilterValue", "As it was set."),
    boolean("OnlyPreserveOneEachDay", "As it was set."),
    boolean("OnlyPreserveOneEachHour", "As it was set."),
    text("RetentionType", "As it was set."),
    number("RetentionValue", "As it was set."),
    text("SrcRegion", "As it was set."),
    text("SrcType", "As it was set."),
    text("StrategyId", "As it was set."),
];

const LOG_POLICY: &[FieldSpec] = &[
    text("ActionType", "As it was set."),
    text("DestRegion", "As it was set."),
    text("DestType", "As it was set."),
    number("EnableLogBackup", "As it was set."),
    text("FilterKey", "As it was set."),
    text("FilterValue", "As it was set."),
    text("LogRetentionType", "As it was set."),
    number("LogRetentionValue", "As it was set."),
    text("SrcRegion", "As it was set."),
    text("SrcType", "As it was set."),
    text("StrategyId", "As it was set."),
];
