//! How many jobs and living sets there are of each sort in every stretch of 1, 32 and 1,024 days, so that the total of a listing is not counted
//! and a page far down is found without stepping over all that is before it.
//!
//! Triggers keep the tallies, so that no writer can forget them. On PostgreSQL they run at the commit, one
//! transaction at a time: each then has all its locks on jobs and sets, and waits for nothing else.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::statement::dialect;

/// The step.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_tallies"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(&dialect(connection, SCHEMA)).await?;
        for tally in [JOBS, SETS] {
            connection.execute_unprepared(&tally.fill()).await?;
            let postgres = connection.get_database_backend() == DbBackend::Postgres;
            let triggers = if postgres { tally.postgres_triggers() } else { tally.sqlite_triggers() };
            connection.execute_unprepared(&triggers).await?;
        }
        Ok(())
    }
}

const SCHEMA: &str = "
CREATE TABLE job_tally (
    instance_id {name} NOT NULL,
    days {number} NOT NULL,
    first_day {number} NOT NULL,
    kind TEXT NOT NULL,
    mode TEXT NOT NULL,
    outcome TEXT NOT NULL,
    number {number} NOT NULL,
    PRIMARY KEY (instance_id, days, first_day, kind, mode, outcome)
) {clustered};

CREATE TABLE set_tally (
    instance_id {name} NOT NULL,
    days {number} NOT NULL,
    first_day {number} NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL,
    backup_type TEXT NOT NULL,
    detached {flag} NOT NULL,
    number {number} NOT NULL,
    PRIMARY KEY (instance_id, days, first_day, mode, status, backup_type, detached)
) {clustered};

DROP INDEX job_of_instance;
CREATE INDEX job_by_mode ON job (mode, created_micros, id);
CREATE INDEX job_beside_backups ON job (kind, created_micros, id) WHERE kind <> 'backup';
CREATE INDEX job_failed ON job (created_micros, id) WHERE state = 'failed';
";

/// A table and its tally. In expressions `@` stands for a row of the table.
struct Tally {
    table: &'static str,
    name: &'static str,
    time: &'static str,
    /// The columns that tell sorts apart, with their expressions.
    sorts: &'static [(&'static str, &'static str)],
    /// Columns of the table from which all this is found.
    sources: &'static [&'static str],
    /// Which rows are tallied.
    counts: &'static str,
}

/// Fills empty tallies from the rows, where a test has written a long history past the triggers.
#[cfg(feature = "conformance")]
pub(crate) fn fill() -> String {
    [JOBS, SETS].map(|tally| tally.fill()).concat()
}

/// Lengths of stretches, in days.
const STRETCHES: [i64; 3] = [1, 32, 1_024];

const JOBS: Tally = Tally {
    table: "job",
    name: "job_tally",
    time: "@.created_micros",
    sorts: &[
        ("kind", "@.kind"),
        ("mode", "@.mode"),
        (
            "outcome",
            "CASE WHEN @.state = 'failed' AND @.failure_code = 'Cancelled' THEN 'cancelled' ELSE @.state END",
        ),
    ],
    sources: &["instance_id", "created_micros", "kind", "mode", "state", "failure_code"],
    counts: "1 = 1",
};

const SETS: Tally = Tally {
    table: "backup_set",
    name: "set_tally",
    time: "@.ended_micros",
    sorts: &[
        ("mode", "@.mode"),
        ("status", "@.status"),
        ("backup_type", "@.backup_type"),
        ("detached", "@.detached"),
    ],
    sources: &[
        "instance_id",
        "ended_micros",
        "mode",
        "status",
        "backup_type",
        "detached",
        "tombstoned_micros",
    ],
    counts: "@.tombstoned_micros IS NULL",
};

/// Number of the lock that has the transactions of a shared catalog tally one after another: "tallying" in ASCII.
const TALLY_LOCK: i64 = 0x7461_6c6c_7969_6e67;

impl Tally {
    /// What there is already.
    fn fill(&self) -> String {
        let Self { table, name, counts, .. } = self;
        let (names, values) = (self.sort_names(), self.sort_values());
        let of_stretch = |days: i64| {
            let first = self.first_day(days);
            format!(
                "INSERT INTO {name} (instance_id, days, first_day, {names}, number) \
                 SELECT '', {days}, {first}, {values}, COUNT(*) FROM {table} AS t WHERE {counts} \
                 GROUP BY {first}, {values} \
                 UNION ALL SELECT @.instance_id, {days}, {first}, {values}, COUNT(*) FROM {table} AS t \
                 WHERE {counts} AND @.instance_id IS NOT NULL GROUP BY @.instance_id, {first}, {values};"
            )
        };
        STRETCHES.map(of_stretch).concat().replace('@', "t")
    }

    fn sqlite_triggers(&self) -> String {
        let Self { table, name, counts, .. } = self;
        let (add, take, changed) = (self.add(), self.take(), self.changed("IS NOT"));
        let (now_counts, counted) = (counts.replace('@', "NEW"), counts.replace('@', "OLD"));
        let sources = self.sources.join(", ");
        format!(
            "CREATE TRIGGER {name}_added AFTER INSERT ON {table} WHEN {now_counts} BEGIN {add} END;
             CREATE TRIGGER {name}_taken AFTER DELETE ON {table} WHEN {counted} BEGIN {take} END;
             CREATE TRIGGER {name}_moved AFTER UPDATE OF {sources} ON {table} WHEN {changed} BEGIN {take} {add} END;"
        )
    }

    fn postgres_triggers(&self) -> String {
        let Self { table, name, .. } = self;
        let (add, take, changed) = (self.add(), self.take(), self.changed("IS DISTINCT FROM"));
        let sources = self.sources.join(", ");
        format!(
            "CREATE FUNCTION {name}_follow() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
                 PERFORM pg_advisory_xact_lock({TALLY_LOCK});
                 IF TG_OP <> 'INSERT' THEN {take} END IF;
                 IF TG_OP <> 'DELETE' THEN {add} END IF;
                 RETURN NULL;
             END $body$;
             CREATE CONSTRAINT TRIGGER {name}_added_or_taken AFTER INSERT OR DELETE ON {table}
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {name}_follow();
             CREATE CONSTRAINT TRIGGER {name}_moved AFTER UPDATE OF {sources} ON {table}
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION {name}_follow();"
        )
    }

    /// One more like the new row, of its instance and of all.
    fn add(&self) -> String {
        let Self { name, counts, .. } = self;
        let (names, values) = (self.sort_names(), self.sort_values());
        let to_stretch = |days: i64| {
            let first = self.first_day(days);
            format!(
                "INSERT INTO {name} (instance_id, days, first_day, {names}, number) \
                 SELECT s.instance_id, {days}, {first}, {values}, 1 \
                 FROM (SELECT '' AS instance_id UNION ALL SELECT @.instance_id) AS s \
                 WHERE s.instance_id IS NOT NULL AND {counts} \
                 ON CONFLICT (instance_id, days, first_day, {names}) DO UPDATE SET number = {name}.number + 1;"
            )
        };
        STRETCHES.map(to_stretch).concat().replace('@', "NEW")
    }

    /// One less like the old row. What comes to nothing goes, so that a stretch has few rows.
    fn take(&self) -> String {
        let Self { name, counts, .. } = self;
        let same = self.sorts.iter().map(|(name, value)| format!("{name} = {value}"));
        let same = same.collect::<Vec<_>>().join(" AND ");
        let from_stretch = |days: i64| {
            let first = self.first_day(days);
            let rows = format!(
                "instance_id IN ('', @.instance_id) AND days = {days} AND first_day = {first} AND {same} AND {counts}"
            );
            format!(
                "UPDATE {name} SET number = number - 1 WHERE {rows}; DELETE FROM {name} WHERE {rows} AND number = 0;"
            )
        };
        STRETCHES.map(from_stretch).concat().replace('@', "OLD")
    }

    /// The first day of the stretch that has the row: rounded down, also before 1970.
    fn first_day(&self, days: i64) -> String {
        let (time, stretch) = (self.time, days * 86_400_000_000);
        format!("({time} - (({time} % {stretch} + {stretch}) % {stretch})) / 86400000000")
    }

    fn sort_names(&self) -> String {
        self.sorts.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn sort_values(&self) -> String {
        self.sorts.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(", ")
    }

    fn changed(&self, differs: &str) -> String {
        let changed = self.sources.iter().map(|column| format!("OLD.{column} {differs} NEW.{column}"));
        changed.collect::<Vec<_>>().join(" OR ")
    }
}
