//! Totals and pages come from tallies: they must be what the rows themselves say.

use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait, EntityTrait, Statement};
use serde_json::json;

use super::seed::History;
use super::{Database, at, claim_as, claimed, enqueue, instance_id, plain_backup, plain_instance, register};
use crate::entity::{backup_set, job};
use crate::tally::{self, Listing};
use crate::{
    BackupMode, BackupSetFilter, BackupType, Catalog, Failure, JobFilter, JobKind, JobPhase, Page, SetStatus,
};

/// Of every row, how often it is among the tallies less how often it should be: nothing, when all is well.
const APART: [&str; 2] = [
    "SELECT instance_id, days, first_day, kind, mode, outcome, SUM(number) AS apart FROM ( \
     SELECT instance_id, days, first_day, kind, mode, outcome, number FROM job_tally \
     UNION ALL SELECT s.instance_id, d.days, {first_day_of_job}, j.kind, j.mode, \
       CASE WHEN j.state = 'failed' AND j.failure_code = 'Cancelled' THEN 'cancelled' ELSE j.state END, -1 FROM job j \
       JOIN (SELECT id, '' AS instance_id FROM job UNION ALL \
         SELECT id, instance_id FROM job WHERE instance_id IS NOT NULL) s ON s.id = j.id CROSS JOIN {stretches} d) a \
     GROUP BY instance_id, days, first_day, kind, mode, outcome HAVING SUM(number) <> 0",
    "SELECT instance_id, days, first_day, mode, status, backup_type, detached, SUM(number) AS apart FROM ( \
     SELECT instance_id, days, first_day, mode, status, backup_type, detached, number FROM set_tally \
     UNION ALL SELECT s.instance_id, d.days, {first_day_of_set}, b.mode, b.status, b.backup_type, b.detached, -1 FROM backup_set b \
       JOIN (SELECT id, '' AS instance_id FROM backup_set UNION ALL \
         SELECT id, instance_id FROM backup_set) s ON s.id = b.id CROSS JOIN {stretches} d WHERE b.tombstoned_micros IS NULL) a \
     GROUP BY instance_id, days, first_day, mode, status, backup_type, detached HAVING SUM(number) <> 0",
];

/// After every case: no writer of jobs or sets went past the tallies.
pub(super) async fn check(database: &Database) {
    let catalog = database.node().await;
    let connection = catalog.writer();
    let backend = connection.get_database_backend();
    let stretches = "(SELECT 1 AS days UNION ALL SELECT 32 UNION ALL SELECT 1024)";
    let length = "(d.days * 86400000000)";
    let first_day = |time: &str| {
        let floor =
            format!("CASE WHEN {time} < 0 THEN ({time} + 1) / {length} - 1 ELSE {time} / {length} END");
        format!("({floor}) * d.days")
    };
    for sql in APART {
        let sql = sql.replace("{first_day_of_job}", &first_day("j.created_micros"));
        let sql = sql.replace("{first_day_of_set}", &first_day("b.ended_micros"));
        let sql = sql.replace("{stretches}", stretches);
        let apart = connection.query_all_raw(Statement::from_string(backend, sql.clone())).await.expect(&sql);
        assert_eq!(apart.len(), 0, "rows that the tallies have wrong: {apart:?}");
    }
    catalog.close().await.expect("closed");
}

pub(super) async fn totals_show_every_write(database: &Database) {
    let catalog = database.node().await;
    register(&catalog, plain_instance("pg-1")).await;
    let total = async |phase: JobPhase| {
        let filter = JobFilter { phases: Some(vec![phase]), ..JobFilter::default() };
        catalog.list_jobs(&filter, Page::rows(0, 1)).await.expect("listable").total
    };
    for round in 0..3 {
        assert_eq!((total(JobPhase::Queued).await, total(JobPhase::Failed).await), (0, round));
        enqueue(&catalog, plain_backup("pg-1")).await;
        assert_eq!((total(JobPhase::Queued).await, total(JobPhase::Running).await), (1, 0));
        let claim = claimed(&catalog, "worker", at(1)).await;
        assert_eq!((total(JobPhase::Queued).await, total(JobPhase::Running).await), (0, 1));
        catalog.fail(&claim, &Failure::cancelled(), None, None, at(2)).await.expect("the claim holds");
    }
    assert_eq!((total(JobPhase::Running).await, total(JobPhase::Failed).await), (0, 3));
}

/// Writers that meet on the same tallies neither wait for ever nor lose one another's.
pub(super) async fn tallies_have_many_writers_at_once(database: &Database) {
    const WRITERS: u32 = 6;
    const ROUNDS: u32 = 10;
    let nodes = [database.node().await, database.node().await];
    for writer in 0..WRITERS {
        register(&nodes[0], plain_instance(&format!("pg-{writer}"))).await;
    }
    let write = async |catalog: Catalog, writer: u32| {
        let id = format!("pg-{writer}");
        for round in 0..ROUNDS {
            let job = enqueue(&catalog, plain_backup(&id)).await;
            if round % 2 == 0 {
                let mut change = catalog.change(at(1)).await.expect("a change begins");
                change.cancel_job(job).await.expect("cancelled or asked to be");
                change.commit().await.expect("committed");
            }
            // Whosever job it is: each writer ends what it claims, until its own job is over.
            while catalog.find_job(job).await.expect("readable").expect("there").ended().is_none() {
                if let Some(claim) = claim_as(&catalog, &id, at(1)).await {
                    let failure = Failure { code: "Broken".to_owned(), message: "it broke".to_owned() };
                    catalog.fail(&claim, &failure, Some(&json!(0)), None, at(2)).await.expect("it is held");
                }
                tokio::task::yield_now().await;
            }
        }
    };
    let writers = (0..WRITERS).map(|writer| write(nodes[writer as usize % 2].clone(), writer));
    futures_of(writers).await;
    let all = nodes[0].list_jobs(&JobFilter::default(), Page::rows(0, 1)).await.expect("listable");
    assert_eq!(all.total, u64::from(WRITERS * ROUNDS));
}

/// Polls them all at once, in this task.
async fn futures_of(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Few rows on each of many days.
pub(super) async fn totals_and_pages_are_those_of_the_rows(database: &Database) {
    // It ends in the middle of a day after 1970 and begins before.
    let end = Timestamp::from_second(10 * 86_400 + 40_000).expect("a time");
    let history = History { instances: 20, jobs: 4_000, sets: 2_000, days: 1_200, end };
    totals_and_pages_are_right(database, history).await;
}

/// More rows on a day, and on what a range leaves of the newest, than a page steps over.
pub(super) async fn totals_and_pages_of_busy_days_are_those_of_the_rows(database: &Database) {
    // They lie in two stretches of 32 days.
    let end = Timestamp::from_second(33 * 86_400 + 80_000).expect("a time");
    let history = History { instances: 20, jobs: 4_000, sets: 4_000, days: 3, end };
    totals_and_pages_are_right(database, history).await;
}

async fn totals_and_pages_are_right(database: &Database, history: History) {
    let catalog = database.node().await;
    let end = history.end;
    history.write(&catalog).await;
    let instance = Some(instance_id(History::INSTANCE));
    let instances = Some(vec![instance_id("pg-3"), instance_id("pg-1"), instance_id("pg-3")]);
    let failed = Some(vec![JobPhase::Failed]);
    let all = JobFilter::default();
    for filter in [
        all.clone(),
        JobFilter { instance: instance.clone(), ..all.clone() },
        JobFilter { instances: instances.clone(), ..all.clone() },
        JobFilter { instance: instance.clone(), instances: instances.clone(), ..all.clone() },
        JobFilter { instances: Some(Vec::new()), ..all.clone() },
        JobFilter { kind: Some(JobKind::Sweep), ..all.clone() },
        JobFilter { kind: Some(JobKind::Backup), mode: Some(BackupMode::Automated), ..all.clone() },
        JobFilter { phases: failed.clone(), ..all.clone() },
        JobFilter { phases: failed.clone(), cancelled: Some(true), ..all.clone() },
        JobFilter { phases: failed, cancelled: Some(false), ..all.clone() },
        JobFilter { phases: Some(vec![JobPhase::Queued, JobPhase::Succeeded]), ..all.clone() },
        JobFilter { took_min: Some(SignedDuration::from_secs(1)), ..all.clone() },
    ] {
        for (created_start, created_end) in ranges(end) {
            let filter = JobFilter { created_start, created_end, ..filter.clone() };
            compare(&catalog, &filter, |job: &job::Model| job.id).await;
        }
    }
    let all = BackupSetFilter::default();
    for filter in [
        all.clone(),
        BackupSetFilter { instance, ..all.clone() },
        BackupSetFilter { instances, ..all.clone() },
        BackupSetFilter { detached: true, ..all.clone() },
        BackupSetFilter { mode: Some(BackupMode::Manual), ..all.clone() },
        BackupSetFilter { status: Some(SetStatus::Success), ..all.clone() },
        BackupSetFilter { backup_type: Some(BackupType::Incremental), ..all.clone() },
    ] {
        for (ended_start, ended_end) in ranges(end) {
            let filter = BackupSetFilter { ended_start, ended_end, ..filter.clone() };
            compare(&catalog, &filter, |set: &backup_set::Model| set.id).await;
        }
    }
}

/// Ranges that begin and end at and between midnights, or nowhere.
fn ranges(end: Timestamp) -> Vec<(Option<Timestamp>, Option<Timestamp>)> {
    let before = |hours: i64| Some(end - SignedDuration::from_hours(hours));
    let midnight = |day: i64| Some(Timestamp::from_second(day * 86_400).expect("a time"));
    vec![
        (None, None),
        (before(700), None),
        (None, before(30)),
        (before(500), before(50)),
        (midnight(-15), midnight(3)),
        (midnight(-2), before(1)),
        (midnight(-1_100), midnight(-40)),
        (midnight(-1_024), midnight(0)),
        (before(24_000), before(300)),
        (before(20_000), None),
        (before(5), before(3)),
        (before(20), before(5)),
        (midnight(3), midnight(3)),
        (before(3), before(5)),
    ]
}

async fn compare<L: Listing + std::fmt::Debug>(
    catalog: &Catalog,
    listing: &L,
    id: impl Fn(&<L::Row as EntityTrait>::Model) -> i64,
) {
    let rows = listing.page_in(listing.span(), 0, 10_000).all(catalog.readers()).await.expect("readable");
    let ids: Vec<i64> = rows.iter().map(&id).collect();
    let count = ids.len();
    for offset in
        [0, 1, 999, 1_000, 1_001, 1_500, 2_600, 3_500, count.saturating_sub(1), count, count + 2_000]
    {
        let page = Page::rows(offset as u64, 7);
        let listed = tally::list(catalog.readers(), listing, page).await.expect("listable");
        let shown: Vec<i64> = listed.rows.iter().map(&id).collect();
        let expected: Vec<i64> = ids.iter().copied().skip(offset).take(7).collect();
        assert_eq!((shown, listed.total), (expected, count as u64), "{offset} of {listing:?}");
    }
}
