//! Tags.

use super::{Database, at, instance_id, plain_instance, register};
use crate::{Catalog, SoughtTag, TAGS_PER_INSTANCE_MAX, TagError, TagFilter};

async fn tag(catalog: &Catalog, instance: &str, tags: &[(&str, &str)]) -> Result<(), TagError> {
    let tags: Vec<_> = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut change = catalog.change(at(1)).await.expect("a change begins");
    change.tag_instance(&instance_id(instance), &tags).await?;
    change.commit().await.expect("committed");
    Ok(())
}

async fn untag(catalog: &Catalog, instance: &str, names: Option<&[&str]>) {
    let names: Option<Vec<String>> = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let mut change = catalog.change(at(2)).await.expect("a change begins");
    change.untag_instance(&instance_id(instance), names.as_deref()).await.expect("untagged");
    change.commit().await.expect("committed");
}

/// The tags as `instance name=value`.
async fn listed(catalog: &Catalog, filter: &TagFilter, instances_max: u32) -> (Vec<String>, bool) {
    let (tags, more) = catalog.list_tags(filter, instances_max).await.expect("listable");
    (tags.iter().map(|tag| format!("{} {}={}", tag.instance, tag.name, tag.value)).collect(), more)
}

fn sought(name: &str, value: Option<&str>) -> SoughtTag {
    SoughtTag { name: name.to_owned(), value: value.map(str::to_owned) }
}

pub(super) async fn an_instance_has_tags_until_it_is_deregistered(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    register(&catalog, plain_instance("pg-2")).await;
    tag(&catalog, "pg-1", &[("team", "a"), ("Tier", "")]).await.expect("tagged");
    tag(&catalog, "pg-1", &[("team", "b")]).await.expect("tagged again");
    tag(&catalog, "pg-2", &[("team", "a")]).await.expect("tagged");
    let all = TagFilter::default();
    let expected = ["pg-1 Tier=", "pg-1 team=b", "pg-2 team=a"].map(str::to_owned).to_vec();
    assert_eq!(listed(&catalog, &all, 50).await, (expected, false), "a second value replaces the first");

    untag(&catalog, "pg-1", Some(&["team", "absent"])).await;
    assert_eq!(listed(&catalog, &all, 50).await.0, ["pg-1 Tier=", "pg-2 team=a"]);
    untag(&catalog, "pg-1", None).await;
    assert_eq!(listed(&catalog, &all, 50).await.0, ["pg-2 team=a"]);

    let mut change = catalog.change(at(3)).await.expect("a change begins");
    change.deregister_instance(&instance_id("pg-2")).await.expect("deregistered");
    let refused = change.tag_instance(&instance_id("pg-2"), &[]).await.expect_err("it is gone");
    assert!(matches!(refused, TagError::InstanceNotFound { .. }), "{refused}");
    change.commit().await.expect("committed");
    register(&catalog, plain_instance("pg-2")).await;
    assert_eq!(listed(&catalog, &all, 50).await, (Vec::new(), false), "another registration has none");
}

pub(super) async fn an_instance_has_a_bounded_number_of_tags(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let names: Vec<String> = (0..TAGS_PER_INSTANCE_MAX).map(|n| format!("n{n}")).collect();
    let tags: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    tag(&catalog, "pg-1", &tags).await.expect("as many as there may be");
    let refused = tag(&catalog, "pg-1", &[("one", "more")]).await.expect_err("too many");
    assert!(matches!(refused, TagError::TooMany { .. }), "{refused}");
    tag(&catalog, "pg-1", &[("n0", "other value")]).await.expect("no further tag");
    assert_eq!(listed(&catalog, &TagFilter::default(), 50).await.0.len(), names.len());
}

pub(super) async fn tags_are_found_by_instance_name_and_value(database: &Database) {
    let catalog = database.node().await;
    for id in ["a-1", "b-1", "c-1", "d-1"] {
        register(&catalog, plain_instance(id)).await;
    }
    tag(&catalog, "a-1", &[("team", "x"), ("tier", "1")]).await.expect("tagged");
    tag(&catalog, "b-1", &[("team", "x"), ("tier", "2")]).await.expect("tagged");
    tag(&catalog, "d-1", &[("team", "y")]).await.expect("tagged");
    let check = async |filter: TagFilter, max: u32, instances: &[&str], more: bool| {
        let (tags, there_are_more) = catalog.list_tags(&filter, max).await.expect("listable");
        let mut found: Vec<&str> = tags.iter().map(|tag| tag.instance.as_str()).collect();
        found.dedup();
        assert_eq!((found.as_slice(), there_are_more), (instances, more), "{filter:?}");
    };
    let all = TagFilter::default();
    check(all.clone(), 2, &["a-1", "b-1"], true).await;
    check(all.clone(), 3, &["a-1", "b-1", "d-1"], false).await;
    check(TagFilter { after: Some(instance_id("b-1")), ..all.clone() }, 2, &["d-1"], false).await;
    let instances = Some(vec![instance_id("b-1"), instance_id("c-1"), instance_id("absent")]);
    check(TagFilter { instances, ..all.clone() }, 9, &["b-1"], false).await;
    let having = vec![sought("team", Some("x")), sought("tier", None)];
    check(TagFilter { having, ..all.clone() }, 9, &["a-1", "b-1"], false).await;
    let having = vec![sought("team", Some("x")), sought("tier", Some("2"))];
    check(TagFilter { having, ..all.clone() }, 9, &["b-1"], false).await;
    check(TagFilter { having: vec![sought("Team", None)], ..all }, 9, &[], false).await;
}
