//! CloneDBInstance, which is refused.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, ParameterSpec, Role,
    never_sent::{REFUSED, never},
    parameter_spec::{
        CLIENT_TOKEN, DB_INSTANCE_ID, ID, PAY_TYPE, REGION_ID, TABLE_META, TAG_FIELDS, TEXT, choice, optional,
    },
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "CloneDBInstance",
    doc: "Would make a new server from a set or a moment. This service makes no servers: once its parameters are found \
          right, the call is refused, and nothing is changed. `backstop restore` writes a data directory to start one \
          from.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        PAY_TYPE.required(),
        optional("BackupId", ID, "The set. This or RestoreTime is needed.", "902625"),
        optional("RestoreTime", ParameterKind::Time, "The moment to restore, UTC.", "2011-06-11T16:00:00Z"),
        optional("BackupType", choice(&["FullBackup", "IncrementalBackup"]), "The set's type.", "FullBackup"),
        optional("RestoreTable", choice(&["0", "1"]), "1: only what TableMeta names.", "0"),
        TABLE_META,
        optional("DbNames", TEXT, "Only these databases, comma-separated.", "test1,test2"),
        optional("DBInstanceDescription", TEXT, "The new server's display name.", "testInstance"),
        CLIENT_TOKEN,
        REGION_ID,
        cloud("AutoPay", ParameterKind::Boolean),
        cloud("BpeEnabled", TEXT),
        cloud("BurstingEnabled", ParameterKind::Boolean),
        cloud("Category", TEXT),
        cloud("CustomExtraInfo", LONG_TEXT),
        cloud("DBInstanceClass", TEXT),
        cloud("DBInstanceStorage", NUMBER),
        cloud("DBInstanceStorageType", TEXT),
        cloud("DedicatedHostGroupId", TEXT),
        cloud("DeletionProtection", ParameterKind::Boolean),
        cloud("InstanceNetworkType", choice(&["VPC", "Classic"])),
        cloud("IoAccelerationEnabled", TEXT),
        cloud("Period", choice(&["Year", "Month"])),
        cloud("PrivateIpAddress", TEXT),
        cloud("ServerlessConfig", LONG_TEXT),
        cloud("Tag", ParameterKind::NumberedObjects { fields: TAG_FIELDS, count_max: 20 }),
        cloud("UsedTime", NUMBER),
        cloud("VPCId", TEXT),
        cloud("VSwitchId", TEXT),
        cloud("ZoneId", TEXT),
        cloud("ZoneIdSlave1", TEXT),
        cloud("ZoneIdSlave2", TEXT),
    ],
    response: &[],
    never_sent: &[never("", &["DBInstanceId", "OrderId"], REFUSED)],
    errors: &[
        ErrorCode::InvalidDBInstanceIdNotFound,
        ErrorCode::InvalidBackupSetIdNotFound,
        ErrorCode::OperationDeniedNotSupported,
    ],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("PayType", "Postpaid"), ("BackupId", "902625")],
        response: "{}",
    },
};

const LONG_TEXT: ParameterKind = ParameterKind::Text { characters_max: 65_536 };

const NUMBER: ParameterKind = ParameterKind::Integer { min: 0, max: i32::MAX as i64, also: &[] };

/// A property of the new server, which a cloud would give it.
const fn cloud(name: &'static str, kind: ParameterKind) -> ParameterSpec {
    optional(name, kind, "A property that only a cloud's instances have.", "").hidden()
}
