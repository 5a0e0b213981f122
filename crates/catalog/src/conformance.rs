//! The suite that a catalog passes on every database: what callers rely on, case by case.
//!
//! Whoever has a database to offer calls [`run_all`] with a way to get an empty one.

mod access_keys;
mod audit;
mod dropped;
mod identity;
mod instances;
mod jobs;
mod leases;
mod model;
mod nonces;
mod plans;
mod policies;
mod seed;
mod sets;
mod tags;
mod tallies;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use repository::{AttemptId, BackupJobId, InstanceId, RepositoryId};
use serde_json::json;

pub use model::{Runner, Step, follow};
pub use seed::History;

use crate::{
    BackupMethod, BackupMode, BackupType, Catalog, CatalogOptions, Claim, ClaimRequest, EngineKind, JobKind,
    LeaseClock, LeaseOwner, NewBackupJob, NewBackupSet, NewInstance, SslMode,
};

/// Runs the named cases, each on a database of its own.
macro_rules! cases {
    ($($module:ident::$case:ident,)+) => {
        /// Runs every case; `empty_database` answers the address of another empty database each time.
        ///
        /// # Panics
        /// When the catalog does not keep a promise; the last line printed names the case.
        pub async fn run_all(mut empty_database: impl FnMut() -> String) {
            $(
                println!(concat!(stringify!($module), "::", stringify!($case)));
                let database = Database { url: empty_database() };
                Box::pin($module::$case(&database)).await;
                tallies::check(&database).await;
            )+
        }
    };
}

cases! {
    identity::migrating_again_changes_nothing,
    identity::two_nodes_that_open_at_once_agree_on_the_id,
    identity::a_catalog_is_tied_to_one_repository,
    identity::a_setting_is_replaced,
    identity::counters_go_on_above_what_was_found,
    identity::numbers_end_below_two_to_the_31,
    instances::an_instance_reads_back_as_registered,
    instances::an_id_is_registered_once_at_a_time,
    instances::an_instance_with_a_job_is_not_deregistered,
    instances::listings_filter_and_page,
    access_keys::a_key_reads_back_as_stored,
    access_keys::a_disabled_key_stays_disabled,
    audit::a_record_reads_back_as_written_and_belongs_to_its_change,
    audit::listings_filter_and_go_on,
    audit::old_records_are_forgotten,
    nonces::a_nonce_is_good_once,
    nonces::a_nonce_belongs_to_its_change,
    nonces::an_expired_nonce_is_forgotten_and_good_again,
    nonces::a_key_has_a_bounded_number_of_nonces,
    nonces::batches_are_loaded_again,
    jobs::a_job_reads_back_as_asked_for,
    jobs::an_instance_has_one_active_backup,
    jobs::of_two_nodes_that_ask_one_gets_the_job,
    jobs::a_repository_has_one_active_sweep,
    jobs::work_is_for_registered_instances,
    jobs::watching_filters_and_shows_ended_jobs_by_number_only,
    jobs::watching_from_memory_shows_every_write,
    jobs::look_ups_at_once_each_get_their_own_job,
    jobs::listings_filter_and_page,
    jobs::listings_filter_by_what_became_of_jobs,
    tallies::totals_show_every_write,
    jobs::a_queued_job_is_cancelled_at_once_and_a_running_one_asked,
    jobs::a_commit_wakes_who_waits,
    jobs::a_job_that_ends_shows_how_far_it_came,
    leases::no_job_is_claimed_twice,
    leases::a_job_is_claimed_when_it_is_due,
    leases::only_the_named_kinds_are_claimed,
    leases::a_fenced_writer_is_refused_everywhere,
    leases::a_lease_that_ended_goes_on_if_nobody_took_the_job,
    leases::process_never_falls_over_all_attempts,
    leases::after_three_attempts_a_job_is_settled,
    leases::a_cancelled_job_whose_worker_died_is_settled,
    leases::a_job_that_nobody_can_settle_fails,
    leases::a_job_given_back_without_failure_loses_no_attempt,
    leases::a_job_given_back_with_its_last_failure_keeps_the_cause,
    leases::a_cancelled_job_is_given_back_twice_and_settled,
    leases::a_restarted_worker_takes_its_jobs_at_once,
    leases::the_next_claimable_moment_is_known,
    sets::a_finished_backup_is_a_job_and_a_set_together,
    sets::an_earlier_attempts_set_is_adopted_and_a_foreign_one_refused,
    sets::deleting_is_all_or_nothing,
    sets::listings_filter_and_page,
    sets::a_set_found_in_the_repository_is_adopted_once,
    sets::sets_of_deregistered_instances_are_listed_apart,
    sets::what_is_released_goes_by_the_policy,
    tags::an_instance_has_tags_until_it_is_deregistered,
    tags::an_instance_has_a_bounded_number_of_tags,
    tags::tags_are_found_by_instance_name_and_value,
    policies::a_policy_reads_back_as_stored,
    policies::a_policy_that_changes_wakes_who_waits,
    policies::a_due_time_is_fired_once,
    policies::of_two_nodes_one_fires_a_due_time,
    policies::automated_sets_follow_their_policy,
    policies::the_newest_set_never_expires_by_age,
    policies::a_turn_is_taken_by_one,
    dropped::a_finish_that_is_dropped_anywhere_is_whole_or_absent,
    dropped::a_change_that_is_dropped_leaves_nothing,
    tallies::totals_and_pages_are_those_of_the_rows,
    tallies::totals_and_pages_of_busy_days_are_those_of_the_rows,
    tallies::tallies_have_many_writers_at_once,
    plans::every_frequent_statement_uses_an_index,
}

/// An empty database.
struct Database {
    url: String,
}

impl Database {
    /// One node's catalog on it.
    async fn node(&self) -> Catalog {
        let options = CatalogOptions { lease_clock: LeaseClock::Caller, ..CatalogOptions::default() };
        Catalog::open_with(&self.url, options).await.expect("the catalog opens")
    }

    /// The catalog of the only process that uses it.
    async fn sole_node(&self) -> Catalog {
        let options = CatalogOptions { lease_clock: LeaseClock::Caller, sole_process: true };
        Catalog::open_with(&self.url, options).await.expect("the catalog opens")
    }
}

/// How long a lease lasts here.
const LEASE: Duration = Duration::from_secs(30);

/// A moment, some seconds into the test.
fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-24T08:00:00.123456Z".parse().expect("a time");
    start + SignedDuration::from_secs(seconds)
}

fn instance_id(text: &str) -> InstanceId {
    text.parse().expect("an instance id")
}

/// A registration that leaves out whatever it can.
fn plain_instance(id: &str) -> NewInstance {
    NewInstance {
        id: instance_id(id),
        engine: EngineKind::Postgresql,
        engine_version: None,
        host: "localhost".to_owned(),
        port: 5432,
        user: "backup".to_owned(),
        sealed_password: None,
        ssl_mode: SslMode::Prefer,
        ca_certificate: None,
        data_directory: None,
        description: None,
    }
}

fn plain_backup(instance: &str) -> NewBackupJob {
    NewBackupJob {
        instance: instance_id(instance),
        repository: RepositoryId::from_bytes([7; 16]),
        mode: BackupMode::Manual,
        parameters: json!({"full": true}),
        due: at(0),
    }
}

/// A set that leaves out whatever it can.
fn plain_set(attempt: AttemptId) -> NewBackupSet {
    NewBackupSet {
        attempt,
        parent: None,
        backup_type: BackupType::Full,
        method: BackupMethod::Physical,
        engine: EngineKind::Postgresql,
        engine_version: "15.6".to_owned(),
        host_instance: None,
        started: at(0),
        ended: at(60),
        consistent: None,
        oldest_proof: None,
        size_bytes: 3_000,
        stored_bytes: 2_000,
        new_bytes: 1_000,
        download_bytes: None,
        encrypted: true,
        retention_days: None,
        expires: None,
        engine_record: json!({"databases": ["a"]}),
    }
}

async fn register(catalog: &Catalog, instance: NewInstance) {
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    change.register_instance(instance).await.expect("the instance is registered");
    change.commit().await.expect("the change is committed");
}

async fn enqueue(catalog: &Catalog, job: NewBackupJob) -> BackupJobId {
    let mut change = catalog.change(at(0)).await.expect("a change begins");
    let id = change.enqueue_backup(job).await.expect("the job is made");
    change.commit().await.expect("the change is committed");
    id
}

/// A registered instance with a backup job.
async fn one_job(catalog: &Catalog) -> BackupJobId {
    register(catalog, plain_instance("pg-1")).await;
    enqueue(catalog, plain_backup("pg-1")).await
}

async fn claim_as(catalog: &Catalog, owner: &str, now: Timestamp) -> Option<Claim> {
    let request = ClaimRequest { owner: LeaseOwner::new(owner), kinds: JobKind::ALL.to_vec(), lease: LEASE };
    catalog.claim(&request, now).await.expect("claiming works")
}

/// As [`claim_as`], where there is something to claim.
async fn claimed(catalog: &Catalog, owner: &str, now: Timestamp) -> Claim {
    claim_as(catalog, owner, now).await.expect("a job is claimable")
}
