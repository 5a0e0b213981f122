//! DescribeRegions: the one region that this service is.

use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;

pub(super) fn run(context: &Context, call: &ActionCall) -> Value {
    let region = &context.config.region;
    let endpoint = match &context.config.public_url {
        Some(url) => url.split_once("://").map_or(url.as_str(), |(_, host)| host).trim_end_matches('/'),
        None => &call.host,
    };
    json!({ "Regions": { "RDSRegion": [{
        "LocalName": region,
        "RegionEndpoint": endpoint,
        "RegionId": region,
        "ZoneId": zone(region),
        "ZoneName": zone(region),
    }] } })
}

/// The only zone of a region.
pub(super) fn zone(region: &str) -> String {
    format!("{region}-a")
}

/// Whether a list is asked for of a region that is not the service's, so that it is empty.
pub(super) fn is_elsewhere(context: &Context, call: &ActionCall, parameter: &str) -> bool {
    call.arguments.text(parameter).is_some_and(|region| region != context.config.region)
}
