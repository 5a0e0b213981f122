//! DescribeMetaList.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{CLIENT_TOKEN, DB_INSTANCE_ID, ID, RESOURCE_GROUP_ID, TEXT, choice, optional},
    shape::{list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeMetaList",
    doc: "Lists the databases in a backup set, in alphabetical order, and with GetDbName the tables of one. \
          PageIndex and PageSize work together only; without both, everything is on one page.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional(
            "RestoreType",
            choice(&["BackupSetID", "RestoreTime"]),
            "Whether BackupSetID or RestoreTime says which set is meant.",
            "BackupSetID",
        )
        .default_to("BackupSetID"),
        optional("BackupSetID", ID, "The set; needed with RestoreType=BackupSetID.", "14358"),
        optional(
            "RestoreTime",
            ParameterKind::Time,
            "A time, UTC: the newest set that ended by then is meant. Needed with RestoreType=RestoreTime.",
            "2019-05-30T03:29:10Z",
        ),
        optional("GetDbName", TEXT, "Only this database, with its tables.", "testdb1"),
        optional("Pattern", TEXT, "Only databases whose name contains this, in whatever case.", "test"),
        optional(
            "PageIndex",
            ParameterKind::Integer { min: 1, max: i32::MAX as i64, also: &[] },
            "The page, counted from 1.",
            "1",
        )
        .refused_with(ErrorCode::InvalidPageNumbers),
        optional("PageSize", ParameterKind::Integer { min: 1, max: 1000, also: &[] }, "Rows on a page.", "1")
            .refused_with(ErrorCode::InvalidMaxRecordsPerPage),
        CLIENT_TOKEN,
        RESOURCE_GROUP_ID,
    ],
    response: &[
        text("DBInstanceName", "The instance's id."),
        object(
            "Items",
            &[list(
                "Meta",
                &[
                    text("Database", "The database's name."),
                    text("Size", "Kilobytes of its files, as text."),
                    text(
                        "Tables",
                        "With GetDbName, its tables with their schemas, comma-separated, as far as they could be \
                         listed when the set was made.",
                    ),
                ],
                "The databases; empty when none matches.",
            )],
            "The list.",
        ),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        number("TotalPageCount", "Pages in all."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::InvalidBackupSetIdNotFound],
    example: Example {
        parameters: &[
            ("DBInstanceId", "rm-uf6wjk5xxxxxxx"),
            ("BackupSetID", "14358"),
            ("GetDbName", "testdb1"),
        ],
        response: r#"{"DBInstanceName":"rm-uf6wjk5xxxxxxx","Items":{"Meta":[{"Database":"testdb1","Size":"64",
            "Tables":"public.test1"}]},"PageNumber":1,"PageRecordCount":1,"TotalPageCount":1,"TotalRecordCount":1}"#,
    },
};
