//! The operations, one declaration per file.
//!
//! An operation is added by a file here, its name in [`ACTIONS`], and a handler in the service.

mod cancel_backup_job;
mod clone_db_instance;
mod create_access_key;
mod create_backup;
mod create_db_instance;
mod create_temp_db_instance;
mod delete_backup;
mod delete_backup_file;
mod delete_db_instance;
mod deregister_db_instance;
mod describe_audit_log;
mod describe_available_cross_region;
mod describe_available_recovery_time;
mod describe_backup_database;
mod describe_backup_job_report;
mod describe_backup_jobs;
mod describe_backup_policy;
mod describe_backup_tasks;
mod describe_backups;
mod describe_binlog_files;
mod describe_cross_region_backups;
mod describe_cross_region_log_backup_files;
mod describe_db_instance_attribute;
mod describe_db_instance_net_info;
mod describe_db_instances;
mod describe_detached_backups;
mod describe_history_tasks;
mod describe_instance_cross_backup_policy;
mod describe_local_available_recovery_time;
mod describe_log_backup_files;
mod describe_meta_list;
mod describe_regions;
mod describe_tasks;
mod disable_access_key;
mod list_access_keys;
mod list_tag_resources;
mod modify_backup_policy;
mod modify_backup_set_expire_time;
mod modify_instance_cross_backup_policy;
mod recovery_db_instance;
mod register_db_instance;
mod restore_table;
mod tag_resources;
mod untag_resources;

use crate::ActionSpec;

/// The version of the API, the only one.
pub const API_VERSION: &str = "2014-08-15";

/// All operations, sorted by name.
pub static ACTIONS: &[&ActionSpec] = &[
    &cancel_backup_job::SPEC,
    &clone_db_instance::SPEC,
    &create_access_key::SPEC,
    &create_backup::SPEC,
    &create_db_instance::SPEC,
    &create_temp_db_instance::SPEC,
    &delete_backup::SPEC,
    &delete_backup_file::SPEC,
    &delete_db_instance::SPEC,
    &deregister_db_instance::SPEC,
    &describe_audit_log::SPEC,
    &describe_available_cross_region::SPEC,
    &describe_available_recovery_time::SPEC,
    &describe_backup_database::SPEC,
    &describe_backup_job_report::SPEC,
    &describe_backup_jobs::SPEC,
    &describe_backup_policy::SPEC,
    &describe_backup_tasks::SPEC,
    &describe_backups::SPEC,
    &describe_binlog_files::SPEC,
    &describe_cross_region_backups::SPEC,
    &describe_cross_region_log_backup_files::SPEC,
    &describe_db_instance_attribute::SPEC,
    &describe_db_instance_net_info::SPEC,
    &describe_db_instances::SPEC,
    &describe_detached_backups::SPEC,
    &describe_history_tasks::SPEC,
    &describe_instance_cross_backup_policy::SPEC,
    &describe_local_available_recovery_time::SPEC,
    &describe_log_backup_files::SPEC,
    &describe_meta_list::SPEC,
    &describe_regions::SPEC,
    &describe_tasks::SPEC,
    &disable_access_key::SPEC,
    &list_access_keys::SPEC,
    &list_tag_resources::SPEC,
    &modify_backup_policy::SPEC,
    &modify_backup_set_expire_time::SPEC,
    &modify_instance_cross_backup_policy::SPEC,
    &recovery_db_instance::SPEC,
    &register_db_instance::SPEC,
    &restore_table::SPEC,
    &tag_resources::SPEC,
    &untag_resources::SPEC,
];

/// The operation of that name, which is case-sensitive.
pub fn find_action(name: &str) -> Option<&'static ActionSpec> {
    let position = ACTIONS.binary_search_by(|action| action.name.cmp(name)).ok()?;
    ACTIONS.get(position).copied()
}
