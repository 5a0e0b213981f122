//! Instances.

use super::{Database, at, enqueue, instance_id, plain_backup, plain_instance, register};
use crate::{
    DeregisterError, EngineKind, Instance, InstanceFilter, NewInstance, Page, RegisterError, SslMode,
};

pub(super) async fn an_instance_reads_back_as_registered(database: &Database) {
    let catalog = database.node().await;
    let full = NewInstance {
        id: instance_id("pg-full"),
        engine: EngineKind::Mariadb,
        engine_version: Some("11.4".to_owned()),
        host: "/run/mysqld".to_owned(),
        port: 65_535,
        user: "büro".to_owned(),
        sealed_password: Some(vec![0, 255, 1]),
        ssl_mode: SslMode::VerifyFull,
        ca_certificate: Some("-----BEGIN".to_owned()),
        data_directory: Some("/var/lib/mysql".to_owned()),
        description: Some(String::new()),
    };
    register(&catalog, full.clone()).await;
    register(&catalog, plain_instance("pg-plain")).await;
    for (number, new) in [(1, full), (2, plain_instance("pg-plain"))] {
        let found = catalog.find_instance(&new.id).await.expect("readable").expect("registered");
        let NewInstance {
            id,
            engine,
            engine_version,
            host,
            port,
            user,
            sealed_password,
            ssl_mode,
            ca_certificate,
            data_directory,
            description,
        } = new;
        let expected = Instance {
            id,
            engine,
            engine_version,
            host,
            port,
            user,
            sealed_password,
            ssl_mode,
            ca_certificate,
            data_directory,
            description,
            host_instance: number,
            created: at(0),
            deregistered: None,
        };
        assert_eq!(found, expected, "what was absent is absent, and not empty");
    }
    let mut change = catalog.change(at(1)).await.expect("a change begins");
    change.record_engine_version(&instance_id("pg-plain"), "15.6").await.expect("recorded");
    change.commit().await.expect("committed");
    let found = catalog.find_instance(&instance_id("pg-plain")).await.expect("readable").expect("registered");
    assert_eq!(found.engine_version.as_deref(), Some("15.6"));
}

pub(super) async fn an_id_is_registered_once_at_a_time(database: &Database) {
    let catalog = database.node().await;
    let mut with_password = plain_instance("pg-1");
    with_password.sealed_password = Some(vec![1, 2, 3]);
    register(&catalog, with_password).await;

    let mut change = catalog.change(at(1)).await.expect("a change begins");
    let refused = change.register_instance(plain_instance("pg-1")).await.expect_err("taken");
    assert!(matches!(refused, RegisterError::Exists { .. }), "{refused}");
    change.deregister_instance(&instance_id("pg-1")).await.expect("deregistered");
    let refused = change.deregister_instance(&instance_id("pg-1")).await.expect_err("gone already");
    assert!(matches!(refused, DeregisterError::NotFound { .. }), "{refused}");
    change.commit().await.expect("committed");

    assert_eq!(catalog.find_instance(&instance_id("pg-1")).await.expect("readable"), None);
    let gone = catalog.find_instance_ever(&instance_id("pg-1")).await.expect("readable").expect("kept");
    assert_eq!((gone.deregistered, &gone.sealed_password), (Some(at(1)), &None), "the password is forgotten");
    register(&catalog, plain_instance("pg-2")).await;
    let sought = ["pg-2", "pg-1", "pg-9", "pg-2"].map(instance_id);
    let found = catalog.find_instances_ever(&sought).await.expect("readable");
    assert_eq!((found.len(), found.get(&sought[1])), (2, Some(&gone)));
    assert!(found.contains_key(&sought[0]), "a registered one is found too");
    assert!(catalog.find_instances_ever([]).await.expect("readable").is_empty());

    register(&catalog, plain_instance("pg-1")).await;
    let again = catalog.find_instance(&instance_id("pg-1")).await.expect("readable").expect("registered");
    assert!(again.host_instance > gone.host_instance, "another registration is another host instance");
}

pub(super) async fn an_instance_with_a_job_is_not_deregistered(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    enqueue(&catalog, plain_backup("pg-1")).await;
    let mut change = catalog.change(at(1)).await.expect("a change begins");
    let refused = change.deregister_instance(&instance_id("pg-1")).await.expect_err("it has a job");
    assert!(matches!(refused, DeregisterError::JobActive { .. }), "{refused}");
    change.undo().await.expect("undone");
    assert!(catalog.find_instance(&instance_id("pg-1")).await.expect("readable").is_some());
}

pub(super) async fn listings_filter_and_page(database: &Database) {
    let catalog = database.node().await;
    for (id, engine, description) in [
        ("b-1", EngineKind::Postgresql, Some("Kasse 100%")),
        ("a-2", EngineKind::Mysql, None),
        ("a10", EngineKind::Postgresql, Some("kasse 100x")),
        ("c-3", EngineKind::Postgresql, None),
    ] {
        let description = description.map(str::to_owned);
        register(&catalog, NewInstance { engine, description, ..plain_instance(id) }).await;
    }
    let page = |number, size| Page::new(number, size).expect("a page");
    let check = async |filter: InstanceFilter, page: Page, expected: &[&str], total: u64| {
        let listed = catalog.list_instances(&filter, page).await.expect("listable");
        let ids: Vec<&str> = listed.rows.iter().map(|instance| instance.id.as_str()).collect();
        assert_eq!((ids.as_slice(), listed.total), (expected, total), "{filter:?}");
    };
    let all = InstanceFilter::default();
    check(all.clone(), page(1, 30), &["a-2", "a10", "b-1", "c-3"], 4).await;
    check(all.clone(), page(2, 3), &["c-3"], 4).await;
    check(all.clone(), page(3, 3), &[], 4).await;
    let engine = Some(EngineKind::Mysql);
    check(InstanceFilter { engine, ..all.clone() }, page(1, 30), &["a-2"], 1).await;
    let text = Some("KASSE 100%".to_owned());
    check(InstanceFilter { text, ..all.clone() }, page(1, 30), &["b-1"], 1).await;
    let text = Some("A-".to_owned());
    check(InstanceFilter { text, ..all.clone() }, page(1, 30), &["a-2"], 1).await;
    let ids = Some(vec![instance_id("c-3"), instance_id("zz"), instance_id("a10")]);
    check(InstanceFilter { ids, ..all.clone() }, page(1, 30), &["a10", "c-3"], 2).await;
    check(InstanceFilter { ids: Some(Vec::new()), ..all.clone() }, page(1, 30), &[], 0).await;
    let after = Some(instance_id("a10"));
    check(InstanceFilter { after, ..all }, page(1, 1), &["b-1"], 2).await;
}
