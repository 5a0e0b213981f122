//! DescribeBackupJobReport, an extension: what one job did, in figures.

use super::describe_backup_jobs as job;
use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, Role,
    parameter_spec::{DB_INSTANCE_ID_FILTER, ID, required},
    shape::{boolean, list, number, object, text, text_list},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeBackupJobReport",
    doc: "Tells what one backup job did: what it read, stored and referred to, how long each stage took, \
          which pages were bad, and what its operator should know. A job that is not over yet is reported \
          as far as it has come.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: true,
    parameters: &[required("BackupJobId", ID, "The job.", "4762614"), DB_INSTANCE_ID_FILTER],
    response: &[
        job::BACKUP_JOB_ID,
        job::DB_INSTANCE_ID,
        job::BACKUP_STATUS,
        job::BACKUP_PROGRESS_STATUS,
        job::PROCESS,
        job::JOB_MODE,
        job::TASK_ACTION,
        job::BACKUP_METHOD,
        job::BACKUP_TYPE,
        job::BACKUP_ID,
        job::CREATE_TIME,
        job::JOB_START_TIME,
        job::JOB_END_TIME,
        job::ATTEMPT,
        job::FAILURE_CODE,
        job::FAILURE_MESSAGE,
        job::BYTES_PLANNED,
        job::BYTES_DONE,
        text("ParentBackupId", "The older set whose content was referred to; absent when there was none."),
        number("Files", "Files in the set."),
        number("Frames", "Frames that the set reaches, referred ones included."),
        number("NewFrames", "Frames that this job stored."),
        number("Packs", "Packs that this job stored."),
        number("SourceBytes", "Bytes of the database as read."),
        number("NewBytes", "Bytes of content that no older set held."),
        number("ReferencedBytes", "Bytes of content that an older set holds."),
        number("StoredBytes", "Bytes that this job wrote to the repository, compressed and sealed."),
        number("LogBytes", "Bytes of WAL or binlog stored with the set, before compression."),
        number("ReadBackBytes", "Bytes that were fetched back and proven before the set was published."),
        boolean(
            "ContentCompared",
            "Whether unchanged content was found by reading and comparing everything.",
        ),
        text("ContentComparedReason", "Why it was, in one sentence; absent when it was not."),
        text("StartPosition", "The position in the log at which the backup starts, such as 0/3000028."),
        text("StopPosition", "The position in the log up to which the set needs logs to be consistent."),
        text("ConsistentTime", "The time of that position, UTC."),
        text("EngineVersion", "The server's full version."),
        boolean("PageChecksums", "Whether the server's pages have checksums, so that they were verified."),
        object("Stages", STAGES, "How long each stage took."),
        number("BadPageCount", "Pages whose checksum was wrong even after reading again."),
        object("BadPages", BAD_PAGES, "The first hundred of them."),
        object(
            "Warnings",
            &[text_list("Warning", "One thing that the operator should know.")],
            "What the operator should know, such as a key that was never exported.",
        ),
    ],
    never_sent: &[],
    errors: &[ErrorCode::InvalidBackupJobIdNotFound],
    example: Example {
        parameters: &[("BackupJobId", "4762614")],
        response: r#"{"BackupJobId":"4762614","DBInstanceId":"orders","BackupStatus":"Finished",
            "BackupProgressStatus":"Finished","Process":"100","JobMode":"Manual","TaskAction":"TempBackupTask",
            "BackupMethod":"Physical","BackupType":"Auto","BackupId":"346650271",
            "CreateTime":"2026-11-24T03:22:50Z","StartTime":"2026-11-24T03:22:51Z",
            "EndTime":"2026-11-24T03:23:12Z","Attempt":1,"BytesPlanned":1073741824,"BytesDone":1073741824,
            "ParentBackupId":"346650270","Files":1312,"Frames":2210,"NewFrames":14,"Packs":1,
            "SourceBytes":1073741824,"NewBytes":8388608,"ReferencedBytes":1065353216,"StoredBytes":2621440,
            "LogBytes":16777216,"ReadBackBytes":2621440,"ContentCompared":true,
            "ContentComparedReason":"there is no block summary since the parent set",
            "StartPosition":"0/3000028","StopPosition":"0/3000138","ConsistentTime":"2026-11-24T03:23:10Z",
            "EngineVersion":"15.14","PageChecksums":true,
            "Stages":{"Stage":[{"BackupStatus":"Uploading","BackupProgressStatus":"Uploading",
            "StartTime":"2026-11-24T03:22:53Z","Seconds":12.5}]},
            "BadPageCount":1,"BadPages":{"BadPage":[{"Database":"shop","Relation":"public.orders",
            "Path":"base/16384/16412","BlockNumber":77}]},
            "Warnings":{"Warning":["the default key was never exported: run `backstop key export --to FILE`"]}}"#,
    },
};

const STAGES: &[FieldSpec] = &[list(
    "Stage",
    &[
        text("BackupStatus", "The stage's BackupStatus."),
        text("BackupProgressStatus", "The stage's BackupProgressStatus."),
        text("StartTime", "When it began, UTC."),
        number("Seconds", "How long it took, or has taken, with decimals."),
    ],
    "The stages in order.",
)];

const BAD_PAGES: &[FieldSpec] = &[list(
    "BadPage",
    &[
        text("Database", "The database's name; absent when unknown."),
        text("Relation", "The table or index, with its schema; absent when unknown."),
        text("Path", "The file, relative to the data directory."),
        number("BlockNumber", "The block within the relation, counted from 0."),
    ],
    "One page.",
)];
