//! Twelve days of policy time over several instances, with restarts, a day of the service being down, and clocks
//! that jump: every due backup is made once, nothing that a policy keeps is gone, and what none keeps is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use catalog::{Catalog, Job, JobFilter, JobKind, JobPhase, Page};
use jiff::{SignedDuration, Timestamp};
use repository::{InstanceId, VerifyOptions, VerifyProgress};
use serde_json::Value;
use testkit::process::wait_for;

use crate::harness::{PATIENCE, noise};
use crate::moved_time::{MovedTime, at, hours};

/// A Sunday.
const START: &str = "2026-11-22T12:00:00Z";
const END: &str = "2026-12-04T12:00:00Z";
/// The service is down from the one to the other.
const DOWN: [&str; 2] = ["2026-11-26T12:00:00Z", "2026-11-27T12:00:00Z"];

const ALL_DAYS: &str = "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday";

/// Id, window, days, and what else its policy says.
type Plan = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const PLANS: [Plan; 4] = [
    ("daily", "01:00Z-02:00Z", ALL_DAYS, &[("FullBackupIntervalDays", "3")]),
    ("twice", "05:00Z-06:00Z", "Monday,Thursday", &[]),
    ("midnight", "23:50Z-00:50Z", "Tuesday,Friday,Saturday", &[("EnableIncrementDataBackup", "False")]),
    (
        "often",
        "03:00Z-04:00Z",
        ALL_DAYS,
        &[("EnableIncrementDataBackup", "True"), ("IncBackupInterval", "720")],
    ),
];

/// What the test knows of an instance beside the service.
struct Instance {
    id: &'static str,
    /// Every due time of the test's time.
    dues: BTreeSet<Timestamp>,
    /// Those that are to have become jobs by now.
    made: BTreeSet<Timestamp>,
    /// When each set that was ever listed is to expire.
    expiries: BTreeMap<String, Timestamp>,
}

#[test]
fn twelve_days_of_policies() {
    let mut moved = MovedTime::started(START);
    let mut instances = PLANS.map(|(id, window, days, more)| {
        moved.register_small(id);
        let plan = [
            ("PreferredBackupTime", window),
            ("PreferredBackupPeriod", days),
            ("BackupRetentionPeriod", "7"),
        ];
        moved.modify(id, &[&plan[..], more].concat()).expect_success();
        let dues = dues_of(&moved, id, days, more);
        Instance { id, dues, made: BTreeSet::new(), expiries: BTreeMap::new() }
    });
    let all: BTreeSet<Timestamp> = instances.iter().flat_map(|instance| instance.dues.clone()).collect();
    let [down, up] = DOWN.map(at);
    let mut was_down = false;
    for (step, due) in (0..).zip(&all) {
        if *due >= down && !was_down {
            was_down = true;
            be_down(&mut moved, &instances);
        }
        if (down..up).contains(due) {
            continue;
        }
        // Some minutes late, as a busy service may be.
        moved.go_to(*due + SignedDuration::from_secs(step % 7 * 97));
        expect_made(&mut instances, *due);
        if step % 6 == 1 {
            // While jobs may run.
            moved.restart();
        }
        check(&moved, &mut instances);
        match step % 6 {
            3 => go_back(&moved, *due),
            5 => run_ahead(&moved, &mut instances, all.range((Excluded(*due), Unbounded)).next()),
            _ => {}
        }
        if step % 5 == 0 {
            change_files(&moved, step);
        }
    }
    moved.go_to(at(END));
    for instance in &instances {
        check_jobs(&moved, instance);
        check_only_kept(&moved, instance);
    }
    check_store(&moved, &instances);
}

/// Every due time, worked out day by day. Only the offset is the service's own.
fn dues_of(moved: &MovedTime, id: &str, days: &str, more: &[(&str, &str)]) -> BTreeSet<Timestamp> {
    let every_half_day = more.iter().any(|(name, _)| *name == "IncBackupInterval");
    let mut due = moved.next_due(id) - hours(14 * 24);
    let mut dues = BTreeSet::new();
    while due < at(END) {
        // The window's start is less than half an hour before, and its day counts.
        let start = jiff::tz::TimeZone::UTC.to_datetime(due - SignedDuration::from_mins(30));
        let day = format!("{:?}", start.weekday());
        if due > at(START) && (every_half_day || days.split(',').any(|name| name == day)) {
            dues.insert(due);
        }
        due += hours(if every_half_day { 12 } else { 24 });
    }
    dues
}

fn expect_made(instances: &mut [Instance], due: Timestamp) {
    for instance in instances.iter_mut().filter(|instance| instance.dues.contains(&due)) {
        instance.made.insert(due);
    }
}

/// The service is down for a day; what was due then is missed, and counted once.
fn be_down(moved: &mut MovedTime, instances: &[Instance]) {
    let [down, up] = DOWN.map(at);
    moved.go_to(down);
    moved.harness.stop();
    moved.go_to(up);
    moved.start();
    let missed: usize = instances.iter().map(|instance| instance.dues.range(down..up).count()).sum();
    moved.wait_for_figure("backstop_schedule_missed_total", missed as u64);
    moved.restart();
    assert_eq!(moved.figure("backstop_schedule_missed_total"), 0);
}

/// The node's clock goes back, and comes again.
fn go_back(moved: &MovedTime, due: Timestamp) {
    let now = moved.now();
    moved.clock.set(due - hours(3));
    moved.clock.set(now);
}

/// The node's clock runs ahead to the next due time, and is put right: the backup is made early, and once.
fn run_ahead(moved: &MovedTime, instances: &mut [Instance], next: Option<&Timestamp>) {
    let [down, up] = DOWN.map(at);
    let Some(next) =
        next.filter(|next| !(down..up).contains(*next) && (**next < down) == (moved.now() < down))
    else {
        return;
    };
    let now = moved.now();
    moved.clock.set(*next);
    expect_made(instances, *next);
    for instance in instances.iter() {
        moved.wait_for_jobs(instance.id, instance.made.len());
    }
    moved.clock.set(now);
}

/// Each due time has its job, which has ended; no set is gone that is to be kept.
fn check(moved: &MovedTime, instances: &mut [Instance]) {
    for instance in instances {
        moved.wait_for_jobs(instance.id, instance.made.len());
        let sets = moved.sets(instance.id);
        let mut listed = BTreeSet::new();
        for set in &sets {
            assert_eq!(
                (&set["BackupStatus"], &set["BackupMode"]),
                (&"Success".into(), &"Automated".into()),
                "{set}"
            );
            let text =
                |name: &str| set[name].as_str().unwrap_or_else(|| panic!("no {name}: {set}")).to_owned();
            let expiry = rpc::parse_timestamp(&text("ExpectExpireTime")).unwrap();
            let ended = rpc::parse_timestamp(&text("BackupEndTime")).unwrap();
            assert_eq!(expiry, ended + hours(7 * 24), "{set}");
            listed.insert(text("BackupId"));
            instance.expiries.insert(text("BackupId"), expiry);
        }
        let now = moved.now();
        let gone = instance.expiries.iter().find(|(id, expiry)| **expiry > now && !listed.contains(*id));
        assert_eq!(gone, None, "{} at {now}", instance.id);
        assert!(!listed.is_empty() || instance.made.is_empty());
    }
}

/// New content, so that sets differ and refer to each other.
fn change_files(moved: &MovedTime, step: i64) {
    for (id, ..) in PLANS {
        let folder = moved.harness.source(id, &[]);
        std::fs::write(folder.join("a"), noise(20_000, u64::try_from(step + 100).unwrap())).unwrap();
    }
}

/// One job for each due time but those of the day down, each inside its slot and Automated.
fn check_jobs(moved: &MovedTime, instance: &Instance) {
    let [down, up] = DOWN.map(at);
    let expected: BTreeSet<Timestamp> =
        instance.dues.iter().copied().filter(|due| !(down..up).contains(due)).collect();
    let jobs = moved.jobs(instance.id);
    let mut served = BTreeSet::new();
    for job in &jobs {
        assert_eq!(
            (&job["BackupStatus"], &job["JobMode"]),
            (&"Finished".into(), &"Automated".into()),
            "{job}"
        );
        let created = rpc::parse_timestamp(job["CreateTime"].as_str().unwrap()).unwrap();
        let due = expected.range(..=created).next_back().copied();
        let due = due.unwrap_or_else(|| panic!("nothing was due: {job}"));
        assert!(created - due < SignedDuration::from_mins(30), "{due}: {job}");
        assert!(served.insert(due), "{due} twice: {job}");
    }
    assert_eq!(served, expected, "{}", instance.id);
    let full = |job: &&Value| job["BackupType"] == "FullBackup";
    let fulls = jobs.iter().filter(full).count();
    match instance.id {
        "midnight" => assert_eq!(fulls, jobs.len(), "without incremental backups each is a full one"),
        "daily" => assert!((3..=4).contains(&fulls), "every three days: {fulls}"),
        _ => assert_eq!(fulls, 1, "{}", instance.id),
    }
}

/// What is listed in the end is what has not expired, and the newest.
fn check_only_kept(moved: &MovedTime, instance: &Instance) {
    let newest = instance.expiries.iter().max_by_key(|(_, expiry)| **expiry).map(|(id, _)| id.clone());
    let kept: BTreeSet<String> = instance
        .expiries
        .iter()
        .filter(|(id, expiry)| **expiry > moved.now() || Some(*id) == newest.as_ref())
        .map(|(id, _)| id.clone())
        .collect();
    assert!(kept.len() < instance.expiries.len(), "some of {} have expired", instance.id);
    let waited = wait_for("only what is kept", PATIENCE, || {
        let listed: BTreeSet<String> =
            moved.sets(instance.id).iter().map(|set| set["BackupId"].as_str().unwrap().to_owned()).collect();
        assert!(listed.is_superset(&kept), "{}: {listed:?} {kept:?}", instance.id);
        Ok((listed == kept).then_some(()))
    });
    waited.unwrap();
}

/// After the grace and a sweep, only what is kept lies in the store, and all of it verifies.
fn check_store(moved: &MovedTime, instances: &[Instance]) {
    wait_for_no_sweep(moved);
    moved.go_to(at(END) + hours(3 * 24 + 1));
    wait_for_sweep(moved);
    let repository = moved.repository();
    for instance in instances {
        check_only_kept(moved, instance);
        let id: InstanceId = instance.id.parse().unwrap();
        let listed: BTreeSet<u32> = moved
            .sets(instance.id)
            .iter()
            .map(|set| set["BackupId"].as_str().unwrap().parse().unwrap())
            .collect();
        let attempts = repository.attempts(&id).unwrap();
        let live: BTreeSet<u32> =
            attempts.iter().filter(|a| a.is_live()).map(|a| a.place.name.set.get()).collect();
        assert_eq!(live, listed, "{id}");
        for (set, expiry) in instance.expiries.iter().filter(|(_, expiry)| **expiry < at(END)) {
            let left = attempts.iter().find(|attempt| attempt.place.name.set.to_string() == *set);
            assert!(left.is_none_or(|attempt| !attempt.published), "{id}: {set} of {expiry} is still a set");
            // Where every set is a full one, nothing refers to what is gone.
            assert!(left.is_none() || instance.id != "midnight", "{id}: something of {set} is left");
        }
        let report = repository.verify(Some(&id), &VERIFY_ALL, &Unwatched).unwrap();
        assert_eq!(report.faults, [], "{id}");
        assert_eq!(report.sets, listed.len() as u64, "{id}");
    }
}

/// Waits until the sweep of this day has been asked for and is over, so that the next is another.
fn wait_for_no_sweep(moved: &MovedTime) {
    let catalog = moved.harness.catalog();
    let waited = wait_for("the end of this day's sweep", PATIENCE, || {
        let turn = moved.harness.block_on(catalog.setting("turn.sweep")).unwrap().unwrap_or_default();
        let turn = Timestamp::from_microsecond(turn.parse().unwrap()).unwrap();
        let over = sweeps(moved, &catalog).iter().all(|job| job.ended().is_some());
        Ok((turn + hours(24) > moved.now() && over).then_some(()))
    });
    waited.unwrap();
}

/// Waits for the sweep that the scheduler asks for.
fn wait_for_sweep(moved: &MovedTime) {
    let catalog = moved.harness.catalog();
    let waited = wait_for("the daily sweep", PATIENCE, || {
        let swept = |job: &Job| job.created >= moved.now() && job.state.phase() == JobPhase::Succeeded;
        Ok(sweeps(moved, &catalog).iter().any(swept).then_some(()))
    });
    waited.unwrap();
}

fn sweeps(moved: &MovedTime, catalog: &Catalog) -> Vec<Job> {
    let filter = JobFilter { kind: Some(JobKind::Sweep), ..JobFilter::default() };
    let page = Page::new(1, 30).unwrap();
    moved.harness.block_on(catalog.list_jobs(&filter, page)).unwrap().rows
}

const VERIFY_ALL: VerifyOptions = VerifyOptions { threads: 2, sample_percent: 100, seed: 0 };

#[derive(Debug)]
struct Unwatched;

impl VerifyProgress for Unwatched {
    fn plan(&self, _bytes: u64) {}

    fn advance(&self, _bytes: u64) {}
}
