//! DescribeDBInstanceNetInfo.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    never_sent::{FEATURE, NETWORK, never},
    parameter_spec::{CLIENT_TOKEN, DB_INSTANCE_ID, TEXT, choice, optional},
    shape::{list, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeDBInstanceNetInfo",
    doc: "Tells where an instance is reached: the address under which the service backs it up.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional(
            "DBInstanceNetRWSplitType",
            choice(&["Normal", "ReadWriteSplitting"]),
            "Only addresses of this kind; all are Normal.",
            "Normal",
        ),
        CLIENT_TOKEN,
        optional("Flag", ParameterKind::Integer { min: 0, max: i32::MAX as i64, also: &[] }, "Reserved.", "")
            .hidden(),
        optional("GeneralGroupName", TEXT, "A cloud's grouping; without effect.", "").hidden(),
    ],
    response: &[
        object(
            "DBInstanceNetInfos",
            &[list(
                "DBInstanceNetInfo",
                &[
                    text("ConnectionString", "The server's host, or its socket directory."),
                    text("ConnectionStringType", "Normal."),
                    text("IPAddress", "The server's address, where it was registered by address."),
                    text("Port", "The server's port, as text."),
                ],
                "The addresses.",
            )],
            "The list.",
        ),
        text("InstanceNetworkType", "Classic."),
    ],
    never_sent: &[
        never(
            "DBInstanceNetInfos.DBInstanceNetInfo[]",
            &["ExpiredTime", "IPType", "SecurityIPGroups", "Upgradeable", "VPCId", "VSwitchId"],
            NETWORK,
        ),
        never(
            "DBInstanceNetInfos.DBInstanceNetInfo[]",
            &["BabelfishPort", "DBInstanceWeights", "DistributionType", "MaxDelayTime", "PGBouncerPort"],
            FEATURE,
        ),
        never("", &["SecurityIPMode"], NETWORK),
    ],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx")],
        response: r#"{"DBInstanceNetInfos":{"DBInstanceNetInfo":[{"ConnectionString":"10.0.0.5",
            "ConnectionStringType":"Normal","IPAddress":"10.0.0.5","Port":"5432"}]},"InstanceNetworkType":"Classic"}"#,
    },
};
