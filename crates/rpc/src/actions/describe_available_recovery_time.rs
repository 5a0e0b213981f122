//! DescribeAvailableRecoveryTime.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    parameter_spec::{DB_INSTANCE_ID_FILTER, ID, REGION_ID, RESOURCE_GROUP_ID, required},
    shape::{number, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeAvailableRecoveryTime",
    doc: "Tells to which times one set can be restored. A set keeps its id in every region, so any set is found \
          by it; the range begins and ends at the set's own time.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        required("CrossBackupId", ID, "The set's id.", "14377"),
        DB_INSTANCE_ID_FILTER,
        REGION_ID,
        RESOURCE_GROUP_ID,
    ],
    response: &[
        number("CrossBackupId", "The set's id."),
        text("RecoveryBeginTime", "The earliest moment, UTC, to the second."),
        text("RecoveryEndTime", "The latest moment, UTC, to the second."),
        text("RegionId", "The region where the set lies."),
    ],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::InvalidBackupSetIdNotFound],
    example: Example {
        parameters: &[("CrossBackupId", "14377")],
        response: r#"{"CrossBackupId":14377,"RecoveryBeginTime":"2019-06-12T07:33:12Z",
            "RecoveryEndTime":"2019-06-12T07:33:12Z","RegionId":"cn-hangzhou"}"#,
    },
};
