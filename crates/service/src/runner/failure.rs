//! Why a job failed, in a code of the error centre and in words.

use std::sync::Arc;

use catalog::Failure;
use engine::BackupError;
use rpc::ErrorCode;

use crate::context::Context;
use crate::error_chain::error_chain;

const GIBIBYTE: u64 = 1 << 30;

/// The failure of an attempt.
pub(super) fn of(error: &BackupError) -> Failure {
    let code = match error {
        BackupError::Refused(_) | BackupError::Server { .. } | BackupError::Source(_) => {
            ErrorCode::OperationDeniedDBInstanceUnreachable
        }
        BackupError::NoSpace { .. } => ErrorCode::OperationDeniedSpace,
        BackupError::Repository { source, .. } if is_full(&**source) => ErrorCode::OperationDeniedSpace,
        BackupError::Repository { .. } => ErrorCode::ServiceUnavailable,
        BackupError::Interrupted(_) | BackupError::Panicked | BackupError::Unproven { .. } | _ => {
            ErrorCode::InternalError
        }
    };
    coded(code, error_chain(error))
}

/// Whether somewhere among the causes a store says that it has no room.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // Threads that store packs share their store's error.
        let shared = error.downcast_ref::<Arc<blobstore::StoreError>>().map(|error| &**error);
        let store = shared.or_else(|| error.downcast_ref::<blobstore::StoreError>());
        let attempt = error.downcast_ref::<repository::AttemptError>();
        if matches!(store, Some(blobstore::StoreError::Full { .. }))
            || matches!(attempt, Some(repository::AttemptError::NoSpace { .. }))
        {
            return true;
        }
        cause = error.source();
    }
    false
}

pub(super) fn internal(message: String) -> Failure {
    coded(ErrorCode::InternalError, message)
}

pub(super) fn unavailable(message: String) -> Failure {
    coded(ErrorCode::ServiceUnavailable, message)
}

pub(super) fn unusable(message: String) -> Failure {
    coded(ErrorCode::OperationDeniedDBInstanceUnreachable, message)
}

fn coded(code: ErrorCode, message: String) -> Failure {
    Failure { code: code.spec().code.to_owned(), message }
}

/// Refuses to begin while the home's disk has less room than the floor: the catalog could not be written.
pub(super) fn check_home(context: &Context) -> Result<(), Failure> {
    let Ok(room) = rustix::fs::statvfs(context.home.path()) else { return Ok(()) };
    let bytes = |blocks: u64| blocks.saturating_mul(room.f_frsize);
    let (free_bytes, total_bytes) = (bytes(room.f_bavail), bytes(room.f_blocks));
    let floor = context.config.free_space_floor_bytes;
    let floor_bytes = floor.unwrap_or_else(|| GIBIBYTE.max(total_bytes / 50));
    if free_bytes >= floor_bytes {
        return Ok(());
    }
    let location = context.home.path().display().to_string();
    Err(of(&BackupError::NoSpace { location, free_bytes, floor_bytes }))
}
