//! RecoveryDBInstance, which is refused.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, ParameterSpec, Role,
    never_sent::{REFUSED, never},
    parameter_spec::{DB_INSTANCE_ID_FILTER, ID, PAY_TYPE, TEXT, choice, optional, required},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "RecoveryDBInstance",
    doc: "Would copy databases from a set into a server. This service writes into no server: once its parameters are \
          found right, the call is refused, and nothing is changed. `backstop restore` writes a data directory to \
          start one from.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        required(
            "DbNames",
            LONG_TEXT,
            "The databases, comma-separated, or JSON of old and new names.",
            "test1,test2",
        ),
        optional("BackupId", ID, "The set. This or RestoreTime is needed.", "29304"),
        optional(
            "RestoreTime",
            ParameterKind::Time,
            "The moment to restore, UTC; then DBInstanceId is needed too.",
            "2011-06-11T16:00:00Z",
        ),
        DB_INSTANCE_ID_FILTER,
        optional("TargetDBInstanceId", TEXT, "The server to copy into.", "rm-uf6wjk5xxxxxxx"),
        PAY_TYPE,
        cloud("DBInstanceClass", TEXT),
        cloud("DBInstanceStorage", NUMBER),
        cloud("DBInstanceStorageType", TEXT),
        cloud("InstanceNetworkType", choice(&["VPC", "Classic"])),
        cloud("Period", choice(&["Year", "Month"])),
        cloud("PrivateIpAddress", TEXT),
        cloud("UsedTime", TEXT),
        cloud("VPCId", TEXT),
        cloud("VSwitchId", TEXT),
    ],
    response: &[],
    never_sent: &[never("", &["DBInstanceId", "OrderId"], REFUSED)],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::InvalidBackupSetIdNotFound,
        ErrorCode::OperationDeniedNotSupported,
    ],
    example: Example { parameters: &[("DbNames", "test1,test2"), ("BackupId", "29304")], response: "{}" },
};

const LONG_TEXT: ParameterKind = ParameterKind::Text { characters_max: 4096 };

const NUMBER: ParameterKind = ParameterKind::Integer { min: 0, max: i32::MAX as i64, also: &[] };

/// A property of a new server, which a cloud would give it.
const fn cloud(name: &'static str, kind: ParameterKind) -> ParameterSpec {
    optional(name, kind, "A property that only a cloud's instances have.", "").hidden()
}
