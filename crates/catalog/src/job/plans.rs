//! The statements of this module whose plans the conformance suite looks at.

use repository::{BackupJobId, InstanceId};
use sea_orm::ConnectionTrait;

use crate::job::JobKind;
use crate::job::claim::{FAIL_HOPELESS, NEXT_CLAIMABLE, RELEASE, claim_statement};
use crate::job::list::ACTIVE_JOBS;
use crate::job::lookup::{GROUP_MAX, statement_of};
use crate::statement::dialect;

/// Statement texts, by what they do.
pub(crate) struct ForPlans {
    pub(crate) claim: String,
    pub(crate) fail_hopeless: String,
    pub(crate) release: String,
    pub(crate) next_claimable: String,
    pub(crate) active_backups: String,
    pub(crate) active_jobs: String,
    pub(crate) look_up: String,
}

impl ForPlans {
    pub(crate) fn collect(connection: &impl ConnectionTrait) -> Self {
        Self {
            claim: claim_statement(connection, JobKind::ALL),
            fail_hopeless: dialect(connection, FAIL_HOPELESS),
            release: RELEASE.to_owned(),
            next_claimable: NEXT_CLAIMABLE.to_owned(),
            active_backups: statement_of::<InstanceId>(GROUP_MAX),
            active_jobs: ACTIVE_JOBS.to_owned(),
            look_up: statement_of::<BackupJobId>(GROUP_MAX),
        }
    }
}
