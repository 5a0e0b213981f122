//! The first schema. Times are microseconds since 1970 in UTC, words are text, JSON is text that
//! the database never looks into.

use sea_orm_migration::prelude::*;

use crate::statement::dialect;

/// The step.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(&dialect(connection, SCHEMA)).await?;
        Ok(())
    }
}

/// `job.ended_micros` is set exactly when the job succeeded or failed, so "not ended" says "queued
/// or running" in the partial indexes. The unique one among them is what lets two nodes that create
/// a backup of the same instance at the same time make one job, not two.
const SCHEMA: &str = "
CREATE TABLE setting (
    name {name} NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) {strict};

CREATE TABLE counter (
    name {name} NOT NULL PRIMARY KEY,
    last {number} NOT NULL
) {strict};
INSERT INTO counter (name, last) VALUES ('job', 0), ('backup_set', 0), ('host_instance', 0);

CREATE TABLE instance (
    id {name} NOT NULL PRIMARY KEY,
    engine TEXT NOT NULL,
    engine_version TEXT,
    host TEXT NOT NULL,
    port {number} NOT NULL,
    user_name TEXT NOT NULL,
    sealed_password {bytes},
    ssl_mode TEXT NOT NULL,
    ca_certificate TEXT,
    data_directory TEXT,
    description TEXT,
    host_instance {number} NOT NULL,
    created_micros {number} NOT NULL,
    deregistered_micros {number}
) {strict};
CREATE UNIQUE INDEX instance_host_instance ON instance (host_instance);

CREATE TABLE job (
    id {number} NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    repository_id TEXT NOT NULL,
    instance_id {name} REFERENCES instance (id),
    mode TEXT NOT NULL,
    parameters_json TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
    stage TEXT NOT NULL,
    due_micros {number} NOT NULL,
    attempts_count {number} NOT NULL,
    fencing_epoch {number} NOT NULL,
    attempt_id {name},
    lease_owner TEXT,
    lease_until_micros {number},
    heartbeat_micros {number},
    cancel_requested {flag} NOT NULL,
    process_percent {number} NOT NULL,
    planned_bytes {number},
    done_bytes {number} NOT NULL,
    reserved_set_id {number},
    failure_code TEXT,
    failure_message TEXT,
    created_micros {number} NOT NULL,
    started_micros {number},
    ended_micros {number},
    CHECK ((ended_micros IS NULL) = (state IN ('queued', 'running'))),
    CHECK (state <> 'running' OR (attempt_id IS NOT NULL AND lease_owner IS NOT NULL
        AND lease_until_micros IS NOT NULL AND heartbeat_micros IS NOT NULL AND started_micros IS NOT NULL))
) {strict};
CREATE UNIQUE INDEX job_active_backup ON job (instance_id) WHERE kind = 'backup' AND ended_micros IS NULL;
CREATE INDEX job_active ON job (state, instance_id) WHERE ended_micros IS NULL;
CREATE INDEX job_queued ON job (due_micros, id) WHERE state = 'queued';
CREATE INDEX job_running ON job (lease_until_micros, id) WHERE state = 'running';
CREATE INDEX job_of_instance ON job (instance_id, id);

CREATE TABLE job_attempt (
    job_id {number} NOT NULL REFERENCES job (id),
    fencing_epoch {number} NOT NULL,
    attempt_id {name} NOT NULL,
    lease_owner TEXT NOT NULL,
    started_micros {number} NOT NULL,
    PRIMARY KEY (job_id, fencing_epoch)
) {strict};

CREATE TABLE job_report (
    job_id {number} NOT NULL PRIMARY KEY REFERENCES job (id),
    report_json TEXT NOT NULL
) {strict};

CREATE TABLE backup_set (
    id {number} NOT NULL PRIMARY KEY,
    instance_id {name} NOT NULL,
    repository_id TEXT NOT NULL,
    job_id {number} NOT NULL,
    attempt_id {name} NOT NULL,
    fencing_epoch {number} NOT NULL,
    parent_set_id {number},
    status TEXT NOT NULL,
    backup_type TEXT NOT NULL,
    method TEXT NOT NULL,
    mode TEXT NOT NULL,
    engine TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    host_instance {number},
    started_micros {number} NOT NULL,
    ended_micros {number} NOT NULL,
    consistent_micros {number},
    oldest_proof_micros {number},
    size_bytes {number} NOT NULL,
    stored_bytes {number} NOT NULL,
    new_bytes {number} NOT NULL,
    encrypted {flag} NOT NULL,
    retention_days {number},
    expires_micros {number},
    tombstoned_micros {number}
) {strict};
CREATE INDEX backup_set_of_instance ON backup_set (instance_id, ended_micros, id) WHERE tombstoned_micros IS NULL;
CREATE INDEX backup_set_expiring ON backup_set (expires_micros) WHERE tombstoned_micros IS NULL;
CREATE INDEX backup_set_of_job ON backup_set (job_id);

CREATE TABLE engine_record (
    set_id {number} NOT NULL PRIMARY KEY REFERENCES backup_set (id),
    record_json TEXT NOT NULL
) {strict};

CREATE TABLE access_key (
    id {name} NOT NULL PRIMARY KEY,
    sealed_secret {bytes} NOT NULL,
    role TEXT NOT NULL,
    instances_json TEXT,
    status TEXT NOT NULL,
    token_hash {bytes},
    created_micros {number} NOT NULL,
    expires_micros {number}
) {strict};

CREATE TABLE nonce (
    key_id {name} NOT NULL,
    nonce_hash {bytes} NOT NULL,
    expires_micros {number} NOT NULL,
    PRIMARY KEY (key_id, nonce_hash)
) {strict};
CREATE INDEX nonce_expiring ON nonce (expires_micros);

CREATE TABLE nonce_quota (
    key_id {name} NOT NULL PRIMARY KEY,
    used_count {number} NOT NULL
) {strict};
";
