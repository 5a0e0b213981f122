//! ListTagResources.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, Role,
    parameter_spec::{RESOURCE_TYPE, TAG_FIELDS, TEXT, optional, region_of_list},
    shape::{list, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "ListTagResources",
    doc: "Lists tags of instances, by instance and key. With Tag, only instances that have all of these tags, \
          each with every tag that it has.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        region_of_list("RegionId"),
        RESOURCE_TYPE,
        optional(
            "ResourceId",
            ParameterKind::NumberedTexts { characters_max: 256, count_max: 50 },
            "Only these instances, up to 50, as ResourceId.1 and so on.",
            "",
        ),
        optional(
            "Tag",
            ParameterKind::NumberedObjects { fields: TAG_FIELDS, count_max: 20 },
            "Only instances with these tags, up to 20, as Tag.1.Key and Tag.1.Value and so on; without a value, \
             whatever the tag's value is.",
            "",
        ),
        optional("NextToken", TEXT, "The NextToken of the answer before.", ""),
    ],
    response: &[
        text("NextToken", "The cursor for the next answer; absent on the last."),
        object("TagResources", TAG_RESOURCES, "The list."),
    ],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound],
    example: Example {
        parameters: &[
            ("RegionId", "cn-hangzhou"),
            ("ResourceType", "INSTANCE"),
            ("ResourceId.1", "rm-uf6wjk5xxxxxxx"),
        ],
        response: r#"{"TagResources":{"TagResource":[{"ResourceId":"rm-uf6wjk5xxxxxxx",
            "ResourceType":"ALIYUN::RDS::INSTANCE","TagKey":"team","TagValue":"payments"}]}}"#,
    },
};

const TAG_RESOURCES: &[FieldSpec] = &[list(
    "TagResource",
    &[
        text("ResourceId", "The instance's id."),
        text("ResourceType", "ALIYUN::RDS::INSTANCE."),
        text("TagKey", "The tag's key."),
        text("TagValue", "The tag's value."),
    ],
    "The tags; empty when none matches.",
)];
