//! CancelBackupJob, an extension.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    parameter_spec::{DB_INSTANCE_ID_FILTER, ID, required},
    shape::text,
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "CancelBackupJob",
    doc: "Cancels a backup job in any stage and answers at once. The job becomes Failed with FailureCode \
          Cancelled as soon as its worker has stopped; what it stored is deleted.",
    role: Role::Operator,
    effect: Effect::Changes,
    extension: true,
    parameters: &[required("BackupJobId", ID, "The job.", "4762614"), DB_INSTANCE_ID_FILTER],
    response: &[text("BackupJobId", "The job's id, in digits.")],
    never_sent: &[],
    errors: &[ErrorCode::InvalidBackupJobIdNotFound, ErrorCode::IncorrectBackupJobState],
    example: Example { parameters: &[("BackupJobId", "4762614")], response: r#"{"BackupJobId":"4762614"}"# },
};
