//! Tags, as clients use them.

use catalog::Role;
use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::Harness;

/// The tags as `instance key=value`, page after page.
fn listed(client: &Client, filter: &[(&str, &str)]) -> Vec<String> {
    let query = [&[("RegionId", "cn-hangzhou"), ("ResourceType", "INSTANCE")], filter].concat();
    let answer = client.call("ListTagResources", &query).expect_success();
    assert_eq!(answer.get("NextToken"), None, "a few instances are one page");
    let rows = answer["TagResources"]["TagResource"].as_array().unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| {
            assert_eq!(row["ResourceType"], "ALIYUN::RDS::INSTANCE");
            format!("{} {}={}", text(row, "ResourceId"), text(row, "TagKey"), text(row, "TagValue"))
        })
        .collect()
}

#[test]
fn instances_are_tagged_found_by_tag_and_untagged() {
    let harness = Harness::started();
    let client = harness.client();
    for id in ["orders", "stock", "third"] {
        harness.register_small(id);
    }
    let kind = [("ResourceType", "INSTANCE")];
    let tags = [("Tag.1.Key", "team"), ("Tag.1.Value", "größe"), ("Tag.2.Key", "tier")];
    let both = [("ResourceId.1", "stock"), ("ResourceId.2", "orders")];
    client.call("TagResources", &[&kind[..], &tags, &both].concat()).expect_success();
    let one = [("ResourceId.1", "stock"), ("Tag.1.Key", "team"), ("Tag.1.Value", "b")];
    client.call("TagResources", &[&kind[..], &one].concat()).expect_success();
    assert_eq!(listed(&client, &[]), ["orders team=größe", "orders tier=", "stock team=b", "stock tier="]);
    assert_eq!(listed(&client, &[("ResourceId.1", "third")]), [""; 0]);
    assert_eq!(
        listed(&client, &[("Tag.1.Key", "team"), ("Tag.1.Value", "b")]),
        ["stock team=b", "stock tier="]
    );
    assert_eq!(listed(&client, &[("Tag.1.Key", "tier"), ("Tag.2.Key", "absent")]), [""; 0]);
    let ids = |tags: &str| {
        let answer = client.call("DescribeDBInstances", &[("Tags", tags)]).expect_success();
        answer["Items"]["DBInstance"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["DBInstanceId"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(r#"{"team":"b"}"#), ["stock"]);
    assert_eq!(ids(r#"{"team":"b","tier":"x"}"#), [""; 0]);

    let other = client.call("ListTagResources", &[("RegionId", "cn-beijing"), ("ResourceType", "INSTANCE")]);
    assert_eq!(other.expect_success()["TagResources"], json!({ "TagResource": [] }));

    let untag = |more: &[(&str, &str)]| client.call("UntagResources", &[&kind[..], more].concat());
    untag(&[("ResourceId.1", "stock"), ("TagKey.1", "team"), ("TagKey.2", "absent")]).expect_success();
    // Keys go before All.
    untag(&[("ResourceId.1", "orders"), ("TagKey.1", "team"), ("All", "true")]).expect_success();
    assert_eq!(listed(&client, &[]), ["orders tier=", "stock tier="]);
    untag(&[("ResourceId.1", "orders"), ("All", "True")]).expect_success();
    assert_eq!(listed(&client, &[]), ["stock tier="]);
    client.call("DeleteDBInstance", &[("DBInstanceId", "stock")]).expect_success();
    harness.register_small("stock");
    assert_eq!(listed(&client, &[]), [""; 0], "a new registration has no tags");
}

#[test]
fn tagging_is_refused_as_documented() {
    let harness = Harness::started();
    let client = harness.client();
    harness.register_small("orders");
    let kind = [("ResourceType", "INSTANCE")];
    let refuse = |action: &str, more: &[(&str, &str)], status: u16, code: &str| {
        client.call(action, &[&kind[..], more].concat()).expect_error(status, code);
    };
    refuse("TagResources", &[("Tag.1.Key", "a")], 400, "MissingResourceId");
    refuse("TagResources", &[("ResourceId.1", "orders")], 400, "MissingTag");
    refuse("TagResources", &[("ResourceId.1", "orders"), ("Tag.1.Value", "a")], 400, "MissingKey");
    let absent = [("ResourceId.1", "orders"), ("ResourceId.2", "absent"), ("Tag.1.Key", "a")];
    refuse("TagResources", &absent, 404, "InvalidDBInstanceId.NotFound");
    assert_eq!(listed(&client, &[]), [""; 0], "all or none");
    refuse("UntagResources", &[("ResourceId.1", "orders")], 400, "MissingTagKey");
    refuse(
        "UntagResources",
        &[("ResourceId.1", "absent"), ("All", "true")],
        404,
        "InvalidDBInstanceId.NotFound",
    );
    refuse("ListTagResources", &[("ResourceId.1", "absent")], 404, "InvalidDBInstanceId.NotFound");
    refuse("ListTagResources", &[("NextToken", "?")], 400, "InvalidNextToken.Malformed");
    let disk = [("ResourceType", "DISK"), ("ResourceId.1", "orders"), ("All", "true")];
    client.call("UntagResources", &disk).expect_error(400, "InvalidResourceType.ValueNotSupport");

    let names: Vec<(String, String)> =
        (1..=20).map(|n| (format!("Tag.{n}.Key"), format!("key-{n}"))).collect();
    let mut many: Vec<(&str, &str)> = names.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
    many.push(("ResourceId.1", "orders"));
    client.call("TagResources", &[&kind[..], &many].concat()).expect_success();
    refuse(
        "TagResources",
        &[("ResourceId.1", "orders"), ("Tag.1.Key", "one more")],
        400,
        "NumberExceed.Tags",
    );
    assert_eq!(listed(&client, &[]).len(), 20);

    harness.register_small("stock");
    let limited = harness.client_of(&harness.add_key("limited", Role::Operator, Some(&["stock"])));
    let foreign = [("ResourceType", "INSTANCE"), ("ResourceId.1", "orders"), ("All", "true")];
    limited.call("UntagResources", &foreign).expect_error(403, "Forbidden.RAM");
    assert_eq!(listed(&limited, &[]), [""; 0], "what the key may not see is not listed");
}
