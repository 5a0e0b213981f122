//! What the tables of a server hold, so that two servers can be compared.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use testkit::postgres::Cluster;

use crate::Restored;

/// A server that answers SQL of its superuser.
pub trait Sql {
    /// Rows as lines, columns joined by `|`.
    ///
    /// # Errors
    /// The SQL fails.
    fn sql(&self, database: &str, sql: &str) -> Result<String>;
}

impl Sql for Cluster {
    fn sql(&self, database: &str, sql: &str) -> Result<String> {
        self.psql_in(database, sql)
    }
}

impl Sql for Restored {
    fn sql(&self, database: &str, sql: &str) -> Result<String> {
        self.psql_in(database, sql)
    }
}

/// One thing in which two servers differ: a table, its rows and checksum here and there.
pub type Difference = (String, Option<String>, Option<String>);

/// The databases that can be connected to.
///
/// # Errors
/// The server does not answer.
pub fn databases(server: &dyn Sql) -> Result<Vec<String>> {
    let names = server.sql("postgres", "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// Row count and checksum of each table of each database, system tables included, by database and table. Rows count,
/// not their order. Unlogged tables are left out: a crash empties them.
///
/// # Errors
/// The server does not answer.
pub fn fingerprints(server: &dyn Sql) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for database in databases(server)? {
        let tables = server.sql(
            &database,
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND n.nspname !~ '^pg_(toast|temp)' ORDER BY 1",
        )?;
        let each = tables.lines().map(|table| {
            let name = table.replace('\'', "''");
            format!(
                "SELECT '{name}', count(*) || ' rows ' || md5(coalesce(string_agg(hash, '' ORDER BY hash COLLATE \"C\"), ''))
                 FROM (SELECT md5(this_row::text) AS hash FROM ONLY {table} AS this_row) AS hashed"
            )
        });
        let union = each.collect::<Vec<_>>().join("\nUNION ALL ");
        for line in server.sql(&database, &union)?.lines() {
            let (table, fingerprint) = line.rsplit_once('|').with_context(|| format!("no row: {line}"))?;
            all.insert(format!("{database}: {table}"), fingerprint.to_owned());
        }
    }
    Ok(all)
}

/// The tables in which two servers differ.
///
/// # Errors
/// A server does not answer.
pub fn difference(left: &dyn Sql, right: &dyn Sql) -> Result<Vec<Difference>> {
    let (left, mut right) = (fingerprints(left)?, fingerprints(right)?);
    let mut differences: Vec<Difference> = Vec::new();
    for (table, here) in left {
        let there = right.remove(&table);
        if there.as_ref() != Some(&here) {
            differences.push((table, Some(here), there));
        }
    }
    differences.extend(right.into_iter().map(|(table, there)| (table, None, Some(there))));
    Ok(differences)
}
