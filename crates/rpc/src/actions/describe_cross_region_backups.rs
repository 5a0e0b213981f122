//! DescribeCrossRegionBackups.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    never_sent::{NO_COPIES, never},
    parameter_spec::{
        DB_INSTANCE_ID, END_TIME, ID, PAGE_NUMBER, PAGE_SIZE, RESOURCE_GROUP_ID, START_TIME, TEXT, optional,
        region_of_list,
    },
    shape::{list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeCrossRegionBackups",
    doc: "Lists copies of sets in another region. CrossBackupId, or StartTime with EndTime, is needed. Copying is not \
          there yet, so the list is empty.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        region_of_list("RegionId"),
        optional("CrossBackupId", ID, "One copy only.", "14562"),
        optional("BackupId", ID, "Only copies of this set.", "603524"),
        optional("CrossBackupRegion", TEXT, "Only copies in this region.", "cn-shanghai"),
        START_TIME,
        END_TIME,
        PAGE_NUMBER,
        PAGE_SIZE,
        RESOURCE_GROUP_ID,
    ],
    response: &[
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
            "BackupEndTime",
            "BackupMethod",
            "BackupSetScale",
            "BackupSetStatus",
            "BackupStartTime",
            "BackupType",
            "Category",
            "ConsistentTime",
            "CrossBackupDownloadLink",
            "CrossBackupId",
            "CrossBackupRegion",
            "CrossBackupSetFile",
            "CrossBackupSetLocation",
            "CrossBackupSetSize",
            "DBInstanceStorageType",
            "Engine",
            "EngineVersion",
            "InstanceId",
            "RestoreRegions",
        ],
        NO_COPIES,
    )],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::InvalidParameterCombination],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("CrossBackupId", "14562")],
        response: r#"{"Items":{"Item":[]},"PageNumber":1,"PageRecordCount":0,"RegionId":"cn-hangzhou",
            "TotalRecordCount":0}"#,
    },
};
