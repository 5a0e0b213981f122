//! The text that Prometheus reads.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use catalog::{JobFilter, JobKind, JobPhase, Page};

use super::{REQUEST_MICROS, resident_bytes};
use crate::context::Context;

/// All figures.
///
/// # Errors
/// The catalog cannot say how many jobs wait and run.
pub(crate) async fn render(context: &Context) -> Result<String, catalog::Error> {
    let mut out = String::with_capacity(4096);
    requests(&mut out, context);
    jobs(&mut out, context).await?;
    schedule(&mut out, context);
    downloads(&mut out, context);
    repository(&mut out, context);
    if let Some(bytes) = resident_bytes() {
        gauge(&mut out, "process_resident_memory_bytes", "Memory that the process holds.", bytes);
    }
    Ok(out)
}

fn requests(out: &mut String, context: &Context) {
    let metrics = &context.metrics;
    head(out, "backstop_requests_total", "counter", "Requests answered, by operation and code.");
    for (action, code, count) in metrics.request_counts() {
        put(out, &format!("backstop_requests_total{{action=\"{action}\",code=\"{code}\"}} {count}"));
    }
    head(out, "backstop_request_duration_seconds", "histogram", "Time from the whole request to its answer.");
    let mut below = 0;
    for (position, count) in metrics.duration_counts().into_iter().enumerate() {
        below += count;
        let end = REQUEST_MICROS.get(position).map(|micros| std::time::Duration::from_micros(*micros));
        let end = end.map_or("+Inf".to_owned(), |end| end.as_secs_f64().to_string());
        put(out, &format!("backstop_request_duration_seconds_bucket{{le=\"{end}\"}} {below}"));
    }
    put(out, &format!("backstop_request_duration_seconds_sum {}", metrics.duration_seconds()));
    put(out, &format!("backstop_request_duration_seconds_count {below}"));
    let open = metrics.connections.load(Ordering::Relaxed);
    gauge(out, "backstop_connections", "Open connections.", open);
    let refused = metrics.connections_refused.load(Ordering::Relaxed);
    counter(out, "backstop_connections_refused_total", "Connections beyond the limit.", refused);
}

async fn jobs(out: &mut String, context: &Context) -> Result<(), catalog::Error> {
    head(out, "backstop_jobs", "gauge", "Backup jobs that wait or run, by state.");
    let page = Page::new(1, 1).expect("the first page of one row");
    for phase in [JobPhase::Queued, JobPhase::Running] {
        let kind = Some(JobKind::Backup);
        let filter = JobFilter { kind, phases: Some(vec![phase]), ..JobFilter::default() };
        let count = context.catalog.list_jobs(&filter, page).await?.total;
        put(out, &format!("backstop_jobs{{state=\"{phase}\"}} {count}"));
    }
    let jobs = context.metrics.job_figures();
    head(out, "backstop_jobs_ended_total", "counter", "Backup jobs that ended on this node, by outcome.");
    for (outcome, count) in [
        ("finished", jobs.finished_count),
        ("failed", jobs.failed_count),
        ("cancelled", jobs.cancelled_count),
    ] {
        put(out, &format!("backstop_jobs_ended_total{{outcome=\"{outcome}\"}} {count}"));
    }
    counter(out, "backstop_job_attempts_total", "Attempts at backup jobs on this node.", jobs.attempts_count);
    head(out, "backstop_job_duration_seconds", "summary", "Time that the finishing attempts took.");
    put(out, &format!("backstop_job_duration_seconds_sum {}", jobs.finished_seconds));
    put(out, &format!("backstop_job_duration_seconds_count {}", jobs.finished_count));
    gauge(out, "backstop_job_last_duration_seconds", "Time that the last one took.", jobs.last_seconds);
    let copied = context.metrics.copied_bytes.load(Ordering::Relaxed);
    counter(out, "backstop_copied_bytes_total", "Bytes that copies read from their sources.", copied);
    counter(out, "backstop_source_bytes_total", "Bytes of the files of finished sets.", jobs.source_bytes);
    counter(
        out,
        "backstop_stored_bytes_total",
        "Bytes that finished sets added to the repository.",
        jobs.new_bytes,
    );
    Ok(())
}

fn schedule(out: &mut String, context: &Context) {
    let figures = &context.metrics.schedule;
    let [fired, missed] = [&figures.fired, &figures.missed].map(|count| count.load(Ordering::Relaxed));
    let help = "Due times of backup policies that this node settled.";
    counter(out, "backstop_schedule_due_total", help, fired + missed);
    counter(out, "backstop_schedule_fired_total", "Due times that became backup jobs.", fired);
    let help = "Due times whose windows passed without a backup job.";
    counter(out, "backstop_schedule_missed_total", help, missed);
    let blocked = figures.blocked.load(Ordering::Relaxed);
    let help = "Looks at a due time that found a backup job of its instance in the way.";
    counter(out, "backstop_schedule_blocked_total", help, blocked);
    let expired = figures.expired.load(Ordering::Relaxed);
    counter(out, "backstop_sets_expired_total", "Backup sets that expired.", expired);
    let refusals = figures.clock_refusals.load(Ordering::Relaxed);
    let help = "Times that nothing expired, for the clocks of node, catalog and store differed.";
    counter(out, "backstop_expiry_refused_total", help, refusals);
}

fn downloads(out: &mut String, context: &Context) {
    let figures = &context.downloads.figures;
    let [begun, sent, cut_off] =
        [&figures.begun, &figures.sent_bytes, &figures.cut_off].map(|count| count.load(Ordering::Relaxed));
    counter(out, "backstop_downloads_begun_total", "Downloads that began, each range for itself.", begun);
    counter(out, "backstop_downloads_sent_bytes_total", "Bytes of downloads handed to connections.", sent);
    let help = "Downloads that ended because their set could not be read.";
    counter(out, "backstop_downloads_cut_off_total", help, cut_off);
}

fn repository(out: &mut String, context: &Context) {
    // One system call on a local disk. A store that cannot say has no such line.
    if let Ok(Some(space)) = context.repository.store().space() {
        gauge(out, "backstop_repository_free_bytes", "Free space of the repository.", space.free_bytes);
        gauge(out, "backstop_repository_total_bytes", "Size of the repository's disk.", space.total_bytes);
    }
}

fn gauge(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, "gauge", help);
    put(out, &format!("{name} {value}"));
}

fn counter(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, "counter", help);
    put(out, &format!("{name} {value}"));
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    put(out, &format!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

fn put(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("a text takes any text");
}
