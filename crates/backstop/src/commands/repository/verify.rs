//! `backstop repository verify`: reads back and checks, and names what is broken.

use repository::{Fault, Repository, Touched, VerifyOptions, VerifyReport};
use serde_json::{Value, json};

use crate::command_line::{OutputFormat, Percent};
use crate::failure::Outcome;
use crate::progress::BytesProgress;
use crate::{output, quantity};

pub(super) fn run(
    repository: &Repository,
    sample: Option<Percent>,
    format: OutputFormat,
) -> anyhow::Result<Outcome> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let seed = getrandom::u64()?;
    let options = VerifyOptions { threads, sample_percent: sample.map_or(100, Percent::get), seed };
    let progress = BytesProgress::new("verify", "reading");
    let report = repository.verify(None, &options, &progress)?;
    drop(progress);
    match format {
        OutputFormat::Json => output::json(&object(&report))?,
        OutputFormat::Table => output::text(&text(&report))?,
    }
    Ok(if report.faults.is_empty() { Outcome::Done } else { Outcome::Failed })
}

fn object(report: &VerifyReport) -> Value {
    let VerifyReport { objects, frames, bytes, sets, faults } = report;
    json!({
        "Objects": objects,
        "Frames": frames,
        "Bytes": bytes,
        "BackupSets": sets,
        "FaultCount": faults.len(),
        "Faults": {"Fault": faults.iter().map(fault_object).collect::<Vec<_>>()},
    })
}

fn fault_object(fault: &Fault) -> Value {
    let Fault { object, problem, touched } = fault;
    let touched = touched.iter().map(|touched| {
        let Touched { instance, set, path, blocks: (first, last) } = touched;
        let mut row = json!({"DBInstanceId": instance.as_str(), "BackupId": set.to_string()});
        if let Some(path) = path {
            row["Path"] = path.to_string().into();
            row["FirstBlockNumber"] = (*first).into();
            row["LastBlockNumber"] = (*last).into();
        }
        row
    });
    json!({"Object": object, "Problem": problem, "Touched": {"File": touched.collect::<Vec<_>>()}})
}

fn text(report: &VerifyReport) -> String {
    let VerifyReport { objects, frames, bytes, sets, faults } = report;
    let read = quantity::bytes(*bytes);
    let mut text = format!("{sets} backup sets; read {objects} objects, {frames} frames, {read}\n");
    for fault in faults {
        text.push_str(&fault_text(fault));
    }
    match faults.len() {
        0 => text.push_str("nothing is broken\n"),
        _ => text.push_str(
            "The next backup of an instance copies the blocks above anew; the sets above cannot be restored whole.\n",
        ),
    }
    text
}

fn fault_text(fault: &Fault) -> String {
    let Fault { object, problem, touched } = fault;
    let mut text = format!("broken: {object}: {problem}\n");
    for Touched { instance, set, path, blocks: (first, last) } in touched {
        let what = match path {
            Some(path) => format!("{path}, blocks {first} to {last}"),
            None => "its file table".to_owned(),
        };
        text.push_str(&output::printable(&format!("  touches set {set} of {instance}: {what}")));
        text.push('\n');
    }
    text
}
