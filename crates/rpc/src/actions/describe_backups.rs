//! DescribeBackups.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, Role,
    never_sent::{OTHER_ENGINE, never},
    parameter_spec::{DB_INSTANCE_ID, END_TIME, ID, PAGE_NUMBER, PAGE_SIZE, START_TIME, choice, optional},
    shape::{list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeBackups",
    doc: "Lists the backup sets of an instance, newest first. Only a set with BackupStatus Success can be \
          restored. A failed job leaves a row with BackupStatus Failed for 30 days.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional("BackupId", ID, "One set only.", "327329803"),
        optional("BackupMode", choice(&["Automated", "Manual"]), "Only sets of this mode.", "Automated"),
        optional("BackupStatus", choice(&["Success", "Failed"]), "Only sets of this status.", "Success"),
        optional(
            "BackupType",
            choice(&["FullBackup", "IncrementalBackup"]),
            "Only sets of this type. Every set restores alone and so is a FullBackup.",
            "FullBackup",
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
        number("TotalEcsSnapshotSize", "Bytes of a cloud's disk snapshots; 0 here."),
    ],
    never_sent: &[never("Items.Backup[]", &["CopyOnlyBackup"], OTHER_ENGINE)],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::InvalidParameterCombination],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("BackupStatus", "Success")],
        response: r#"{"Items":{"Backup":[{"BackupId":"321020562","DBInstanceId":"rm-uf6wjk5xxxxxxx",
            "HostInstanceID":"5882781","BackupStatus":"Success","BackupStartTime":"2019-02-13T12:20:37Z",
            "BackupEndTime":"2019-02-13T12:22:53Z","BackupType":"FullBackup","BackupMode":"Automated",
            "BackupMethod":"Physical","BackupInitiator":"System","BackupSize":2167808,"BackupDownloadURL":"",
            "BackupIntranetDownloadURL":"","BackupDownloadLinkByDB":{"BackupDownloadLinkByDB":[]},
            "StoreStatus":"Enabled","MetaStatus":"","IsAvail":1,"ConsistentTime":0,"StorageClass":"0",
            "Encryption":"{}","Checksum":"","Engine":"PostgreSQL","EngineVersion":"15.0"}]},
            "PageNumber":1,"PageRecordCount":1,"TotalRecordCount":1,"TotalEcsSnapshotSize":0}"#,
    },
};

const ITEMS: &[FieldSpec] = &[list("Backup", BACKUP, "The sets; empty when none matches.")];

const BACKUP: &[FieldSpec] = &[
    text("BackupId", "The set's id, in digits."),
    text("DBInstanceId", "The instance's id."),
    text("HostInstanceID", "A number that stands for the server the set was read from, the same everywhere."),
    text("BackupStatus", "Success or Failed."),
    text("BackupStartTime", "The start of the backup, UTC, to the second."),
    text("BackupEndTime", "The end of the backup, UTC, to the second."),
    text(
        "BackupType",
        "FullBackup: every set restores alone. What was read and stored is in the job's report.",
    ),
    text("BackupMode", "Automated or Manual."),
    text("BackupMethod", "Physical, Logical or Snapshot."),
    text("BackupInitiator", "System (scheduled) or User."),
    number("BackupSize", "Bytes of the download; 0 for a failed one."),
    text("BackupDownloadURL", "A signed link for downloading; empty when there is none."),
    text("BackupIntranetDownloadURL", "The same for the internal network; empty when there is none."),
    object(
        "BackupDownloadLinkByDB",
        &[list(
            "BackupDownloadLinkByDB",
            &[
                text("DataBase", "The database's name."),
                text("DownloadLink", "A signed link; empty when there is none."),
                text("IntranetDownloadLink", "The same for the internal network."),
            ],
            "One row per database.",
        )],
        "Links per database, for sets of single databases.",
    ),
    text("StoreStatus", "Enabled: may be deleted. Disabled: something needs it."),
    text(
        "MetaStatus",
        "OK, LARGE, EMPTY (of a failed backup), or empty: single-table restore is not available.",
    ),
    number("IsAvail", "1 usable, 0 not."),
    number("ConsistentTime", "Unix seconds of the consistent point for MySQL 5.6, otherwise 0."),
    text("StorageClass", "0 standard, 1 archive."),
    text("Encryption", "JSON text about the encryption; `{}` when there is none."),
    text("Checksum", "CRC64 of the download, in decimal; empty when there is none."),
    text("Engine", "PostgreSQL, MySQL or MariaDB."),
    text("EngineVersion", "The server's major version."),
    text("ExpectExpireTime", "When the set will expire, UTC; absent when it is kept for ever."),
];
