//! DescribeCrossRegionLogBackupFiles.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    never_sent::{NO_COPIES, never},
    parameter_spec::{
        DB_INSTANCE_ID, END_TIME, PAGE_NUMBER, PAGE_SIZE, START_TIME, TEXT, optional, region_of_list,
    },
    shape::{list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeCrossRegionLogBackupFiles",
    doc: "Lists copies of log files in another region. Copying is not there yet, so the list is empty.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        region_of_list("RegionId"),
        optional("CrossBackupRegion", TEXT, "Only copies in this region.", "cn-shanghai"),
        START_TIME.required(),
        END_TIME.required(),
        PAGE_NUMBER,
        PAGE_SIZE,
    ],
    response: &[
        text("DBInstanceId", "The instance's id."),
        text("EndTime", "The end of the range, as it was asked for."),
        object("Items", &[list("Item", &[], "The copies; empty when there is none.")], "The list."),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        text("RegionId", "The region's id."),
        text("StartTime", "The start of the range, as it was asked for."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    never_sent: &[never(
        "Items.Item[]",
        &[
            "CrossBackupRegion",
            "CrossDownloadLink",
            "CrossIntranetDownloadLink",
            "CrossLogBackupId",
            "CrossLogBackupSize",
            "InstanceId",
            "LinkExpiredTime",
            "LogBeginTime",
            "LogEndTime",
            "LogFileName",
        ],
        NO_COPIES,
    )],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::InvalidParameterCombination],
    example: Example {
        parameters: &[
            ("DBInstanceId", "rm-uf6wjk5xxxxxxx"),
            ("RegionId", "cn-hangzhou"),
            ("StartTime", "2019-05-30T12:10:00Z"),
            ("EndTime", "2019-06-15T12:10:00Z"),
        ],
        response: r#"{"DBInstanceId":"rm-uf6wjk5xxxxxxx","EndTime":"2019-06-15T12:10:00Z","Items":{"Item":[]},
            "PageNumber":1,"PageRecordCount":0,"RegionId":"cn-hangzhou","StartTime":"2019-05-30T12:10:00Z",
            "TotalRecordCount":0}"#,
    },
};
