//! DescribeDetachedBackups.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, Role,
    parameter_spec::{
        END_TIME, ID, PAGE_NUMBER, PAGE_SIZE, RESOURCE_GROUP_ID, START_TIME, TEXT, choice, optional,
        region_of_list,
    },
    shape::{list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeDetachedBackups",
    doc: "Lists the backup sets of instances that are not registered any more, newest first: what \
          ReleasedKeepPolicy kept of them. Once an instance of that id is registered again, DescribeBackups \
          lists its sets.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        region_of_list("Region"),
        optional("DBInstanceId", TEXT, "Only sets of this instance.", "rm-uf6wjk5xxxxxxx"),
        optional("BackupId", ID, "One set only.", "327329803"),
        optional("BackupMode", choice(&["Automated", "Manual"]), "Only sets of this mode.", "Automated"),
        optional("BackupStatus", choice(&["Success", "Failed"]), "Only sets of this status.", "Success"),
        START_TIME,
        END_TIME,
        PAGE_NUMBER,
        PAGE_SIZE,
        RESOURCE_GROUP_ID,
    ],
    response: &[
        object("Items", ITEMS, "The list."),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    never_sent: &[],
    errors: &[ErrorCode::InvalidParameterCombination],
    example: Example {
        parameters: &[("Region", "cn-hangzhou")],
        response: r#"{"Items":{"Backup":[{"BackupId":"321020562","DBInstanceId":"rm-uf6wjk5xxxxxxx",
            "DBInstanceComment":"test","HostInstanceID":"5882781","BackupStatus":"Success",
            "BackupStartTime":"2019-02-13T12:20:37Z","BackupEndTime":"2019-02-13T12:22:53Z",
            "BackupType":"FullBackup","BackupMode":"Automated","BackupMethod":"Physical","BackupSize":2167808,
            "BackupDownloadURL":"","BackupIntranetDownloadURL":"","StoreStatus":"Enabled","MetaStatus":"",
            "IsAvail":1,"ConsistentTime":0}]},"PageNumber":1,"PageRecordCount":1,"TotalRecordCount":1}"#,
    },
};

const ITEMS: &[FieldSpec] = &[list("Backup", BACKUP, "The sets; empty when none matches.")];

const BACKUP: &[FieldSpec] = &[
    text("BackupId", "The set's id, in digits."),
    text("DBInstanceId", "The instance's id."),
    text("DBInstanceComment", "The display name that the instance had."),
    text("HostInstanceID", "A number that stands for the server the set was read from, the same everywhere."),
    text("BackupStatus", "Success or Failed."),
    text("BackupStartTime", "The start of the backup, UTC, to the second."),
    text("BackupEndTime", "The end of the backup, UTC, to the second."),
    text("BackupType", "FullBackup: every set restores alone."),
    text("BackupMode", "Automated or Manual."),
    text("BackupMethod", "Physical, Logical or Snapshot."),
    number("BackupSize", "Bytes of the download."),
    text("BackupDownloadURL", "A signed link for downloading; empty when there is none."),
    text("BackupIntranetDownloadURL", "The same for the internal network; empty when there is none."),
    text("StoreStatus", "Enabled: may be deleted."),
    text("MetaStatus", "Empty: single-table restore is not available."),
    number("IsAvail", "1 usable, 0 not."),
    number("ConsistentTime", "Unix seconds of the consistent point for MySQL 5.6, otherwise 0."),
];
