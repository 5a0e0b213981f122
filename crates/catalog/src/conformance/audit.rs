//! The audit log.

use serde_json::json;

use super::{Database, at, instance_id};
use crate::{AuditFilter, Catalog, NewAuditRecord};

fn record(seconds: i64, request_id: &str) -> NewAuditRecord {
    NewAuditRecord {
        at: at(seconds),
        request_id: request_id.to_owned(),
        key: "key".to_owned(),
        action: "CreateBackup".to_owned(),
        instance: None,
        outcome: "Forbidden.RAM".to_owned(),
        message: "not allowed".to_owned(),
        source: None,
        details: json!({}),
    }
}

async fn write(catalog: &Catalog, records: &[NewAuditRecord]) {
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    change.record_audits(records).await.expect("written");
    change.commit().await.expect("committed");
}

async fn listed(catalog: &Catalog, filter: &AuditFilter) -> Vec<String> {
    let found = catalog.list_audits(filter, 100).await.expect("listable");
    found.into_iter().map(|found| found.record.request_id).collect()
}

pub(super) async fn a_record_reads_back_as_written_and_belongs_to_its_change(database: &Database) {
    let catalog = database.node().await;
    let full = NewAuditRecord {
        instance: Some(instance_id("pg-1")),
        source: Some("127.0.0.1".to_owned()),
        details: json!({"Parameters": {"BackupType": "Auto"}}),
        ..record(1, "FULL")
    };
    let mut change = catalog.change(at(1)).await.expect("a change begins");
    change.record_audit(&full).await.expect("written");
    change.undo().await.expect("undone");
    assert_eq!(catalog.find_audit("FULL").await.expect("readable"), None);

    let mut change = catalog.change(at(1)).await.expect("a change begins");
    change.record_audit(&full).await.expect("written");
    change.record_audit(&record(1, "OTHER")).await.expect("written");
    change.commit().await.expect("committed");
    let found = catalog.find_audit("FULL").await.expect("readable").expect("there");
    assert_eq!(found.record, full);
    assert_eq!(found.position.to_string().parse(), Ok(found.position));
}

pub(super) async fn listings_filter_and_go_on(database: &Database) {
    let catalog = database.node().await;
    let of_key = NewAuditRecord { key: "other".to_owned(), ..record(3, "KEY") };
    let of_instance = NewAuditRecord { instance: Some(instance_id("pg-1")), ..record(2, "INSTANCE") };
    // Batches are written later than what happened meanwhile.
    write(&catalog, &[record(5, "LAST"), of_key, record(1, "FIRST")]).await;
    write(&catalog, &[of_instance, record(5, "LAST TOO")]).await;

    let all = AuditFilter::default();
    let newest_first = ["LAST TOO", "LAST", "KEY", "INSTANCE", "FIRST"];
    assert_eq!(listed(&catalog, &all).await, newest_first);
    let window = AuditFilter { start: Some(at(2)), end: Some(at(5)), ..all.clone() };
    assert_eq!(listed(&catalog, &window).await, ["KEY", "INSTANCE"]);
    let key = AuditFilter { key: Some("other".to_owned()), ..all.clone() };
    assert_eq!(listed(&catalog, &key).await, ["KEY"]);
    let instance = AuditFilter { instance: Some(instance_id("pg-1")), ..all.clone() };
    assert_eq!(listed(&catalog, &instance).await, ["INSTANCE"]);
    let request = AuditFilter { request_id: Some("FIRST".to_owned()), ..all.clone() };
    assert_eq!(listed(&catalog, &request).await, ["FIRST"]);

    let mut seen = Vec::new();
    let mut filter = all;
    while let Some(found) = catalog.list_audits(&filter, 1).await.expect("listable").pop() {
        seen.push(found.record.request_id);
        filter.after = Some(found.position);
    }
    assert_eq!(seen, newest_first, "one at a time, none twice and none left out");
}

pub(super) async fn old_records_are_forgotten(database: &Database) {
    let catalog = database.node().await;
    let many: Vec<_> = (0..357).map(|n| record(n, &format!("R{n}"))).collect();
    write(&catalog, &many).await;
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    assert_eq!(change.forget_audits(at(355)).await.expect("forgotten"), 355);
    assert_eq!(change.forget_audits(at(355)).await.expect("forgotten"), 0);
    change.commit().await.expect("committed");
    assert_eq!(listed(&catalog, &AuditFilter::default()).await, ["R356", "R355"]);
}
