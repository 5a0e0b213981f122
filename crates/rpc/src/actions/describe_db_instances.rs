//! DescribeDBInstances.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, ParameterSpec, Role,
    never_sent::{BILLING, FEATURE, HARDWARE, NETWORK, RELATED, never},
    parameter_spec::{
        CLIENT_TOKEN, DB_INSTANCE_ID_FILTER, PAGE_NUMBER, PAGE_SIZE, RESOURCE_GROUP_ID, TEXT, choice,
        optional, region_of_list,
    },
    shape::{boolean, list, number, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeDBInstances",
    doc: "Lists the registered instances. An unknown DBInstanceId is an error; other filters that match \
          nothing give an empty list. Every instance is Running, Primary, Postpaid and Classic.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        region_of_list("RegionId"),
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
        optional(
            "InstanceNetworkType",
            choice(&["VPC", "Classic"]),
            "Only instances in networks of this kind.",
            "Classic",
        ),
        optional(
            "PayType",
            choice(&["Postpaid", "Prepaid", "Serverless"]),
            "Only instances that are paid so.",
            "Postpaid",
        ),
        optional(
            "Expired",
            ParameterKind::Boolean,
            "true: only instances whose contract has ended: none.",
            "false",
        ),
        optional("ConnectionString", TEXT, "Only the instances of this host, in whatever case.", "10.0.0.5"),
        optional("ZoneId", TEXT, "Only instances in this zone.", "cn-hangzhou-a"),
        optional(
            "Tags",
            LONG_TEXT,
            "Only instances that have all of these tags: JSON of up to 5 keys and values.",
            r#"{"team":"payments"}"#,
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
        cloud("DBInstanceClass"),
        cloud("DedicatedHostGroupId"),
        cloud("DedicatedHostId"),
        cloud("VSwitchId"),
        cloud("VpcId"),
        ignored("Category", TEXT),
        ignored("ConnectionMode", TEXT),
        ignored("Filter", LONG_TEXT),
        ignored("InstanceLevel", ParameterKind::Integer { min: 0, max: 1, also: &[] }),
        ignored("QueryAutoRenewal", ParameterKind::Boolean),
        // The only lower-case parameter of the API.
        ignored("proxyId", TEXT),
        RESOURCE_GROUP_ID,
    ],
    response: &[
        object("Items", ITEMS, "The list."),
        text("NextToken", "The cursor for the next answer; absent on the last."),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    never_sent: &[
        never(
            "Items.DBInstance[]",
            &[
                "Category",
                "DBInstanceCPU",
                "DBInstanceClass",
                "DBInstanceMemory",
                "DBInstanceStorageType",
                "DedicatedHostGroupId",
                "DedicatedHostGroupName",
                "DedicatedHostIdForLog",
                "DedicatedHostIdForMaster",
                "DedicatedHostIdForSlave",
                "DedicatedHostNameForLog",
                "DedicatedHostNameForMaster",
                "DedicatedHostNameForSlave",
                "DedicatedHostZoneIdForLog",
                "DedicatedHostZoneIdForMaster",
                "DedicatedHostZoneIdForSlave",
                "GeneralGroupName",
                "MutriORsignle",
            ],
            HARDWARE,
        ),
        never(
            "Items.DBInstance[]",
            &["ConnectionMode", "DBInstanceNetType", "VSwitchId", "VpcCloudInstanceId", "VpcId", "VpcName"],
            NETWORK,
        ),
        never(
            "Items.DBInstance[]",
            &["AutoRenewal", "DestroyTime", "ExpireTime", "LockReason", "ResourceGroupId"],
            BILLING,
        ),
        never(
            "Items.DBInstance[]",
            &[
                "BlueGreenDeploymentName",
                "BlueInstanceName",
                "GreenInstanceName",
                "GuardDBInstanceId",
                "MasterInstanceId",
                "ReadOnlyDBInstanceIds",
                "SwitchWeight",
                "TempDBInstanceId",
            ],
            RELATED,
        ),
        never(
            "Items.DBInstance[]",
            &[
                "BpeEnabled",
                "BurstingEnabled",
                "ColdDataEnabled",
                "IoAccelerationEnabled",
                "IsAnalyticIns",
                "IsAnalyticReadOnlyIns",
                "Tips",
                "TipsLevel",
            ],
            FEATURE,
        ),
    ],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[("RegionId", "cn-hangzhou")],
        response: r#"{"Items":{"DBInstance":[{"ConnectionString":"10.0.0.5","CreateTime":"2018-11-05T11:26:02Z",
            "DBInstanceDescription":"Test database","DBInstanceId":"rm-uf6wjk5xxxxxxxxxx",
            "DBInstanceStatus":"Running","DBInstanceType":"Primary","DeletionProtection":false,"Engine":"PostgreSQL",
            "EngineVersion":"15.0","InstanceNetworkType":"Classic","LockMode":"Unlock","PayType":"Postpaid",
            "RegionId":"cn-hangzhou","ZoneId":"cn-hangzhou-a"}]},"PageNumber":1,"PageRecordCount":1,
            "TotalRecordCount":1}"#,
    },
};

const LONG_TEXT: ParameterKind = ParameterKind::Text { characters_max: 4096 };

/// A filter on something that no instance here has, so that nothing matches it.
const fn cloud(name: &'static str) -> ParameterSpec {
    optional(
        name,
        TEXT,
        "A filter on a property that only a cloud's instances have: no instance matches.",
        "",
    )
}

/// A filter on something that is not known of an instance.
const fn ignored(name: &'static str, kind: ParameterKind) -> ParameterSpec {
    optional(name, kind, "A filter on a property of which the service knows nothing; without effect.", "")
        .hidden()
}

const ITEMS: &[FieldSpec] = &[list("DBInstance", DB_INSTANCE, "The instances; empty when none matches.")];

const DB_INSTANCE: &[FieldSpec] = &[
    text("ConnectionString", "The server's host, or its socket directory."),
    text("CreateTime", "When it was registered, UTC."),
    text("DBInstanceDescription", "The display name; absent when there is none."),
    text("DBInstanceId", "The instance's id."),
    text("DBInstanceStatus", "Running."),
    text("DBInstanceType", "Primary."),
    boolean("DeletionProtection", "false: it can be deregistered."),
    text("Engine", "PostgreSQL, MySQL or MariaDB."),
    text("EngineVersion", "The server's major version; absent until it was reached once."),
    text("InstanceNetworkType", "Classic."),
    text("LockMode", "Unlock."),
    text("PayType", "Postpaid."),
    text("RegionId", "The region's id."),
    text("ZoneId", "The zone's id."),
];
