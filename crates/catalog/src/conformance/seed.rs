//! A catalog with a history, for looking at what listings cost.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend};

use crate::catalog::Catalog;
use crate::column::micros;
use crate::migration::fill_tallies;

/// How much history a catalog gets. Its jobs are backups but for every fiftieth, a sweep. Of the backups some
/// failed, some were cancelled, and the last ten jobs are queued.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Instances, called `pg-0` and so on; the last tenth are not registered any more.
    pub instances: u32,
    /// Jobs, spread evenly over the time.
    pub jobs: u32,
    /// Living sets, of evenly spread jobs.
    pub sets: u32,
    /// Days over which it goes.
    pub days: u32,
    /// When it ends.
    pub end: Timestamp,
}

impl History {
    /// The name of a registered instance that has as much of the history as any.
    pub const INSTANCE: &'static str = "pg-1";

    /// Writes the history into an empty catalog.
    ///
    /// # Panics
    /// When the database does not take it.
    pub async fn write(&self, catalog: &Catalog) {
        let connection = catalog.writer();
        let postgres = connection.get_database_backend() == DbBackend::Postgres;
        let mut steps = vec![self.instances(), self.jobs(), self.sets()];
        if postgres {
            // A million rows in one transaction leave a million dead versions of the same few tallies.
            steps.insert(0, triggers("DISABLE"));
            steps.extend([fill_tallies(), triggers("ENABLE")]);
        }
        for sql in steps {
            let sql = if postgres { sql.replace("{true}", "TRUE").replace("{false}", "FALSE") } else { sql };
            let sql = sql.replace("{true}", "1").replace("{false}", "0");
            connection.execute_unprepared(&sql).await.expect("rows are made");
        }
        if postgres {
            connection.execute_unprepared("ANALYZE").await.expect("the planner is told");
        }
    }

    fn instances(&self) -> String {
        let Self { instances, .. } = self;
        let (numbers, end, gone_from) = (numbers(*instances), micros(self.end), instances - instances / 10);
        format!(
            "{numbers} INSERT INTO instance (id, engine, host, port, user_name, ssl_mode, host_instance, \
             created_micros, deregistered_micros) SELECT 'pg-' || (i - 1), 'postgresql', 'localhost', 5432, 'backup', \
             'prefer', i, 0, CASE WHEN i > {gone_from} THEN {end} END FROM n"
        )
    }

    fn jobs(&self) -> String {
        let Self { instances, jobs, .. } = self;
        let (numbers, created) = (numbers(*jobs), self.created());
        format!(
            "{numbers}, j AS (SELECT i, i > {jobs} - 10 AS queued, i % 50 = 0 AS sweep, i / {instances} AS round FROM n) \
             INSERT INTO job (id, kind, repository_id, instance_id, mode, parameters_json, state, stage, \
             due_micros, attempts_count, fencing_epoch, cancel_requested, process_percent, done_bytes, created_micros, \
             ended_micros, reserved_set_id, failure_code, failure_message) \
             SELECT i, CASE WHEN sweep THEN 'sweep' ELSE 'backup' END, '{REPOSITORY}', \
             CASE WHEN sweep THEN NULL ELSE 'pg-' || (i % {instances}) END, \
             CASE WHEN round % 10 = 0 THEN 'manual' ELSE 'automated' END, 'null', \
             CASE WHEN queued THEN 'queued' WHEN round % 50 IN (1, 2) THEN 'failed' ELSE 'succeeded' END, \
             CASE WHEN queued THEN 'no_start' ELSE 'proving' END, {created}, 1, 1, {{false}}, 0, 0, {created}, \
             CASE WHEN queued THEN NULL ELSE {created} + 1000000 END, CASE WHEN sweep THEN NULL ELSE i END, \
             CASE WHEN queued THEN NULL WHEN round % 50 = 1 THEN 'Broken' WHEN round % 50 = 2 THEN 'Cancelled' END, \
             CASE WHEN NOT queued AND round % 50 IN (1, 2) THEN 'it broke' END FROM j"
        )
    }

    fn sets(&self) -> String {
        let Self { instances, jobs, sets, .. } = self;
        let gone_from = instances - instances / 10;
        let (numbers, created) = (numbers(*sets), self.created());
        let each = (jobs / sets).max(1);
        format!(
            "{numbers}, k AS (SELECT i * {each} AS i FROM n) \
             INSERT INTO backup_set (id, instance_id, repository_id, job_id, attempt_id, fencing_epoch, status, \
             backup_type, method, mode, engine, engine_version, started_micros, ended_micros, size_bytes, stored_bytes, \
             new_bytes, encrypted, download_bytes, detached) SELECT i, 'pg-' || (i / {each} % {instances}), \
             '{REPOSITORY}', i, '{REPOSITORY}', 1, 'success', 'full', 'physical', \
             CASE WHEN i / {each} / {instances} % 10 = 0 THEN 'manual' ELSE 'automated' END, 'postgresql', '15', {created}, \
             {created} + 1000000, 1, 1, 1, {{true}}, 1, \
             CASE WHEN i / {each} % {instances} >= {gone_from} THEN {{true}} ELSE {{false}} END FROM k"
        )
    }

    /// When job `i` was asked for.
    fn created(&self) -> String {
        let Self { jobs, days, .. } = self;
        let each = i64::from(*days) * 86_400_000_000 / i64::from(*jobs);
        format!("{} - ({jobs} - i) * {each}", micros(self.end))
    }
}

fn triggers(word: &str) -> String {
    ["job", "backup_set"].map(|table| format!("ALTER TABLE {table} {word} TRIGGER USER;")).concat()
}

const REPOSITORY: &str = "11111111111111111111111111111111";

/// The numbers up to `last`, as `n (i)`.
pub(super) fn numbers(last: u32) -> String {
    format!(
        "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
    )
}
