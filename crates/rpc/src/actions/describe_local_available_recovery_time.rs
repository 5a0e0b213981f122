//! DescribeLocalAvailableRecoveryTime.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    parameter_spec::{DB_INSTANCE_ID, RESOURCE_GROUP_ID, TEXT, optional},
    shape::text,
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeLocalAvailableRecoveryTime",
    doc: "Tells to which times an instance can be restored. Until logs are archived continuously, that is the \
          time of the newest set that can be restored, so the range begins and ends there.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional("Region", TEXT, "The region; every value is accepted.", "cn-hangzhou"),
        RESOURCE_GROUP_ID,
    ],
    response: &[
        text("DBInstanceId", "The instance's id."),
        text(
            "RecoveryBeginTime",
            "The earliest moment, UTC, to the second; absent when no set can be restored.",
        ),
        text("RecoveryEndTime", "The latest moment, UTC, to the second; absent when no set can be restored."),
    ],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx")],
        response: r#"{"DBInstanceId":"rm-uf6wjk5xxxxxxx","RecoveryBeginTime":"2020-03-20T08:41:29Z",
            "RecoveryEndTime":"2020-03-20T08:41:29Z"}"#,
    },
};
