//! DescribeLogBackupFiles.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    never_sent::{NO_LOG_FILES, never},
    parameter_spec::{DB_INSTANCE_ID, END_TIME, PAGE_NUMBER, START_TIME, optional},
    shape::{list, number, object},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeLogBackupFiles",
    doc: "Lists log backup files. Until logs are archived continuously there is none, and the list is empty.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        START_TIME.required(),
        END_TIME.required(),
        PAGE_NUMBER,
        optional(
            "PageSize",
            ParameterKind::Integer { min: 1, max: 1000, also: &[] },
            "Rows on a page: 30 to 1000; any number from 1 is accepted.",
            "30",
        )
        .default_to("30")
        .refused_with(ErrorCode::InvalidMaxRecordsPerPage),
    ],
    response: &[
        object("Items", &[list("BinLogFile", &[], "The files; empty when there is none.")], "The list."),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        number("TotalFileSize", "Bytes over all rows."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    never_sent: &[never(
        "Items.BinLogFile[]",
        &[
            "DownloadLink",
            "FileSize",
            "IntranetDownloadLink",
            "LinkExpiredTime",
            "LogBeginTime",
            "LogEndTime",
        ],
        NO_LOG_FILES,
    )],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::InvalidParameterCombination],
    example: Example {
        parameters: &[
            ("DBInstanceId", "rm-uf6wjk5xxxxxxx"),
            ("StartTime", "2018-10-01T08:40Z"),
            ("EndTime", "2018-10-31T08:40Z"),
        ],
        response: r#"{"Items":{"BinLogFile":[]},"PageNumber":1,"PageRecordCount":0,"TotalFileSize":0,
            "TotalRecordCount":0}"#,
    },
};
