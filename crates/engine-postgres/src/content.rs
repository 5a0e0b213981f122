//! What is in a cluster, for people who look at a set: databases and tables with their sizes.
//!
//! Sizes come from the files, not from SQL functions, which would wait for locks. What the role may not see is noted,
//! and costs nothing but the note.

use std::time::Duration;

use engine::{BackupError, JobControl};
use pgwire::Connection;

use crate::check::error_chain;
use crate::estimate::Estimate;
use crate::record::{DatabaseRecord, LocaleRecord, TableRecord};
use crate::server::{Server, server_error};

/// Tables that a set's record names, over all databases, largest first in each; the record is read into memory.
const TABLES_MAX: usize = 20_000;
/// Databases that are connected to; more are named only.
const CONNECTIONS_MAX: usize = 500;
/// A database that does not answer in this time is noted and passed over.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(20);

const TABLES_SQL: &str = "SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, \
        coalesce(pg_catalog.pg_relation_filenode(c.oid), 0) AS relation, \
        coalesce(pg_catalog.pg_relation_filenode(nullif(c.reltoastrelid, 0)), 0) AS toast \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' \
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";

/// Asks for all databases, and in each for its tables.
pub(crate) fn databases(
    server: &Server,
    connection: &mut Connection,
    estimate: &Estimate,
    control: &dyn JobControl,
) -> Result<Vec<DatabaseRecord>, BackupError> {
    let action = || server_error("list the databases");
    let set = connection
        .query_one_set(
            "SELECT oid, datname::text AS name, datallowconn FROM pg_catalog.pg_database ORDER BY datname",
        )
        .map_err(action())?;
    let (mut databases, mut tables_left) = (Vec::new(), TABLES_MAX);
    for (index, row) in set.rows().iter().enumerate() {
        control.check()?;
        let oid: u32 = row.get("oid").map_err(action())?;
        let name: String = row.get("name").map_err(action())?;
        let mut record =
            DatabaseRecord { oid, name, bytes: estimate.database_bytes(oid), tables: Vec::new(), note: None };
        if !row.get("datallowconn").map_err(action())? {
            record.note = Some("it takes no connections".to_owned());
        } else if index >= CONNECTIONS_MAX {
            record.note = Some("its tables were not listed: there are too many databases".to_owned());
        } else {
            list_tables(server, &mut record, estimate, &mut tables_left);
        }
        databases.push(record);
    }
    Ok(databases)
}

fn list_tables(server: &Server, record: &mut DatabaseRecord, estimate: &Estimate, tables_left: &mut usize) {
    match tables(server, record, estimate) {
        Ok(mut tables) => {
            tables.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
            if tables.len() > *tables_left {
                record.note =
                    Some(format!("only the largest {} of {} tables are listed", tables_left, tables.len()));
                tables.truncate(*tables_left);
            }
            *tables_left -= tables.len();
            record.tables = tables;
        }
        Err(error) => record.note = Some(format!("its tables could not be listed: {}", error_chain(&error))),
    }
}

fn tables(
    server: &Server,
    database: &DatabaseRecord,
    estimate: &Estimate,
) -> Result<Vec<TableRecord>, pgwire::Error> {
    let mut connection = server.connect_to(&database.name)?;
    let mut tables = Vec::new();
    let rows = connection.query_within(TABLES_SQL, DATABASE_TIMEOUT)?;
    for row in rows.iter().flat_map(pgwire::ResultSet::rows) {
        let (relation, toast): (u32, u32) = (row.get("relation")?, row.get("toast")?);
        let bytes = |relation| estimate.relation_bytes(database.oid, relation);
        tables.push(TableRecord {
            oid: row.get("oid")?,
            schema: row.get("schema")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            relation,
            bytes: bytes(relation) + if toast == 0 { 0 } else { bytes(toast) },
        });
    }
    Ok(tables)
}

/// Encoding and collation that new databases get.
pub(crate) fn default_locale(connection: &mut Connection) -> Result<LocaleRecord, BackupError> {
    let action = || server_error("ask for the default locale");
    let set = connection
        .query_one_set(
            "SELECT pg_catalog.pg_encoding_to_char(encoding)::text AS encoding, datcollate::text AS collate, \
                datctype::text AS ctype FROM pg_catalog.pg_database WHERE datname = 'template1' \
             UNION ALL SELECT pg_catalog.pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text \
                FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database() LIMIT 1",
        )
        .map_err(action())?;
    let row = set.one().map_err(action())?;
    Ok(LocaleRecord {
        encoding: row.get("encoding").map_err(action())?,
        collate: row.get("collate").map_err(action())?,
        ctype: row.get("ctype").map_err(action())?,
    })
}

/// Names of the tablespaces by number.
pub(crate) fn tablespace_names(connection: &mut Connection) -> Result<Vec<(u32, String)>, BackupError> {
    let action = || server_error("list the tablespaces");
    let set = connection
        .query_one_set("SELECT oid, spcname::text AS name FROM pg_catalog.pg_tablespace ORDER BY oid")
        .map_err(action())?;
    let rows = set.rows().iter();
    rows.map(|row| Ok((row.get("oid").map_err(action())?, row.get("name").map_err(action())?))).collect()
}
