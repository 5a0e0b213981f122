//! `backstop restore`: a set back into a new directory, planned first, then executed as planned.

use std::num::NonZeroUsize;

use anyhow::{Context, bail};
use engine_postgres::{
    Archiving, RestoreOptions, RestorePlan, TablespaceMapping, execute_restore, plan_restore,
};
use repository::{AttemptName, Manifest, OpenSet, Place, Reading, Repository};
use serde_json::{Value, json};

use crate::command_line::{Everywhere, OutputFormat, PointArguments, Restore, RestoreArguments};
use crate::failure::Outcome;
use crate::open::{self, Opened, Purpose};
use crate::progress::BytesProgress;
use crate::{clock, output, quantity};

pub(super) fn run(everywhere: &Everywhere, arguments: &Restore) -> anyhow::Result<Outcome> {
    let opened = open::repository(everywhere, &arguments.access, Purpose::Read)?;
    restore(opened, &arguments.arguments, everywhere.output)
}

/// Restores from an open repository.
pub(super) fn restore(
    opened: Opened,
    arguments: &RestoreArguments,
    format: OutputFormat,
) -> anyhow::Result<Outcome> {
    let Opened { repository, own_directories, is_of_another_user } = opened;
    let set = choose(&repository, arguments)?;
    let options = RestoreOptions {
        target: std::path::absolute(&arguments.target)?,
        tablespaces: arguments
            .tablespace
            .iter()
            .map(|mapping| TablespaceMapping { old: mapping.old.clone(), new: mapping.new.clone() })
            .collect(),
        archiving: if arguments.keep_archiving { Archiving::Keep } else { Archiving::Off },
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        own_directories,
    };
    let plan = plan_restore(&set, &options)?;
    if arguments.dry_run {
        match format {
            OutputFormat::Json => output::json(&plan_object(&set, &plan))?,
            OutputFormat::Table => output::text(&format!("{plan}\nnothing was written (--dry-run)\n"))?,
        }
        return Ok(Outcome::Done);
    }
    let reading = if is_of_another_user { None } else { begin_reading(&repository, &set) };
    if reading.is_none() {
        eprintln!("warning: {NOT_NOTED}");
    }
    execute(&set, &plan, format)?;
    if let Some(Err(error)) = reading.map(Reading::end) {
        eprintln!(
            "warning: the sweep removes the note of this restore later: {}",
            service::error_chain(&error)
        );
    }
    Ok(Outcome::Done)
}

const NOT_NOTED: &str = "this restore is not noted in the repository, which is for reading only or another user's; \
    do not delete the set meanwhile: 3 days after that a sweep may remove it";

/// Keeps the sweep off the set. A repository that is for reading only restores all the same.
fn begin_reading(repository: &Repository, set: &OpenSet) -> Option<Reading> {
    let reading = repository.begin_reading(set.manifest(), clock::now());
    let failed = |error| {
        eprintln!("warning: the repository does not take a note: {}", service::error_chain(&error));
    };
    reading.map_err(failed).ok()
}

fn execute(set: &OpenSet, plan: &RestorePlan, format: OutputFormat) -> anyhow::Result<()> {
    let target = plan.target().display();
    let progress = BytesProgress::new("restore", "writing");
    progress.set_total(plan.bytes());
    let report = execute_restore(set, plan, &progress).with_context(|| {
        format!("restore into {target}; what was written does not start, remove it before the next try")
    })?;
    drop(progress);
    match format {
        OutputFormat::Json => {
            let mut object = plan_object(set, plan);
            object["OwnerNote"] = report.owner_note.into();
            output::json(&object)?;
        }
        OutputFormat::Table => output::text(&format!(
            "restored backup set {} of {} into {target}: {} files, {}\n{}\nstart it with PostgreSQL {}: {}\n",
            set.manifest().origin.set,
            set.manifest().origin.instance,
            report.files,
            quantity::bytes(report.bytes),
            report.owner_note,
            plan.record().major_version,
            report.start_command,
        ))?,
    }
    Ok(())
}

/// What is restored where to; the same before and after.
fn plan_object(set: &OpenSet, plan: &RestorePlan) -> Value {
    let manifest = set.manifest();
    json!({
        "DBInstanceId": manifest.origin.instance.as_str(),
        "BackupId": manifest.origin.set.to_string(),
        "RestoreTime": rpc::render_seconds(manifest.consistent),
        "EngineVersion": manifest.server_version,
        "Target": plan.target().display().to_string(),
        "Files": plan.files(),
        "SourceBytes": plan.bytes(),
        "StartCommand": plan.start_command(),
        "Plan": plan.to_string(),
    })
}

/// The set to restore. A set that is named needs its own manifest alone; for the newest a damaged one
/// stops this: an older set must not be taken for it.
fn choose(repository: &Repository, arguments: &RestoreArguments) -> anyhow::Result<OpenSet> {
    let RestoreArguments { id, point, .. } = arguments;
    // Without logs, the latest state and the first consistent one are the same: the end of the newest set.
    let PointArguments { backup, immediate: _, latest: _ } = point;
    let found = match backup {
        Some(backup) => repository.find_set(id, *backup),
        None => repository
            .sets(id)
            .map(|sets| sets.into_iter().max_by_key(|manifest| (manifest.consistent, manifest.origin.set))),
    };
    let found = found.with_context(|| format!("look for a backup set of {id}"))?;
    match (found, backup) {
        (Some(manifest), _) => Ok(repository.open_set(&place_of(&manifest))?),
        (None, Some(backup)) => {
            bail!("{id} has no backup set {backup}; `backstop repository list` shows those it has")
        }
        (None, None) => {
            bail!("{id} has no backup set; `backstop repository list` shows whose sets there are")
        }
    }
}

fn place_of(manifest: &Manifest) -> Place {
    let origin = &manifest.origin;
    let name = AttemptName { set: origin.set, attempt: origin.attempt };
    Place { instance: origin.instance.clone(), name }
}
