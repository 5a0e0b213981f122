//! DescribeRegions.

use crate::{
    ActionSpec, Effect, Example, FieldSpec, Role,
    parameter_spec::{TEXT, optional},
    shape::{list, object, text},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeRegions",
    doc: "Lists regions and zones, one row per zone: here, the one that the service is.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[optional("AcceptLanguage", TEXT, "The language of the names.", "en-US")
        .without_effect("The region's name is its id, whatever the language.")],
    response: &[object("Regions", REGIONS, "The list.")],
    never_sent: &[],
    errors: &[],
    example: Example {
        parameters: &[],
        response: r#"{"Regions":{"RDSRegion":[{"LocalName":"cn-hangzhou","RegionEndpoint":"127.0.0.1:8086",
            "RegionId":"cn-hangzhou","ZoneId":"cn-hangzhou-a","ZoneName":"cn-hangzhou-a"}]}}"#,
    },
};

const REGIONS: &[FieldSpec] = &[list("RDSRegion", REGION, "The zones.")];

const REGION: &[FieldSpec] = &[
    text("LocalName", "The region's name: its id."),
    text("RegionEndpoint", "The host of the region's endpoint."),
    text("RegionId", "The region's id."),
    text("ZoneId", "The zone's id."),
    text("ZoneName", "The zone's name: its id."),
];
