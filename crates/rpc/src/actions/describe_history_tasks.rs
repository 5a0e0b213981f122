//! DescribeHistoryTasks.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, ParameterSpec, Role,
    never_sent::{BILLING, UNKNOWN, never},
    parameter_spec::{PAGE_NUMBER, RESOURCE_GROUP_ID, TEXT, choice, optional, region_of_list, required},
    shape::{list, number, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeHistoryTasks",
    doc: "Lists what was done for instances, newest first: the jobs asked for in a range of time.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        required(
            "FromStartTime",
            ParameterKind::Time,
            "The start of the range, UTC.",
            "2022-01-02T11:31:03Z",
        ),
        required(
            "ToStartTime",
            ParameterKind::Time,
            "The end of the range, UTC, later.",
            "2022-01-30T11:31:03Z",
        ),
        region_of_list("RegionId"),
        optional(
            "InstanceId",
            LONG_TEXT,
            "Only of these instances: up to 30 ids, comma-separated.",
            "orders",
        ),
        optional("InstanceType", TEXT, "Only of this kind; all are of Instance.", "Instance"),
        optional(
            "Status",
            choice(&["Scheduled", "Running", "Succeed", "Failed", "Cancelling", "Canceled", "Waiting"]),
            "Only tasks in this state.",
            "Running",
        ),
        optional(
            "TaskId",
            ParameterKind::IntegerList { min: 1, max: i32::MAX as i64, count_max: 30 },
            "Only these tasks: up to 30 ids, comma-separated.",
            "3472001",
        ),
        optional("TaskType", TEXT, "Only tasks of this name.", "TempBackupTask"),
        seconds("FromExecTime", "Only tasks that took at least so many seconds; 0: all."),
        seconds("ToExecTime", "Only tasks that took at most so many seconds; 0: all."),
        PAGE_NUMBER,
        optional(
            "PageSize",
            ParameterKind::Integer { min: 1, max: 100, also: &[] },
            "Rows on a page: 10 to 100; any number from 1 is accepted.",
            "10",
        )
        .default_to("10")
        .refused_with(ErrorCode::InvalidMaxRecordsPerPage),
        RESOURCE_GROUP_ID,
    ],
    response: &[
        list("Items", TASK, "The tasks themselves, without a wrapper; empty when none matches."),
        number("PageNumber", "The page answered."),
        number("PageSize", "The size of a page."),
        number("TotalCount", "Rows over all pages."),
    ],
    never_sent: &[
        never("Items[]", &["ActionInfo", "CallerSource", "CallerUid", "Uid"], BILLING),
        never("Items[]", &["RemainTime"], UNKNOWN),
        never("Items[]", &["TaskDetail"], "What a job did is in its report: DescribeBackupJobReport."),
    ],
    errors: &[ErrorCode::InvalidParameterCombination],
    example: Example {
        parameters: &[("FromStartTime", "2022-02-01T00:00:00Z"), ("ToStartTime", "2022-02-04T00:00:00Z")],
        response: r#"{"Items":[{"CurrentStepName":"Uploading","DbType":"PostgreSQL","InstanceId":"orders",
            "InstanceName":"test","InstanceType":"Instance","Product":"rds","Progress":79,"RegionId":"cn-hangzhou",
            "StartTime":"2022-02-03T11:31:03Z","Status":"Running","TaskId":"3472001","TaskType":"TempBackupTask"}],
            "PageNumber":1,"PageSize":10,"TotalCount":1}"#,
    },
};

const LONG_TEXT: ParameterKind = ParameterKind::Text { characters_max: 4096 };

const fn seconds(name: &'static str, doc: &'static str) -> ParameterSpec {
    optional(name, ParameterKind::Integer { min: 0, max: i32::MAX as i64, also: &[] }, doc, "0")
}

const TASK: &[FieldSpec] = &[
    text(
        "CurrentStepName",
        "The stage reached: NoStart, Checking, Preparing, Waiting, Uploading or Proving.",
    ),
    text("DbType", "PostgreSQL, MySQL or MariaDB; absent when the instance is not known any more."),
    text("EndTime", "When it ended, UTC, to the second; absent before."),
    text("InstanceId", "The instance's id; absent for a task of the whole repository."),
    text("InstanceName", "The instance's display name; absent when it has none."),
    text("InstanceType", "Instance."),
    text("Product", "rds."),
    number("Progress", "Percent done."),
    text("ReasonCode", "Why it failed, in a stable word; absent when it did not."),
    text("RegionId", "The region's id."),
    text("StartTime", "When it was asked for, UTC, to the second."),
    text("Status", "Scheduled, Waiting, Running, Cancelling, Succeed, Failed or Canceled."),
    text("TaskId", "The job's id, in digits."),
    text(
        "TaskType",
        "NormalBackupTask (scheduled backup), TempBackupTask (backup that was asked for), Restore, Verify, Sweep or Copy.",
    ),
];
