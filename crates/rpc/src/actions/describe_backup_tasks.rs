//! DescribeBackupTasks, the central operation.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, Role,
    parameter_spec::{CLIENT_TOKEN, DB_INSTANCE_ID, ID, TEXT, choice, optional},
    shape::{list, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeBackupTasks",
    doc: "Lists the backup jobs of an instance that are not yet over, newest first. With BackupJobId, \
          exactly that job whatever its state, and the id of the set that it made.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional(
            "BackupJobId",
            ID,
            "One job only. With it, Finished and Failed jobs are answered too, and BackupId appears.",
            "4762614",
        ),
        optional(
            "BackupJobStatus",
            ParameterKind::Choice {
                values: &["NoStart", "Progressing"],
                // The 2018 edition of the API had numbers for the same two.
                aliases: &[("0", "NoStart"), ("1", "Progressing")],
            },
            "Only jobs that have not started (NoStart) or that have and are not over (Progressing). \
             Default: both.",
            "NoStart",
        ),
        optional(
            "BackupMode",
            choice(&["Automated", "Manual"]),
            "Only jobs that the schedule (Automated) or a caller (Manual) started.",
            "Automated",
        ),
        CLIENT_TOKEN,
        optional("Flag", TEXT, "Reserved; without effect.", "").hidden(),
    ],
    response: &[object("Items", ITEMS, "The list.")],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("BackupJobId", "4762614")],
        response: r#"{"Items":{"BackupJob":[{"BackupId":"346650271","BackupJobId":"4762614",
            "BackupProgressStatus":"Finished","BackupStatus":"Finished","JobMode":"Manual","Process":"100",
            "TaskAction":"TempBackupTask"}]}}"#,
    },
};

const ITEMS: &[FieldSpec] = &[list("BackupJob", BACKUP_JOB, "The jobs; empty when none matches.")];

const BACKUP_JOB: &[FieldSpec] = &[
    text("BackupId", "The id of the set that the job made. Only with BackupJobId, and only when Finished."),
    text("BackupJobId", "The job's id, in digits."),
    text(
        "BackupProgressStatus",
        "What the backup program does: NoStart, Preparing, Waiting, Uploading, Checking (of what was \
         stored), Finished.",
    ),
    text(
        "BackupStatus",
        "The job's state: NoStart, Checking (of the settings), Preparing, Waiting, Uploading, Finished, \
         Failed.",
    ),
    text("JobMode", "Who started it: Automated or Manual."),
    text("Process", "Percent done, 0 to 100, as text. Never falls."),
    text("TaskAction", "NormalBackupTask (scheduled) or TempBackupTask (asked for)."),
];
