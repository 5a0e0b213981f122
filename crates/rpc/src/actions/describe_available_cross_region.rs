//! DescribeAvailableCrossRegion.

use crate::{
    ActionSpec, Effect, Example, Role,
    parameter_spec::REGION_ID,
    shape::{object, text_list},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeAvailableCrossRegion",
    doc: "Lists the regions that sets can be copied to. Copying is not there yet, so there is none.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[REGION_ID],
    response: &[object("Regions", &[text_list("Region", "The regions' ids.")], "The list.")],
    never_sent: &[],
    errors: &[],
    example: Example { parameters: &[("RegionId", "cn-hangzhou")], response: r#"{"Regions":{"Region":[]}}"# },
};
