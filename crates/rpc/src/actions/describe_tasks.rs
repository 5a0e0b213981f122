//! DescribeTasks.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, Role,
    never_sent::{UNKNOWN, never},
    parameter_spec::{DB_INSTANCE_ID, END_TIME, PAGE_NUMBER, PAGE_SIZE, START_TIME, TEXT, optional},
    shape::{list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeTasks",
    doc: "Lists what was done for an instance, newest first: every job, those that are over included. StartTime \
          and EndTime limit BeginTime.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        START_TIME,
        END_TIME,
        optional("TaskAction", TEXT, "Only tasks of this name.", "TempBackupTask"),
        optional("Status", TEXT, "A task's state; the API documents that it has no effect.", "2")
            .without_effect("The API documents no values and no effect."),
        PAGE_NUMBER,
        PAGE_SIZE,
    ],
    response: &[
        object("Items", ITEMS, "The list."),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    never_sent: &[
        never("Items.TaskProgressInfo[]", &["DBName"], "A job is for a whole server."),
        never("Items.TaskProgressInfo[]", &["ExpectedFinishTime", "Remain"], UNKNOWN),
        never(
            "Items.TaskProgressInfo[]",
            &["ProgressInfo", "StepProgressInfo", "StepsInfo"],
            "A job's stages are in its report: DescribeBackupJobReport.",
        ),
    ],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::InvalidParameterCombination],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx")],
        response: r#"{"Items":{"TaskProgressInfo":[{"BeginTime":"2020-11-20T01:00Z","CurrentStepName":"Uploading",
            "FinishTime":"2020-11-20T02:00Z","Progress":"100","Status":"Succeed","TaskAction":"TempBackupTask",
            "TaskId":"3472001"}]},"PageNumber":1,"PageRecordCount":1,"TotalRecordCount":1}"#,
    },
};

const ITEMS: &[FieldSpec] = &[list("TaskProgressInfo", TASK, "The tasks; empty when none matches.")];

const TASK: &[FieldSpec] = &[
    text("BeginTime", "When it was asked for, UTC, to the minute."),
    text(
        "CurrentStepName",
        "The stage reached: NoStart, Checking, Preparing, Waiting, Uploading or Proving.",
    ),
    text("FinishTime", "When it ended, UTC, to the minute; absent before."),
    text("Progress", "Percent done, as text."),
    text("Status", "Scheduled, Waiting, Running, Cancelling, Succeed, Failed or Canceled."),
    text(
        "TaskAction",
        "NormalBackupTask (scheduled backup), TempBackupTask (backup that was asked for), Restore, Verify, Sweep or Copy.",
    ),
    text("TaskErrorCode", "Why it failed, in a stable word; absent when it did not."),
    text("TaskErrorMessage", "Why it failed; absent when it did not."),
    text("TaskId", "The job's id, in digits."),
];
