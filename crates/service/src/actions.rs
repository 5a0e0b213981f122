//! The operations, one file each, and a call's way to its operation.
//!
//! An action reads the catalog, or writes intent to it in one transaction that also stores the call's
//! nonce. It moves no bulk bytes, and waits for a job only where it is asked to. One that changes something runs to its end even when
//! its client goes away.

mod cancel_backup_job;
mod create_access_key;
mod create_backup;
mod delete_backup;
mod delete_backup_file;
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
mod not_supported;
mod register_db_instance;
mod tag_resources;
mod untag_resources;

mod key_words;
mod policy_fields;
mod restorable;
mod set_databases;
mod task_words;
mod words;

use std::sync::Arc;

use catalog::{BackupSet, Change, NewAuditRecord, Nonce, Page, SetStatus};
use jiff::Timestamp;
use repository::InstanceId;
use rpc::{ActionSpec, ApiError, Arguments, Call, Effect, ErrorCode, Request, RequestId, Role};
use serde_json::{Value, json};

pub(crate) use delete_backup::put_missing_tombstones;
pub(crate) use describe_backup_jobs::JobWaits;

use crate::audit::{SUCCESS, Witness};
use crate::authentication::{Authenticated, Caller};
use crate::client_presence::ClientPresence;
use crate::context::Context;
use crate::download::LinkedFile;
use crate::refusal::Refusal;

/// A call of one operation, its sender known and its parameters valid.
#[derive(Debug)]
pub(crate) struct ActionCall {
    caller: Caller,
    action: &'static ActionSpec,
    arguments: Arguments,
    /// What `DBInstanceId` names, where the call has it; the caller may see it.
    instance: Option<InstanceId>,
    nonce: Nonce,
    now: Timestamp,
    request_id: RequestId,
    host: String,
    client: Arc<ClientPresence>,
}

/// What came of a call, and which key made it, once that is proven.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<(&'static ActionSpec, Value), Refusal>,
    pub(crate) key: Option<Arc<str>>,
}

/// Finds out who calls, whether they may, and does it.
pub(crate) async fn perform(
    context: &Arc<Context>,
    request: &Request<'_>,
    client: &Arc<ClientPresence>,
    call: &Call<'_>,
    now: Timestamp,
    request_id: RequestId,
) -> Outcome {
    let authenticated =
        context.authentication.authenticate(&context.catalog, &context.secrets, call, now).await;
    let Authenticated { call: verified, caller, nonce } = match authenticated {
        Ok(authenticated) => authenticated,
        Err(refusal) => return Outcome { result: Err(refusal), key: None },
    };
    let key = Some(Arc::clone(&caller.key));
    let seen = caller.clone();
    let witness = Witness::new(&seen, call, client.address(), now, request_id);
    let action = match verified.action() {
        Ok(action) => action,
        Err(error) => {
            return Outcome { result: Err(context.refusals.refuse(&witness, None, error.into())), key };
        }
    };
    let spare_nonce = (action.effect == Effect::Changes).then(|| nonce.clone());
    let throttled = context.throttle.check(&caller.key, action);
    let checked =
        throttled.and_then(|()| caller.require_role(action)).and_then(|()| verified.arguments(action));
    let result = match checked {
        Ok(arguments) => {
            let host = request.host().unwrap_or_default().to_owned();
            let (instance, client) = (None, Arc::clone(client));
            let call =
                ActionCall { caller, action, arguments, instance, nonce, now, request_id, host, client };
            run(context, call).await
        }
        Err(error) => Err(error.into()),
    };
    if let (Err(_), Some(nonce)) = (&result, spare_nonce) {
        context.authentication.store_nonce(nonce);
    }
    let result = result.map_err(|refusal| context.refusals.refuse(&witness, Some(action), refusal));
    Outcome { result: result.map(|value| (action, value)), key }
}

async fn run(context: &Arc<Context>, mut call: ActionCall) -> Result<Value, Refusal> {
    if call.action.parameter("DBInstanceId").is_some()
        && let Some(text) = call.arguments.text("DBInstanceId")
    {
        // A text that cannot be an id is not the id of any instance.
        let Ok(instance) = text.parse::<InstanceId>() else {
            return Err(ErrorCode::InvalidDBInstanceIdNotFound.into());
        };
        call.caller.require_instance(call.action, &instance)?;
        call.instance = Some(instance);
    }
    match call.action.effect {
        Effect::Reads => dispatch(context, &call).await,
        Effect::Changes => {
            let context = Arc::clone(context);
            let tracker = context.background.clone();
            let task = tracker.spawn(async move {
                let result = dispatch(&context, &call).await;
                if result.is_ok() {
                    let instance = call.instance.as_ref().map(tracing::field::display);
                    let (request_id, action, key) = (call.request_id, call.action.name, &*call.caller.key);
                    tracing::info!(%request_id, action, key, instance, "done");
                }
                result
            });
            task.await.unwrap_or_else(|error| Err(Refusal::internal(error.to_string())))
        }
    }
}

async fn dispatch(context: &Arc<Context>, call: &ActionCall) -> Result<Value, Refusal> {
    match call.action.name {
        "CancelBackupJob" => cancel_backup_job::run(context, call).await,
        "CreateAccessKey" => create_access_key::run(context, call).await,
        "CreateBackup" => create_backup::run(context, call).await,
        "DeleteBackup" => delete_backup::run(context, call).await,
        "DeleteBackupFile" => delete_backup_file::run(context, call).await,
        "DeleteDBInstance" | "DeregisterDBInstance" => deregister_db_instance::run(context, call).await,
        "DescribeAuditLog" => describe_audit_log::run(context, call).await,
        "DescribeAvailableCrossRegion" => Ok(describe_available_cross_region::run()),
        "DescribeAvailableRecoveryTime" => describe_available_recovery_time::run(context, call).await,
        "DescribeBackupDatabase" => describe_backup_database::run(context, call).await,
        "DescribeBackupJobReport" => describe_backup_job_report::run(context, call).await,
        "DescribeBackupJobs" => describe_backup_jobs::run(context, call).await,
        "DescribeBackupPolicy" => describe_backup_policy::run(context, call).await,
        "DescribeBackupTasks" => describe_backup_tasks::run(context, call).await,
        "DescribeBackups" => describe_backups::run(context, call).await,
        "DescribeBinlogFiles" => describe_binlog_files::run(context, call).await,
        "DescribeCrossRegionBackups" => describe_cross_region_backups::run(context, call).await,
        "DescribeCrossRegionLogBackupFiles" => {
            describe_cross_region_log_backup_files::run(context, call).await
        }
        "DescribeDBInstanceAttribute" => describe_db_instance_attribute::run(context, call).await,
        "DescribeDBInstanceNetInfo" => describe_db_instance_net_info::run(context, call).await,
        "DescribeDBInstances" => describe_db_instances::run(context, call).await,
        "DescribeDetachedBackups" => describe_detached_backups::run(context, call).await,
        "DescribeHistoryTasks" => describe_history_tasks::run(context, call).await,
        "DescribeInstanceCrossBackupPolicy" => {
            describe_instance_cross_backup_policy::run(context, call).await
        }
        "DescribeLocalAvailableRecoveryTime" => {
            describe_local_available_recovery_time::run(context, call).await
        }
        "DescribeLogBackupFiles" => describe_log_backup_files::run(context, call).await,
        "DescribeMetaList" => describe_meta_list::run(context, call).await,
        "DescribeRegions" => Ok(describe_regions::run(context, call)),
        "DescribeTasks" => describe_tasks::run(context, call).await,
        "DisableAccessKey" => disable_access_key::run(context, call).await,
        "ListAccessKeys" => list_access_keys::run(context, call).await,
        "ListTagResources" => list_tag_resources::run(context, call).await,
        "ModifyBackupPolicy" => modify_backup_policy::run(context, call).await,
        "ModifyBackupSetExpireTime" => modify_backup_set_expire_time::run(context, call).await,
        "RegisterDBInstance" => register_db_instance::run(context, call).await,
        "TagResources" => tag_resources::run(context, call).await,
        "UntagResources" => untag_resources::run(context, call).await,
        name if not_supported::covers(name) => not_supported::run(context, call).await,
        other => Err(Refusal::internal(format!("{other} is registered and not served"))),
    }
}

impl ActionCall {
    /// The instance, of an operation that requires one.
    fn required_instance(&self) -> &InstanceId {
        self.instance.as_ref().expect("the operation requires DBInstanceId")
    }

    /// A link for downloading a set, for this caller; empty when there is none. Who may only look gets none, for it
    /// is all of the database.
    fn download_link(&self, context: &Context, set: &BackupSet, host_instance: u32) -> String {
        let is_there = set.status == SetStatus::Success && set.tombstoned.is_none();
        if !is_there || set.download_bytes.is_none() || self.caller.role < Role::Operator {
            return String::new();
        }
        let file = LinkedFile {
            instance: &set.origin.instance,
            set: set.origin.id,
            host_instance,
            ended: set.ended,
        };
        context.links.url(&context.public_url(&self.host), file, &self.caller.key, self.now)
    }

    /// Starts the change of this call, its nonce and its audit record in it. Dropped without commit, it is undone.
    async fn change(&self, context: &Context) -> Result<Change, Refusal> {
        self.change_noting(context, Value::Null).await
    }

    /// As [`ActionCall::change`]; the record also says what is `noted`, which holds no secret.
    async fn change_noting(&self, context: &Context, noted: Value) -> Result<Change, Refusal> {
        let mut details = json!({ "Parameters": self.arguments.recorded() });
        if let (Some(details), Value::Object(noted)) = (details.as_object_mut(), noted) {
            details.extend(noted);
        }
        let record = NewAuditRecord {
            at: self.now,
            request_id: self.request_id.to_string(),
            key: self.caller.key.to_string(),
            action: self.action.name.to_owned(),
            instance: self.instance.clone(),
            outcome: SUCCESS.to_owned(),
            message: String::new(),
            source: self.client.address().map(|address| address.to_string()),
            details,
        };
        let mut change = context.catalog.change(self.now).await?;
        change.remember_nonce(&self.nonce).await?;
        change.record_audit(&record).await?;
        Ok(change)
    }

    /// Refuses a key that is for some instances only: what is about all of them is not its business.
    fn require_all_instances(&self) -> Result<(), ApiError> {
        self.caller.require_all_instances(self.action)
    }

    /// The page asked for.
    fn page(&self) -> Result<Page, Refusal> {
        let number = self.arguments.natural("PageNumber").unwrap_or(1);
        let size = self.arguments.natural("PageSize").unwrap_or(30);
        Page::new(number, size).ok_or_else(|| ErrorCode::InvalidPageNumbers.into())
    }

    /// First row of the page asked for, and rows on a page, for lists that are cut in memory.
    fn window(&self) -> (usize, usize) {
        let number = self.arguments.natural("PageNumber").unwrap_or(1);
        let size = self.arguments.natural("PageSize").unwrap_or(30);
        let whole = |number: u32| usize::try_from(number).expect("a number of 32 bits");
        (whole(number - 1).saturating_mul(whole(size)), whole(size))
    }

    /// The range between `StartTime` and `EndTime`, either end open.
    ///
    /// # Errors
    /// It ends before it starts → `InvalidParameterCombination`.
    fn time_range(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), Refusal> {
        let (start, end) = (self.arguments.time("StartTime"), self.arguments.time("EndTime"));
        match (start, end) {
            (Some(start), Some(end)) if end <= start => Err(ErrorCode::InvalidParameterCombination.into()),
            range => Ok(range),
        }
    }
}

/// The fields that the operation's answer has; what else there is, is left out.
fn known_fields(action: &ActionSpec, fields: serde_json::Map<String, Value>) -> Value {
    let known = |name: &str| action.response.iter().any(|field| field.name == name);
    Value::Object(fields.into_iter().filter(|(name, _)| known(name)).collect())
}
