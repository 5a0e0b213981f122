//! DescribeDBInstanceAttribute.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, Role,
    parameter_spec::{DB_INSTANCE_ID, TEXT, optional},
    shape::{boolean, list, number, object, text, text_list},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeDBInstanceAttribute",
    doc: "Tells everything about one instance.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional("Expired", TEXT, "Whether the subscription has ended; without effect.", "").hidden(),
    ],
    response: &[object("Items", ITEMS, "The list.")],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx")],
        response: r#"{"Items":{"DBInstanceAttribute":[{"ConnectionString":"10.0.0.5",
            "CreationTime":"2011-05-30T12:11:04Z","DBInstanceDescription":"test",
            "DBInstanceId":"rm-uf6wjk5xxxxxxx","DBInstanceStatus":"Running","DBInstanceType":"Primary",
            "Engine":"PostgreSQL","EngineVersion":"15.0","LockMode":"Unlock","PayType":"Postpaid","Port":"5432",
            "ReadOnlyDBInstanceIds":{"ReadOnlyDBInstanceId":[]},"RegionId":"cn-hangzhou",
            "ZoneId":"cn-hangzhou-a"}]}}"#,
    },
};

const ITEMS: &[FieldSpec] = &[list("DBInstanceAttribute", ATTRIBUTE, "The instance.")];

const ATTRIBUTE: &[FieldSpec] = &[
    object("BabelfishConfig", &[], "A cloud's feature; empty here."),
    text("Category", "Basic: one server."),
    text("Collation", "The collation of a SQL Server; empty here."),
    text("ConnectionMode", "Standard."),
    text("ConnectionString", "The server's host, or its socket directory."),
    text("CreationTime", "When it was registered, UTC (CreateTime in DescribeDBInstances)."),
    text("CurrentKernelVersion", "The server's full version."),
    object(
        "DBClusterNodes",
        &[list("DBClusterNode", &[text("NodeId", "The node's id.")], "The nodes.")],
        "A cluster's nodes; empty here.",
    ),
    text("DBInstanceClass", "A cloud's class of hardware; empty here."),
    text("DBInstanceDescription", "The display name."),
    text("DBInstanceDiskUsed", "Bytes of the data directory when last measured, as text."),
    text("DBInstanceId", "The instance's id."),
    number("DBInstanceMemory", "A cloud's memory size; 0 here."),
    text("DBInstanceNetType", "Internet or Intranet."),
    text("DBInstanceStatus", "Running when the server can be backed up."),
    number("DBInstanceStorage", "Gigabytes of the data directory when last measured, rounded up."),
    text("DBInstanceStorageType", "A cloud's kind of disk; empty here."),
    text("DBInstanceType", "Primary or Readonly."),
    boolean("DeletionProtection", "Whether deregistering is refused."),
    text("Engine", "PostgreSQL, MySQL or MariaDB."),
    text("EngineVersion", "The server's major version."),
    text("ExpireTime", "A subscription's end; empty here."),
    object(
        "Extra",
        &[object("DBInstanceIds", &[text_list("DBInstanceId", "The instances' ids.")], "Related instances.")],
        "Further properties; empty here.",
    ),
    text("InstanceNetworkType", "Classic or VPC."),
    text("LockMode", "Unlock."),
    text("LockReason", "Why it is locked; empty here."),
    text("MaintainTime", "The maintenance window; empty here."),
    number("MaxConnections", "The server's limit of connections; 0 when unknown."),
    text("PayType", "Postpaid."),
    text("Port", "The server's port, as text."),
    object(
        "ReadOnlyDBInstanceIds",
        &[list(
            "ReadOnlyDBInstanceId",
            &[text("DBInstanceId", "The read-only instance's id.")],
            "The read-only instances.",
        )],
        "Its read-only instances.",
    ),
    text("RegionId", "The region's id."),
    text("ResourceGroupId", "A cloud's resource group; empty here."),
    object("ServerlessConfig", &[], "A cloud's feature; empty here."),
    object(
        "SlaveZones",
        &[list("SlaveZone", &[text("ZoneId", "The zone's id.")], "The zones.")],
        "The zones of standby servers; empty here.",
    ),
    text("TimeZone", "The server's time zone; empty when unknown."),
    text("VSwitchId", "A cloud's network; empty here."),
    text("VpcId", "A cloud's network; empty here."),
    text("ZoneId", "The zone's id."),
    // Of this service only: how the instance was registered.
    text("User", "Extension: the role that backs it up."),
    text("DataDirectory", "Extension: the data directory, when the worker reads it; else absent."),
    text("SslMode", "Extension: how the connection is secured."),
    text(
        "SystemIdentifier",
        "Extension: PostgreSQL's identifier of the cluster; absent until it was reached once.",
    ),
];
