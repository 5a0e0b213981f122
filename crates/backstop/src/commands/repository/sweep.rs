//! `backstop repository sweep`: deletes what tombstones let go; with `--dry-run` says what that would be.

use anyhow::bail;
use blobstore::ObjectKey;
use repository::{
    AttemptSweep, JobLife, Origin, Repository, Skipped, SweepOptions, SweepPlan, SweepReport, SweepWatch,
    TOMBSTONE_GRACE, execute_sweep, plan_sweep,
};
use serde_json::{Value, json};
use service::JobLives;

use crate::clock;
use crate::command_line::{Everywhere, OutputFormat, RepositoryAccess, SweepArguments};
use crate::failure::Outcome;
use crate::open::Opened;
use crate::{home, output, quantity};

pub(super) fn run(
    opened: &Opened,
    access: &RepositoryAccess,
    arguments: &SweepArguments,
    everywhere: &Everywhere,
) -> anyhow::Result<Outcome> {
    let SweepArguments { dry_run, instance } = arguments;
    let Opened { repository, own_directories: _, is_of_another_user } = opened;
    if *is_of_another_user && !dry_run {
        bail!("the repository's folder belongs to another user: run this as that one");
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let lives = job_lives(&runtime, repository, access, everywhere)?;
    let now = clock::now();
    if let Some(lives) = &lives {
        lives.check_clock(now).map_err(anyhow::Error::from_boxed)?;
    } else {
        eprintln!("no catalog says which jobs are over: what was not renewed for 7 days counts as over");
    }
    let jobs = |origin: &Origin| match &lives {
        Some(lives) => lives.life(origin),
        None => Ok(JobLife::Unknown),
    };
    let options = SweepOptions { instance: instance.as_ref(), grace: TOMBSTONE_GRACE, now, jobs: &jobs };
    let plan = plan_sweep(repository, &options)?;
    let refused = plan.instances.iter().any(|instance| instance.refused.is_some());
    if *dry_run {
        match everywhere.output {
            OutputFormat::Json => output::json(&plan_object(&plan))?,
            OutputFormat::Table => output::text(&format!("{plan}nothing was deleted (--dry-run)\n"))?,
        }
        return Ok(if refused { Outcome::Failed } else { Outcome::Done });
    }
    if everywhere.output == OutputFormat::Table {
        output::text(&plan.to_string())?;
    }
    let report = execute_sweep(repository, &plan, now, &Watch)?;
    match everywhere.output {
        OutputFormat::Json => output::json(&report_object(&plan, &report))?,
        OutputFormat::Table => output::text(&report_text(&report))?,
    }
    Ok(if refused { Outcome::Failed } else { Outcome::Done })
}

/// The home's catalog, unless another repository than the home's is named.
fn job_lives(
    runtime: &tokio::runtime::Runtime,
    repository: &Repository,
    access: &RepositoryAccess,
    everywhere: &Everywhere,
) -> anyhow::Result<Option<JobLives>> {
    if access.repository.is_some() {
        return Ok(None);
    }
    let config = home::config(&home::open(everywhere)?)?;
    Ok(runtime.block_on(JobLives::open(&config, repository.id()))?)
}

struct Watch;

impl SweepWatch for Watch {
    fn goes_on(&self) -> bool {
        true
    }

    fn deleted(&self, _object: &ObjectKey, _bytes: u64) {
        engine::failpoint::pass("sweep.deleted");
    }
}

fn report_text(report: &SweepReport) -> String {
    let SweepReport { objects, bytes, attempts, tombstones_put, skipped } = report;
    let mut text = format!(
        "deleted {objects} objects, {}; of {attempts} attempts all; put {tombstones_put} tombstones\n",
        quantity::bytes(*bytes)
    );
    for Skipped { place, why } in skipped {
        text.push_str(&output::printable(&format!(
            "left alone: {} of {}: {why}",
            place.name, place.instance
        )));
        text.push('\n');
    }
    text
}

fn plan_object(plan: &SweepPlan) -> Value {
    let rows = plan.instances.iter().map(|instance| {
        let burials = instance
            .bury
            .iter()
            .map(|burial| json!({ "Attempt": burial.place.name.to_string(), "Reason": burial.reason }));
        json!({
            "DBInstanceId": instance.instance.as_str(),
            "Refused": instance.refused,
            "Waiting": instance.waiting,
            "Tombstones": { "Attempt": burials.collect::<Vec<_>>() },
            "Deletions": { "Attempt": instance.delete.iter().map(attempt_object).collect::<Vec<_>>() },
        })
    });
    json!({
        "Objects": plan.objects(),
        "Bytes": plan.bytes(),
        "Items": { "Instance": rows.collect::<Vec<_>>() },
    })
}

fn attempt_object(attempt: &AttemptSweep) -> Value {
    json!({
        "Attempt": attempt.place.name.to_string(),
        "BackupId": attempt.place.name.set.to_string(),
        "Objects": attempt.objects(),
        "Bytes": attempt.bytes(),
        "PacksKept": attempt.packs_kept,
        "Whole": attempt.whole,
    })
}

fn report_object(plan: &SweepPlan, report: &SweepReport) -> Value {
    let SweepReport { objects, bytes, attempts, tombstones_put, skipped } = report;
    let refused = plan.instances.iter().filter_map(|instance| {
        let problem = instance.refused.as_ref()?;
        Some(json!({ "DBInstanceId": instance.instance.as_str(), "Problem": problem }))
    });
    let skipped = skipped.iter().map(|Skipped { place, why }| {
        json!({ "DBInstanceId": place.instance.as_str(), "Attempt": place.name.to_string(), "Reason": why })
    });
    json!({
        "Objects": objects,
        "Bytes": bytes,
        "Attempts": attempts,
        "TombstonesPut": tombstones_put,
        "Skipped": { "Attempt": skipped.collect::<Vec<_>>() },
        "Refused": { "Instance": refused.collect::<Vec<_>>() },
    })
}
