//! Decides what a restore will do. Reads the set and looks at places; writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::{ExtractPlan, Owner, plan_extract};
use repository::OpenSet;

use super::place::{Use, file_system_of, place, refuse_used, resolved};
use super::{PlannedTablespace, RestoreError, RestoreOptions, RestorePlan, TablespaceMapping, io_error};
use crate::check::space_at;
use crate::data_directory::overlap;
use crate::record::{ENGINE_NAME, EngineRecord, RECORD_FORMAT, TablespaceRecord};

/// Plans the restore of `set`.
///
/// # Errors
/// Whatever would make it fail or do harm, as far as it can be known: see [`RestoreError`]. Nothing was written.
pub fn plan_restore(set: &OpenSet, options: &RestoreOptions) -> Result<RestorePlan, RestoreError> {
    let manifest = set.manifest();
    if manifest.engine != ENGINE_NAME {
        return Err(RestoreError::OtherEngine { engine: manifest.engine.clone() });
    }
    let record = read_record(&manifest.record)?;
    refuse_used(&options.target, Use::DataDirectory)?;
    let target = resolved(&options.target).map_err(io_error("resolve", &options.target))?;
    let tablespaces = map_tablespaces(&record, &options.tablespaces)?;
    refuse_overlaps(&target, &tablespaces, &record, &options.own_directories)?;
    let mut plan = RestorePlan {
        instance: manifest.origin.instance.clone(),
        set: manifest.origin.set,
        record,
        target,
        tablespaces,
        archiving: options.archiving,
        threads: options.threads,
        owner: if rustix::process::geteuid().is_root() { Owner::OfSet } else { Owner::Runner },
        files: 0,
        bytes: 0,
    };
    measure(set, &mut plan)?;
    Ok(plan)
}

/// The engine record of a set.
pub(super) fn read_record(value: &serde_json::Value) -> Result<EngineRecord, RestoreError> {
    let format = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if format > u64::from(RECORD_FORMAT) {
        return Err(RestoreError::RecordFormat { format: u32::try_from(format).unwrap_or(u32::MAX) });
    }
    serde_json::from_value(value.clone()).map_err(RestoreError::Record)
}

fn map_tablespaces(
    record: &EngineRecord,
    mappings: &[TablespaceMapping],
) -> Result<Vec<PlannedTablespace>, RestoreError> {
    let mut unmapped: Vec<TablespaceRecord> =
        record.tablespaces.iter().filter(|tablespace| tablespace.location.is_some()).cloned().collect();
    let mut planned = Vec::new();
    for TablespaceMapping { old, new } in mappings {
        let is_meant = |tablespace: &TablespaceRecord| {
            let location = tablespace.location.as_deref().map(|location| location.trim_end_matches('/'));
            location == Some(old.trim_end_matches('/'))
                || tablespace.name == *old
                || tablespace.oid.to_string() == *old
        };
        let position = unmapped.iter().position(is_meant);
        let position = position.ok_or_else(|| RestoreError::UnknownMapping { old: old.clone() })?;
        refuse_used(new, Use::Tablespace)?;
        let new = resolved(new).map_err(io_error("resolve", new))?;
        planned.push(PlannedTablespace { record: unmapped.remove(position), new });
    }
    if !unmapped.is_empty() {
        return Err(RestoreError::Unmapped(unmapped));
    }
    planned.sort_by_key(|tablespace| tablespace.record.oid);
    Ok(planned)
}

fn refuse_overlaps(
    target: &Path,
    tablespaces: &[PlannedTablespace],
    record: &EngineRecord,
    own: &[PathBuf],
) -> Result<(), RestoreError> {
    let mut places = vec![target];
    places.extend(tablespaces.iter().map(|tablespace| tablespace.new.as_path()));
    let refuse = |one: &Path, other: &Path, reason| {
        Err(RestoreError::Overlap { one: one.to_owned(), other: other.to_owned(), reason })
    };
    for (index, one) in places.iter().enumerate() {
        if let Some(other) = places[index + 1..].iter().find(|other| overlap(one, other)) {
            return refuse(one, other, "each needs a directory of its own");
        }
        for ours in own {
            let ours = resolved(ours).map_err(io_error("resolve", ours))?;
            if overlap(one, &ours) {
                return refuse(one, &ours, "the latter is Backstop's own");
            }
        }
        let live = record.tablespaces.iter().filter_map(|tablespace| tablespace.location.as_deref());
        for live in live.chain([record.data_directory.as_str()]) {
            // The very place is fine once it is empty: that is how a lost cluster comes back.
            let live = resolved(Path::new(live)).map_err(io_error("resolve", Path::new(live)))?;
            if live.exists() && *one != live && overlap(one, &live) {
                return refuse(one, &live, "the latter belongs to the server that was backed up");
            }
        }
    }
    Ok(())
}

/// Counts what will be written, and refuses what does not fit.
fn measure(set: &OpenSet, plan: &mut RestorePlan) -> Result<(), RestoreError> {
    let ExtractPlan { files, bytes, bytes_below, .. } = plan_extract(set, &|path| root_of(plan, path))?;
    (plan.files, plan.bytes) = (files, bytes);
    let mut needed: BTreeMap<u64, (PathBuf, u64)> = BTreeMap::new();
    for (root, bytes) in bytes_below {
        if let Some((folder, device)) = file_system_of(&root) {
            needed.entry(device).or_insert((folder, 0)).1 += bytes;
        }
    }
    for (path, needed_bytes) in needed.into_values() {
        if let Some((free_bytes, _)) = space_at(&path)
            && free_bytes < needed_bytes
        {
            return Err(RestoreError::NoSpace { path, free_bytes, needed_bytes });
        }
    }
    Ok(())
}

/// The folder, of target and tablespaces, in which an entry comes to lie.
fn root_of(plan: &RestorePlan, path: &repository::StoredPath) -> PathBuf {
    let place = place(&plan.target, &plan.tablespaces, path);
    let tablespace =
        plan.tablespaces.iter().find(|t| place.as_ref().is_some_and(|place| place.starts_with(&t.new)));
    tablespace.map_or_else(|| plan.target.clone(), |tablespace| tablespace.new.clone())
}
