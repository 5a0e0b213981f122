//! DescribeAvailableCrossRegion: none, until sets can be copied to another region.

use serde_json::{Value, json};

pub(super) fn run() -> Value {
    json!({ "Regions": { "Region": [] } })
}
