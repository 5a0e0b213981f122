//! Statement text that both databases take. Placeholders are `$1`, `$2`, …; where the dialects
//! differ, the text has a marker in braces that [`dialect`] fills in.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

use crate::error::{Doing, Error};

/// `sql` with its values, for the database of `connection`.
pub(crate) fn statement<const N: usize>(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

/// Runs `sql`, which answers at most one row.
pub(crate) async fn query_one<const N: usize>(
    connection: &impl ConnectionTrait,
    doing: &'static str,
    sql: &str,
    values: [Value; N],
) -> Result<Option<QueryResult>, Error> {
    connection.query_one_raw(statement(connection, sql, values)).await.doing(doing)
}

/// Runs `sql` and answers all rows.
pub(crate) async fn query_all<const N: usize>(
    connection: &impl ConnectionTrait,
    doing: &'static str,
    sql: &str,
    values: [Value; N],
) -> Result<Vec<QueryResult>, Error> {
    connection.query_all_raw(statement(connection, sql, values)).await.doing(doing)
}

/// Runs `sql` and answers how many rows it changed.
pub(crate) async fn execute<const N: usize>(
    connection: &impl ConnectionTrait,
    doing: &'static str,
    sql: &str,
    values: [Value; N],
) -> Result<u64, Error> {
    Ok(connection.execute_raw(statement(connection, sql, values)).await.doing(doing)?.rows_affected())
}

/// One column of a row.
pub(crate) fn get<T: sea_orm::TryGetable>(row: &QueryResult, column: &'static str) -> Result<T, Error> {
    row.try_get("", column).doing(column)
}

/// The markers, with their meaning on SQLite and on PostgreSQL.
///
/// Row locks have none on SQLite, where one writer holds the whole file. `{now}` is the time by the
/// lease clock: what is bound as `$1`, or the database's own time where that is NULL. SQLite's
/// tables are strict, and a strict table knows fewer names of types.
const DIALECT: &[(&str, &str, &str)] = &[
    ("{skip_locked}", "", "FOR UPDATE SKIP LOCKED"),
    ("{share}", "", "FOR SHARE"),
    ("{lock}", "", "FOR UPDATE"),
    ("{now}", "$1", "COALESCE($1, CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS bigint))"),
    ("{migration_lock}", "SELECT 1", "SELECT pg_advisory_xact_lock($1)"),
    ("{number}", "INTEGER", "BIGINT"),
    (
        "{serial}",
        "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    ),
    ("{name}", "TEXT", "TEXT COLLATE \"C\""),
    ("{flag}", "INTEGER", "BOOLEAN"),
    ("{bytes}", "BLOB", "BYTEA"),
    ("{strict}", "STRICT", ""),
    // Rows lie in the order of the primary key.
    ("{clustered}", "STRICT, WITHOUT ROWID", ""),
];

/// Fills in the markers.
pub(crate) fn dialect(connection: &impl ConnectionTrait, sql: &str) -> String {
    let postgres = connection.get_database_backend() == DbBackend::Postgres;
    let fill = |sql: String, &(marker, sqlite, other): &(&str, &str, &str)| {
        sql.replace(marker, if postgres { other } else { sqlite })
    };
    DIALECT.iter().fold(sql.to_owned(), fill)
}
