//! Backup jobs as a user of DescribeBackupTasks sees them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use testkit::process::wait_for;

use crate::Backstop;

/// The table of a job's life: BackupStatus, BackupProgressStatus, least and greatest Process.
const STAGES: [(&str, &str, u32, u32); 7] = [
    ("NoStart", "NoStart", 0, 0),
    ("Checking", "NoStart", 0, 5),
    ("Preparing", "Preparing", 5, 10),
    ("Waiting", "Waiting", 10, 10),
    ("Uploading", "Uploading", 10, 90),
    ("Uploading", "Checking", 90, 99),
    ("Finished", "Finished", 100, 100),
];

/// One row of DescribeBackupTasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// BackupStatus.
    pub status: String,
    /// BackupProgressStatus.
    pub progress: String,
    /// Process, in percent.
    pub process: u32,
    /// BackupId, when there is one.
    pub backup: Option<String>,
}

impl Job {
    fn parse(row: &Value) -> Result<Self> {
        let text = |name: &str| row[name].as_str().with_context(|| format!("{name} is no text: {row}"));
        let backup = row.get("BackupId").and_then(Value::as_str).filter(|id| !id.is_empty());
        let process = text("Process")?;
        let plain = process.parse::<u32>().ok().filter(|number| number.to_string() == process);
        Ok(Self {
            status: text("BackupStatus")?.to_owned(),
            progress: text("BackupProgressStatus")?.to_owned(),
            process: plain.with_context(|| format!("Process is no plain number: {row}"))?,
            backup: backup.map(str::to_owned),
        })
    }

    /// Whether the job has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "Finished" | "Failed")
    }

    /// BackupStatus and BackupProgressStatus.
    pub fn state(&self) -> (&str, &str) {
        (&self.status, &self.progress)
    }

    /// Checks that the row is one that the table of stages has. A later attempt goes through the stages again, with the
    /// highest Process so far.
    fn check(&self, attempts: Attempts) -> Result<()> {
        ensure!(
            self.backup.is_some() == (self.status == "Finished"),
            "BackupId belongs to a Finished job only: {self:?}"
        );
        if self.status == "Failed" {
            let known =
                STAGES.iter().any(|(_, progress, ..)| *progress == self.progress && *progress != "Finished");
            ensure!(known && self.process < 100, "no such row of a failed job: {self:?}");
            return Ok(());
        }
        let row = STAGES.iter().find(|(status, progress, ..)| (*status, *progress) == self.state());
        let (.., least, greatest) = row.with_context(|| format!("no such pair of states: {self:?}"))?;
        let greatest = if attempts == Attempts::Many { 99.max(*greatest) } else { *greatest };
        ensure!(
            (*least..=greatest).contains(&self.process),
            "Process does not belong to the state: {self:?}"
        );
        Ok(())
    }
}

/// How many attempts a job may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Attempts {
    /// Nothing goes wrong.
    #[default]
    One,
    /// Its worker may die.
    Many,
}

/// All that was seen of one job, each change once.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// The rows, in order.
    pub rows: Vec<Job>,
    attempts: Attempts,
}

impl Watched {
    /// For a job whose worker may die, so that its stages show again.
    pub fn over_attempts() -> Self {
        Self { attempts: Attempts::Many, ..Self::default() }
    }

    /// Notes a row.
    ///
    /// # Errors
    /// The table of stages has no such row, or Process fell.
    pub fn note(&mut self, job: Job) -> Result<()> {
        job.check(self.attempts).with_context(|| format!("seen before: {:?}", self.rows))?;
        if let Some(last) = self.rows.last() {
            ensure!(job.process >= last.process, "Process fell from {last:?} to {job:?}");
            ensure!(!last.is_over() || *last == job, "a job that was over changed from {last:?} to {job:?}");
        }
        if self.rows.last() != Some(&job) {
            self.rows.push(job);
        }
        Ok(())
    }

    /// The pairs of states, in order, each change once.
    pub fn states(&self) -> Vec<(&str, &str)> {
        let mut states: Vec<_> = self.rows.iter().map(Job::state).collect();
        states.dedup();
        states
    }

    /// The values of Process in a state, each once.
    pub fn process_in(&self, state: (&str, &str)) -> Vec<u32> {
        let mut values: Vec<_> =
            self.rows.iter().filter(|job| job.state() == state).map(|job| job.process).collect();
        values.dedup();
        values
    }

    /// The last row.
    ///
    /// # Errors
    /// Nothing was seen.
    pub fn last(&self) -> Result<&Job> {
        self.rows.last().context("no row was seen")
    }
}

impl Backstop {
    /// Starts a backup by the API and returns the job's id.
    ///
    /// # Errors
    /// It is refused.
    pub fn create_backup(&self, instance: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let all = [&[("DBInstanceId", instance)], parameters].concat();
        let answer = self.call("CreateBackup", &all)?;
        Ok(answer["BackupJobId"].as_str().with_context(|| format!("no BackupJobId: {answer}"))?.to_owned())
    }

    /// The job's row in DescribeBackupTasks.
    ///
    /// # Errors
    /// There is none.
    pub fn job(&self, instance: &str, job: &str) -> Result<Job> {
        let answer = self.call("DescribeBackupTasks", &[("DBInstanceId", instance), ("BackupJobId", job)])?;
        match answer["Items"]["BackupJob"].as_array().map(Vec::as_slice) {
            Some([row]) => {
                ensure!(row["BackupJobId"] == job, "another job was answered: {row}");
                Job::parse(row)
            }
            Some(_) | None => bail!("one job was asked for, the answer is {answer}"),
        }
    }

    /// Ids of the jobs that DescribeBackupTasks lists as not yet over.
    ///
    /// # Errors
    /// It is refused.
    pub fn unfinished_jobs(&self, instance: &str) -> Result<Vec<String>> {
        let answer = self.call("DescribeBackupTasks", &[("DBInstanceId", instance)])?;
        let rows = answer["Items"]["BackupJob"].as_array().with_context(|| format!("no list: {answer}"))?;
        Ok(rows.iter().filter_map(|row| row["BackupJobId"].as_str().map(str::to_owned)).collect())
    }

    /// Watches a job until `enough` holds of a row.
    ///
    /// # Errors
    /// A row that the table of stages does not allow; or not within `timeout`.
    pub fn watch_until(
        &self,
        instance: &str,
        job: &str,
        timeout: Duration,
        watched: &mut Watched,
        enough: impl Fn(&Job) -> bool,
    ) -> Result<()> {
        let started = Instant::now();
        let outcome = wait_for("the job's state", timeout, || {
            let row = self.job(instance, job)?;
            watched.note(row.clone())?;
            if row.is_over() && !enough(&row) {
                bail!("the job is over: {}", self.report(job)?);
            }
            Ok(enough(&row).then_some(()))
        });
        outcome.with_context(|| {
            format!("seen in {} s: {:?}\n{}", started.elapsed().as_secs(), watched.rows, self.log_tail())
        })
    }

    /// Watches a job until it is Finished, and returns its set's id and what was seen.
    ///
    /// # Errors
    /// It failed, or takes longer than `timeout`.
    pub fn finish(&self, instance: &str, job: &str, timeout: Duration) -> Result<(String, Watched)> {
        let mut watched = Watched::default();
        self.watch_until(instance, job, timeout, &mut watched, |job| job.status == "Finished")?;
        let set = watched.last()?.backup.clone().context("a Finished job without BackupId")?;
        Ok((set, watched))
    }

    /// Watches a job whose worker may die until it is over, and returns its last row.
    ///
    /// # Errors
    /// It takes longer than `timeout`.
    pub fn end(&self, instance: &str, job: &str, timeout: Duration) -> Result<Job> {
        let mut watched = Watched::over_attempts();
        self.watch_until(instance, job, timeout, &mut watched, Job::is_over)?;
        Ok(watched.last()?.clone())
    }

    /// Makes a backup and returns its set's id.
    ///
    /// # Errors
    /// It fails, or takes longer than two minutes.
    pub fn back_up(&self, instance: &str) -> Result<String> {
        let job = self.create_backup(instance, &[])?;
        Ok(self.finish(instance, &job, Duration::from_mins(2))?.0)
    }

    /// The job's report.
    ///
    /// # Errors
    /// It is refused.
    pub fn report(&self, job: &str) -> Result<Value> {
        self.call("DescribeBackupJobReport", &[("BackupJobId", job)])
    }

    /// Ids of the sets with BackupStatus Success, newest first.
    ///
    /// # Errors
    /// It is refused.
    pub fn sets(&self, instance: &str) -> Result<Vec<String>> {
        let answer = self.call(
            "DescribeBackups",
            &[("DBInstanceId", instance), ("BackupStatus", "Success"), ("PageSize", "100")],
        )?;
        set_ids(&answer)
    }

    /// Ids of the sets that the repository has, by itself, newest first.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn sets_in_repository(&self, instance: &str) -> Result<Vec<String>> {
        set_ids(&self.cli(&["repository", "list", instance])?.done()?)
    }
}

fn set_ids(answer: &Value) -> Result<Vec<String>> {
    let rows = answer["Items"]["Backup"].as_array().with_context(|| format!("no list of sets: {answer}"))?;
    let id = |row: &Value| row["BackupId"].as_str().map(str::to_owned);
    rows.iter().map(|row| id(row).with_context(|| format!("a set without BackupId: {row}"))).collect()
}
