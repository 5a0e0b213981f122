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
    parameters: &[optional("AcceptLanguage", TEXT, "The language of the names; without effect.", "en-US")],
    response: &[object("Regions", REGIONS, "The list.")],
    errors: &[],
    example: Example {
        parameters: &[],
        response: r#"{"Regions":{"RDSRegion":[{"LocalName":"Backstop","RegionEndpoint":"127.0.0.1:8086",
            "RegionId":"backstop","ZoneId":"backstop-a","ZoneName":"Backstop Zone A"}]}}"#,
    },
};

const REGIONS: &[FieldSpec] = &[list("RDSRegion", REGION, "The zones.")];

const REGION: &[FieldSpec] = &[
    text("LocalName", "The region's name."),
    text("RegionEndpoint", "The host of the region's endpoint."),
    text("RegionId", "The region's id."),
    text("ZoneId", "The zone's id."),
    text("ZoneName", "The zone's name."),
];
