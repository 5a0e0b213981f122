//! DescribeAuditLog, an extension.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, Role,
    parameter_spec::{DB_INSTANCE_ID_FILTER, END_TIME, START_TIME, TEXT, optional},
    shape::{list, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeAuditLog",
    doc: "Lists what was changed and what was refused to callers whose identity was proven, newest first. The \
          caller's own key must be for all instances.",
    role: Role::Administrator,
    effect: Effect::Reads,
    extension: true,
    parameters: &[
        START_TIME,
        END_TIME,
        optional(
            "RequestId",
            TEXT,
            "Only the call with this RequestId.",
            "1E43AAE0-BEE8-43DA-860D-EAF2AA0724DC",
        ),
        optional(
            "EncodedDiagnosticMessage",
            ParameterKind::Text { characters_max: 1024 },
            "Only the call that was refused with this message in its AccessDeniedDetail.",
            "",
        ),
        optional("AccessKeyId", TEXT, "Only calls with this access key.", "BSAKexampleexample"),
        DB_INSTANCE_ID_FILTER,
        optional(
            "MaxResults",
            ParameterKind::Integer { min: 1, max: 1000, also: &[] },
            "Records in one answer, at most.",
            "100",
        )
        .default_to("100"),
        optional("NextToken", TEXT, "The NextToken of the answer before.", ""),
    ],
    response: &[
        object("Items", ITEMS, "The list."),
        text("NextToken", "The cursor for the next answer; absent on the last."),
    ],
    never_sent: &[],
    errors: &[ErrorCode::InvalidParameterCombination, ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("RequestId", "1E43AAE0-BEE8-43DA-860D-EAF2AA0724DC")],
        response: r#"{"Items":{"AuditRecord":[{"AccessKeyId":"BSAKexampleexample","Action":"CreateBackup",
            "DBInstanceId":"rm-uf6wjk5xxxxxxx","Details":"{\"AuthAction\":\"rds:CreateBackup\",\"NeedsRole\":\"operator\",\"Role\":\"reader\"}",
            "EventTime":"2026-11-24T08:00:00Z",
            "Message":"User not authorized to operate on the specified resource, or this API doesn't support RAM.",
            "Outcome":"Forbidden.RAM","RequestId":"1E43AAE0-BEE8-43DA-860D-EAF2AA0724DC",
            "SourceIpAddress":"127.0.0.1"}]}}"#,
    },
};

const ITEMS: &[FieldSpec] = &[list("AuditRecord", RECORD, "The records; empty when none matches.")];

const RECORD: &[FieldSpec] = &[
    text("AccessKeyId", "The access key that was used."),
    text("Action", "The operation."),
    text("DBInstanceId", "The instance; absent where there is none, or its id is not one."),
    text(
        "Details",
        "What else is known, as JSON in a text: the parameters without secrets, or what was lacking.",
    ),
    text("EventTime", "When, UTC, with seconds."),
    text("Message", "What the caller was told; absent after success."),
    text("Outcome", "Success, or the error's code."),
    text("RequestId", "The id of the request."),
    text("SourceIpAddress", "The address that the call came from."),
];
