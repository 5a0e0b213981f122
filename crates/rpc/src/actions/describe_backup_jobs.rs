//! DescribeBackupJobs, an extension: what DescribeBackupTasks leaves out.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, Role,
    parameter_spec::{
        DB_INSTANCE_ID_FILTER, END_TIME, ID, PAGE_NUMBER, PAGE_SIZE, START_TIME, TEXT, choice, optional,
    },
    shape::{list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeBackupJobs",
    doc: "Lists backup jobs in every state, those that are over included, newest first, with their times, \
          failures and bytes. StartTime and EndTime limit CreateTime. With WaitSeconds, the answer about one \
          job comes when it moves on.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: true,
    parameters: &[
        DB_INSTANCE_ID_FILTER,
        optional("BackupJobId", ID, "One job only.", "4762614"),
        optional("BackupStatus", choice(BACKUP_STATUSES), "Only jobs in this state.", "Failed"),
        optional(
            "BackupMode",
            choice(&["Automated", "Manual"]),
            "Only jobs that the schedule (Automated) or a caller (Manual) started.",
            "Automated",
        ),
        optional(
            "WaitSeconds",
            ParameterKind::Integer { min: 0, max: 30, also: &[] },
            "Only with BackupJobId: how long the answer may wait for that job to move on. It comes as soon \
             as the job's StateToken is another than the one given, or the job is over; and when the client \
             closes its side of the connection or the service stops.",
            "20",
        ),
        optional(
            "StateToken",
            TEXT,
            "With WaitSeconds: the job's StateToken in an earlier answer, so that nothing between the two \
             calls is missed. Without it, the job's state at the beginning of the call counts.",
            "Uploading.Uploading.41",
        ),
        START_TIME,
        END_TIME,
        PAGE_NUMBER,
        PAGE_SIZE,
    ],
    response: &[
        object("Items", ITEMS, "The list."),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    never_sent: &[],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::ThrottlingApi,
    ],
    example: Example {
        parameters: &[("DBInstanceId", "orders"), ("BackupStatus", "Failed")],
        response: r#"{"Items":{"BackupJob":[{"BackupJobId":"4762614","DBInstanceId":"orders",
            "BackupStatus":"Failed","BackupProgressStatus":"Uploading","Process":"41","JobMode":"Manual",
            "TaskAction":"TempBackupTask","BackupMethod":"Physical","BackupType":"Auto",
            "CreateTime":"2026-11-24T03:22:50Z","StartTime":"2026-11-24T03:22:51Z",
            "EndTime":"2026-11-24T03:25:02Z","Attempt":3,"FailureCode":"OperationDenied.SpaceNotEnough",
            "FailureMessage":"free space of the repository is below the floor","BytesPlanned":1073741824,
            "BytesDone":440234147,"StateToken":"Failed.Uploading.41"}]},"PageNumber":1,"PageRecordCount":1,"TotalRecordCount":1}"#,
    },
};

/// The states of a job.
const BACKUP_STATUSES: &[&str] =
    &["NoStart", "Checking", "Preparing", "Waiting", "Uploading", "Finished", "Failed"];

const ITEMS: &[FieldSpec] = &[list("BackupJob", BACKUP_JOB, "The jobs; empty when none matches.")];

/// One job; the job's report begins with the same fields, but for the last.
const BACKUP_JOB: &[FieldSpec] = &[
    BACKUP_JOB_ID,
    DB_INSTANCE_ID,
    BACKUP_STATUS,
    BACKUP_PROGRESS_STATUS,
    PROCESS,
    JOB_MODE,
    TASK_ACTION,
    BACKUP_METHOD,
    BACKUP_TYPE,
    BACKUP_ID,
    CREATE_TIME,
    JOB_START_TIME,
    JOB_END_TIME,
    ATTEMPT,
    FAILURE_CODE,
    FAILURE_MESSAGE,
    BYTES_PLANNED,
    BYTES_DONE,
    STATE_TOKEN,
];

pub(super) const BACKUP_JOB_ID: FieldSpec = text("BackupJobId", "The job's id, in digits.");
pub(super) const DB_INSTANCE_ID: FieldSpec = text("DBInstanceId", "The instance's id.");
pub(super) const BACKUP_STATUS: FieldSpec = text(
    "BackupStatus",
    "The job's state: NoStart, Checking (of the settings), Preparing, Waiting, Uploading, Finished, \
     Failed.",
);
pub(super) const BACKUP_PROGRESS_STATUS: FieldSpec = text(
    "BackupProgressStatus",
    "What the backup program does: NoStart, Preparing, Waiting, Uploading, Checking (of what was stored), \
     Finished.",
);
pub(super) const PROCESS: FieldSpec = text("Process", "Percent done, 0 to 100, as text. Never falls.");
pub(super) const JOB_MODE: FieldSpec = text("JobMode", "Who started it: Automated or Manual.");
pub(super) const TASK_ACTION: FieldSpec =
    text("TaskAction", "NormalBackupTask (scheduled) or TempBackupTask (asked for).");
pub(super) const BACKUP_METHOD: FieldSpec = text("BackupMethod", "Physical, Logical or Snapshot.");
pub(super) const BACKUP_TYPE: FieldSpec = text("BackupType", "What was asked for: Auto or FullBackup.");
pub(super) const BACKUP_ID: FieldSpec = text("BackupId", "The id of the set; only when Finished.");
pub(super) const CREATE_TIME: FieldSpec = text("CreateTime", "When the job was asked for, UTC.");
pub(super) const JOB_START_TIME: FieldSpec =
    text("StartTime", "When the first attempt began, UTC; absent before.");
pub(super) const JOB_END_TIME: FieldSpec = text("EndTime", "When the job was over, UTC; absent before.");
pub(super) const ATTEMPT: FieldSpec = number("Attempt", "The attempt, counted from 1; 0 before the first.");
pub(super) const FAILURE_CODE: FieldSpec = text(
    "FailureCode",
    "Why the job, or its last attempt, failed: a code of the error centre, or Cancelled.",
);
pub(super) const FAILURE_MESSAGE: FieldSpec =
    text("FailureMessage", "What failed, where, and what to do; only when something did.");
pub(super) const BYTES_PLANNED: FieldSpec =
    number("BytesPlanned", "Bytes that the plan says are to be read; absent before the plan.");
const STATE_TOKEN: FieldSpec = text(
    "StateToken",
    "Another whenever the job's state, stage or percentage is; for the StateToken of a later call.",
);
pub(super) const BYTES_DONE: FieldSpec = number("BytesDone", "Bytes of them that are done.");
