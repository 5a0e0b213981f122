//! TagResources.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{REGION_ID, RESOURCE_TYPE, TAG_FIELDS, required},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "TagResources",
    doc: "Gives instances tags: each instance all of them, or none any. A tag of a key that an instance has \
          already gets the new value. An instance has at most 20 tags.",
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
        required(
            "Tag",
            ParameterKind::NumberedObjects { fields: TAG_FIELDS, count_max: 20 },
            "Up to 20 tags, as Tag.1.Key and Tag.1.Value and so on. A tag without a value has an empty one.",
            "",
        ),
        REGION_ID,
    ],
    response: &[],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::NumberExceedTags],
    example: Example {
        parameters: &[
            ("RegionId", "cn-hangzhou"),
            ("ResourceType", "INSTANCE"),
            ("ResourceId.1", "rm-uf6wjk5xxxxxxx"),
            ("Tag.1.Key", "team"),
            ("Tag.1.Value", "payments"),
        ],
        response: "{}",
    },
};
