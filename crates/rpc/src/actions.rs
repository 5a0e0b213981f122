//! The operations, one declaration per file.
//!
//! An operation is added by a file here, its name in [`ACTIONS`], and a handler in the service.

mod cancel_backup_job;
mod create_backup;
mod delete_backup;
mod deregister_db_instance;
mod describe_backup_job_report;
mod describe_backup_jobs;
mod describe_backup_tasks;
mod describe_backups;
mod describe_db_instance_attribute;
mod describe_db_instances;
mod describe_regions;
mod register_db_instance;

use crate::ActionSpec;

/// The version of the API, the only one.
pub const API_VERSION: &str = "2014-08-15";

/// All operations, sorted by name.
pub static ACTIONS: &[&ActionSpec] = &[
    &cancel_backup_job::SPEC,
    &create_backup::SPEC,
    &delete_backup::SPEC,
    &deregister_db_instance::SPEC,
    &describe_backup_job_report::SPEC,
    &describe_backup_jobs::SPEC,
    &describe_backup_tasks::SPEC,
    &describe_backups::SPEC,
    &describe_db_instance_attribute::SPEC,
    &describe_db_instances::SPEC,
    &describe_regions::SPEC,
    &register_db_instance::SPEC,
];

/// The operation of that name, which is case-sensitive.
pub fn find_action(name: &str) -> Option<&'static ActionSpec> {
    let position = ACTIONS.binary_search_by(|action| action.name.cmp(name)).ok()?;
    ACTIONS.get(position).copied()
}
