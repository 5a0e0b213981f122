//! UntagResources.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{REGION_ID, RESOURCE_TYPE, optional, required},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "UntagResources",
    doc: "Takes tags from instances. Keys that an instance does not have are no error.",
    role: Role::Operator,
    effect: Effect::Changes,
    extension: false,
    parameters: &[
        RESOURCE_TYPE,
        required(
            "ResourceId",
            ParameterKind::NumberedTexts { characters_max: 256, count_max: 50 },
            "The ids of up to 50 instances, as ResourceId.1 and so on.",
            "",
        ),
        optional(
            "TagKey",
            ParameterKind::NumberedTexts { characters_max: 128, count_max: 20 },
            "The keys of up to 20 tags, as TagKey.1 and so on.",
            "",
        ),
        optional("All", ParameterKind::Boolean, "true: all tags. Only without TagKey.", "false")
            .default_to("false"),
        REGION_ID,
    ],
    response: &[],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[
            ("RegionId", "cn-hangzhou"),
            ("ResourceType", "INSTANCE"),
            ("ResourceId.1", "rm-uf6wjk5xxxxxxx"),
            ("TagKey.1", "team"),
        ],
        response: "{}",
    },
};
