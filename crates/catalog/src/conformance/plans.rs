//! What the databases' planners make of the statements that are frequent or may meet many rows.

use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement, TransactionTrait, Value};

use super::seed::{History, numbers};
use super::{Database, at, instance_id};
use crate::audit::{FORGET_OLD, OLD_UP_TO};
use crate::backup_set::EXPIRED_INSTANCES;
use crate::catalog::Catalog;
use crate::job::daily::MANUAL_SINCE;
use crate::job::{ForPlans as JobStatements, GROUP_MAX};
use crate::nonce::{EXPIRED_UP_TO, FORGET_EXPIRED};
use crate::policy::NEWEST_FULL;
use crate::tally::{self, Listing};
use crate::{AuditFilter, BackupMode, BackupSetFilter, FailedBackupFilter, JobFilter, JobKind, JobPhase};

/// Enough that no planner prefers to read them all.
const ROWS: u32 = 20_000;

/// A statement and the indexes that it must use.
type Expectation = (&'static str, String, &'static [&'static str]);

pub(super) async fn every_frequent_statement_uses_an_index(database: &Database) {
    let catalog = database.node().await;
    fill(&catalog).await;
    for (name, sql, indexes) in expectations(&catalog) {
        let plan = explain(&catalog, &sql).await;
        for index in indexes {
            assert!(plan.contains(index), "{name} does not use {index}:\n{plan}");
        }
        for table in ["job", "backup_set", "nonce", "audit_log", "job_tally", "set_tally"] {
            let whole = plan.lines().find(|line| {
                let line = line.trim();
                line.ends_with(&format!("SCAN {table}")) || line.contains(&format!("Seq Scan on {table} "))
            });
            assert_eq!(whole, None, "{name} reads the whole table:\n{plan}");
        }
    }
}

fn expectations(catalog: &Catalog) -> Vec<Expectation> {
    let connection = catalog.readers();
    let backend = connection.get_database_backend();
    let instance = Some(instance_id("pg-1"));
    let of_instance =
        JobFilter { instance: instance.clone(), kind: Some(JobKind::Backup), ..JobFilter::default() };
    let queued = JobFilter { phases: Some(vec![JobPhase::Queued]), ..JobFilter::default() };
    let (created_start, created_end) = (Some(at(0)), Some(at(9)));
    let created = JobFilter { created_start, created_end, ..JobFilter::default() };
    let created_of_instance = JobFilter { instance: instance.clone(), ..created.clone() };
    let failed = FailedBackupFilter {
        instance: instance_id("pg-1"),
        ended_start: at(0),
        ended_end: Some(at(9)),
        mode: None,
        set: None,
    };
    let sets = BackupSetFilter { instance, ..BackupSetFilter::default() };
    let detached = BackupSetFilter { detached: true, ..BackupSetFilter::default() };
    let audit_of_request = AuditFilter { request_id: Some("R".to_owned()), ..AuditFilter::default() };
    let sweeps = JobFilter { kind: Some(JobKind::Sweep), ..JobFilter::default() };
    let manual =
        JobFilter { kind: Some(JobKind::Backup), mode: Some(BackupMode::Manual), ..JobFilter::default() };
    let failed_jobs = JobFilter { phases: Some(vec![JobPhase::Failed]), ..JobFilter::default() };
    let JobStatements { claim, fail_hopeless, release, next_claimable, active_backups, active_jobs, look_up } =
        JobStatements::collect(connection);
    let primary_key: &[_] = if backend == DbBackend::Postgres { &["job_pkey"] } else { &["PRIMARY KEY"] };
    let (job_tally, set_tally): (&[_], &[_]) = if backend == DbBackend::Postgres {
        (&["job_tally_pkey"], &["set_tally_pkey"])
    } else {
        (&["PRIMARY KEY"], &["PRIMARY KEY"])
    };
    vec![
        ("claim", claim, &["job_running", "job_queued"]),
        ("fail hopeless", fail_hopeless, &["job_running"]),
        ("release", release, &["job_running"]),
        ("next claimable", next_claimable, &["job_running", "job_queued"]),
        ("active backups", active_backups, &["job_active_backup"]),
        ("active jobs", active_jobs, &["job_"]),
        ("look up", look_up, primary_key),
        ("jobs of an instance", page_of(&of_instance, backend), &["job_of_instance_by_creation"]),
        ("queued jobs", page_of(&queued, backend), &["job_active"]),
        ("jobs by creation", page_of(&created, backend), &["job_by_creation"]),
        (
            "jobs of an instance by creation",
            page_of(&created_of_instance, backend),
            &["job_of_instance_by_creation"],
        ),
        ("failed backups", failed.query().build(backend).sql, &["job_failed_backup"]),
        ("all jobs", page_of(&JobFilter::default(), backend), &["job_by_creation"]),
        ("sweeps", page_of(&sweeps, backend), &["job_beside_backups"]),
        ("manual jobs", page_of(&manual, backend), &["job_by_mode"]),
        ("failed jobs", page_of(&failed_jobs, backend), &["job_failed"]),
        ("total of jobs", total_of(&JobFilter::default(), backend), job_tally),
        ("total of an instance's jobs", total_of(&of_instance, backend), job_tally),
        ("total of an instance's sets", total_of(&sets, backend), set_tally),
        ("detached sets", page_of(&detached, backend), &["backup_set_detached"]),
        ("sets", page_of(&sets, backend), &["backup_set_of_instance"]),
        ("newest full set", NEWEST_FULL.to_owned(), &["backup_set_full"]),
        ("expired sets", EXPIRED_INSTANCES.to_owned(), &["backup_set_"]),
        ("expired nonces", EXPIRED_UP_TO.to_owned(), &["nonce_expiring"]),
        ("manual backups of a day", MANUAL_SINCE.to_owned(), &["job_manual"]),
        ("audit records", AuditFilter::default().newest(30).build(backend).sql, &["audit_log_time"]),
        ("audit of a request", audit_of_request.newest(1).build(backend).sql, &["audit_log_request"]),
        ("old audit records", OLD_UP_TO.to_owned(), &["audit_log_time"]),
        ("forget audit records", FORGET_OLD.to_owned(), &["audit_log_time"]),
        ("forget nonces", FORGET_EXPIRED.to_owned(), &["nonce_expiring"]),
    ]
}

/// The statement of a listing's second page.
fn page_of(listing: &impl Listing, backend: DbBackend) -> String {
    listing.page_in(listing.span(), 30, 30).build(backend).sql
}

/// The statement of a listing's total.
fn total_of(listing: &impl Listing, backend: DbBackend) -> String {
    backend.build(&tally::total_statement(listing).expect("tallies tell these rows apart")).sql
}

/// A history, nonces and audit records.
async fn fill(catalog: &Catalog) {
    History { instances: 1_000, jobs: ROWS, sets: ROWS, days: 300, end: at(0) }.write(catalog).await;
    let numbers = numbers(ROWS);
    let postgres = catalog.writer().get_database_backend() == DbBackend::Postgres;
    let hash = if postgres { "decode('00', 'hex')" } else { "x'00'" };
    let nonces = format!(
        "{numbers} INSERT INTO nonce (key_id, nonce_hash, expires_micros) SELECT 'key-' || i, {hash}, i FROM n"
    );
    let audits = format!(
        "{numbers} INSERT INTO audit_log (at_micros, request_id, key_id, action, outcome, message, details_json) \
         SELECT i, 'R' || i, 'key', 'a', 'o', '', 'null' FROM n"
    );
    let analyze = if postgres { "ANALYZE" } else { "SELECT 1" };
    for sql in [&nonces, &audits, analyze] {
        catalog.writer().execute_unprepared(sql).await.expect("rows are made");
    }
}

/// The plan that serves every value; on PostgreSQL as the catalog's connections plan what they prepare.
async fn explain(catalog: &Catalog, sql: &str) -> String {
    let connection = catalog.writer();
    let backend = connection.get_database_backend();
    let rows = if backend == DbBackend::Postgres {
        let transaction = connection.begin().await.expect("a transaction");
        transaction.execute_unprepared(&format!("PREPARE explained AS {sql}")).await.expect(sql);
        let nulls = vec!["NULL"; placeholders(sql)].join(", ");
        let execute = if nulls.is_empty() { "explained".to_owned() } else { format!("explained ({nulls})") };
        let statement = Statement::from_string(backend, format!("EXPLAIN EXECUTE {execute}"));
        let rows = transaction.query_all_raw(statement).await.expect(sql);
        transaction.execute_unprepared("DEALLOCATE explained").await.expect("deallocated");
        rows
    } else {
        let nulls = vec![Value::BigInt(None); placeholders(sql)];
        let statement = Statement::from_sql_and_values(backend, format!("EXPLAIN QUERY PLAN {sql}"), nulls);
        connection.query_all_raw(statement).await.expect(sql)
    };
    let column = if backend == DbBackend::Postgres { "QUERY PLAN" } else { "detail" };
    let lines = rows.iter().map(|row| row.try_get::<String>("", column).expect("a line"));
    lines.collect::<Vec<_>>().join("\n")
}

/// How many values a statement takes.
fn placeholders(sql: &str) -> usize {
    let numbered = (1..=GROUP_MAX).take_while(|n| sql.contains(&format!("${n}"))).count();
    numbered.max(sql.matches('?').count())
}
