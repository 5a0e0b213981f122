//! DescribeDBInstances.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, ParameterSpec, Role,
    parameter_spec::{
        CLIENT_TOKEN, DB_INSTANCE_ID_FILTER, PAGE_NUMBER, PAGE_SIZE, TEXT, choice, optional, required,
    },
    shape::{boolean, list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeDBInstances",
    doc: "Lists the registered instances. An unknown DBInstanceId is an error; other filters that match \
          nothing give an empty list.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        required("RegionId", TEXT, "The region; every value is accepted.", "cn-hangzhou"),
        DB_INSTANCE_ID_FILTER,
        optional(
            "Engine",
            choice(&["PostgreSQL", "MySQL", "MariaDB", "SQLServer"]),
            "Only this engine.",
            "PostgreSQL",
        ),
        optional("EngineVersion", TEXT, "Only this major version.", "15.0"),
        optional("DBInstanceStatus", TEXT, "Only instances of this status.", "Running"),
        optional(
            "DBInstanceType",
            choice(&["Primary", "Readonly", "Guard", "Temp"]),
            "Only instances of this kind.",
            "Primary",
        ),
        optional("SearchKey", TEXT, "A part of the id or the description.", "rm-uf6w"),
        CLIENT_TOKEN,
        PAGE_NUMBER,
        PAGE_SIZE,
        optional(
            "MaxResults",
            ParameterKind::Integer { min: 1, max: 100, also: &[] },
            "Rows per answer when paging by NextToken; switches page numbers off.",
            "30",
        ),
        optional("NextToken", TEXT, "The NextToken of the answer before.", ""),
        cloud("Category", TEXT),
        cloud("ConnectionMode", TEXT),
        cloud("ConnectionString", TEXT),
        cloud("DBInstanceClass", TEXT),
        cloud("DedicatedHostGroupId", TEXT),
        cloud("DedicatedHostId", TEXT),
        cloud("Expired", TEXT),
        cloud("Filter", LONG_TEXT),
        cloud("InstanceLevel", ParameterKind::Integer { min: 0, max: 1, also: &[] }),
        cloud("InstanceNetworkType", TEXT),
        cloud("PayType", TEXT),
        cloud("QueryAutoRenewal", ParameterKind::Boolean),
        cloud("ResourceGroupId", TEXT),
        cloud("Tags", LONG_TEXT),
        cloud("VSwitchId", TEXT),
        cloud("VpcId", TEXT),
        cloud("ZoneId", TEXT),
        // The only lower-case parameter of the API.
        cloud("proxyId", TEXT),
    ],
    response: &[
        object("Items", ITEMS, "The list."),
        text("NextToken", "The cursor for the next answer; absent on the last."),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("RegionId", "cn-hangzhou")],
        response: r#"{"Items":{"DBInstance":[{"CreateTime":"2018-11-05T11:26:02Z",
            "DBInstanceDescription":"Test database","DBInstanceId":"rm-uf6wjk5xxxxxxxxxx",
            "DBInstanceStatus":"Running","DBInstanceType":"Primary","Engine":"PostgreSQL","EngineVersion":"15.0",
            "InstanceNetworkType":"Classic","LockMode":"Unlock","PayType":"Postpaid",
            "ReadOnlyDBInstanceIds":{"ReadOnlyDBInstanceId":[]},"RegionId":"cn-hangzhou",
            "ZoneId":"cn-hangzhou-a"}]},"PageNumber":1,"PageRecordCount":1,"TotalRecordCount":1}"#,
    },
};

const LONG_TEXT: ParameterKind = ParameterKind::Text { characters_max: 4096 };

/// A filter on something that only a cloud's instances have.
const fn cloud(name: &'static str, kind: ParameterKind) -> ParameterSpec {
    optional(name, kind, "A filter on a property that only a cloud's instances have; without effect.", "")
        .hidden()
}

const ITEMS: &[FieldSpec] = &[list("DBInstance", DB_INSTANCE, "The instances; empty when none matches.")];

const DB_INSTANCE: &[FieldSpec] = &[
    text("Category", "Basic: one server."),
    text("ConnectionMode", "Standard."),
    text("ConnectionString", "The server's host, or its socket directory."),
    text("CreateTime", "When it was registered, UTC."),
    text("DBInstanceClass", "A cloud's class of hardware; empty here."),
    text("DBInstanceDescription", "The display name."),
    text("DBInstanceId", "The instance's id."),
    text("DBInstanceNetType", "Internet or Intranet."),
    text("DBInstanceStatus", "Running when the server can be backed up."),
    text("DBInstanceStorageType", "A cloud's kind of disk; empty here."),
    text("DBInstanceType", "Primary or Readonly."),
    boolean("DeletionProtection", "Whether deregistering is refused."),
    text("Engine", "PostgreSQL, MySQL or MariaDB."),
    text("EngineVersion", "The server's major version."),
    text("ExpireTime", "A subscription's end; empty here."),
    text("InstanceNetworkType", "Classic or VPC."),
    text("LockMode", "Unlock."),
    text("LockReason", "Why it is locked; empty here."),
    boolean("MutriORsignle", "(sic) Whether it spans zones."),
    text("PayType", "Postpaid."),
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
    text("VSwitchId", "A cloud's network; empty here."),
    text("VpcId", "A cloud's network; empty here."),
    text("ZoneId", "The zone's id."),
];
