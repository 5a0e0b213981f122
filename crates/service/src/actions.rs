//! The operations, one file each, and a call's way to its operation.
//!
//! An action reads the catalog, or writes intent to it in one transaction that also stores the call's
//! nonce. It moves no bulk bytes and waits for no job. One that changes something runs to its end even when
//! its client goes away.

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

mod words;

use std::sync::Arc;

use catalog::{Change, Nonce, Page};
use jiff::Timestamp;
use repository::InstanceId;
use rpc::{ActionSpec, Arguments, Call, Effect, ErrorCode, Request, RequestId};
use serde_json::Value;

pub(crate) use delete_backup::put_missing_tombstones;
pub(crate) use register_db_instance::Uncontrolled;

use crate::authentication::{Authenticated, Caller};
use crate::context::Context;
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
    let action = match verified.action() {
        Ok(action) => action,
        Err(error) => return Outcome { result: Err(error.into()), key },
    };
    let spare_nonce = (action.effect == Effect::Changes).then(|| nonce.clone());
    let checked = caller.require_role(action).and_then(|()| verified.arguments(action));
    let result = match checked {
        Ok(arguments) => {
            let host = request.host().unwrap_or_default().to_owned();
            let call = ActionCall { caller, action, arguments, instance: None, nonce, now, request_id, host };
            run(context, call).await
        }
        Err(error) => Err(error.into()),
    };
    if let (Err(_), Some(nonce)) = (&result, spare_nonce) {
        context.authentication.store_nonce(nonce);
    }
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
        "CreateBackup" => create_backup::run(context, call).await,
        "DeleteBackup" => delete_backup::run(context, call).await,
        "DeregisterDBInstance" => deregister_db_instance::run(context, call).await,
        "DescribeBackupJobReport" => describe_backup_job_report::run(context, call).await,
        "DescribeBackupJobs" => describe_backup_jobs::run(context, call).await,
        "DescribeBackupTasks" => describe_backup_tasks::run(context, call).await,
        "DescribeBackups" => describe_backups::run(context, call).await,
        "DescribeDBInstanceAttribute" => describe_db_instance_attribute::run(context, call).await,
        "DescribeDBInstances" => describe_db_instances::run(context, call).await,
        "DescribeRegions" => Ok(describe_regions::run(context, call)),
        "RegisterDBInstance" => register_db_instance::run(context, call).await,
        other => Err(Refusal::internal(format!("{other} is registered and not served"))),
    }
}

impl ActionCall {
    /// The instance, of an operation that requires one.
    fn required_instance(&self) -> &InstanceId {
        self.instance.as_ref().expect("the operation requires DBInstanceId")
    }

    /// Starts the change of this call, its nonce in it. Dropped without commit, it is undone.
    async fn change(&self, context: &Context) -> Result<Change, Refusal> {
        let mut change = context.catalog.change(self.now).await?;
        change.remember_nonce(&self.nonce).await?;
        Ok(change)
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
