//! Work outside any job: nothing to report to, and nobody who stops it.

use repository::VerifyProgress;

use crate::{ExtractProgress, Interrupted, JobControl, Stage};

/// Never waits, never ends the work, and drops what it is told.
#[derive(Debug, Clone, Copy)]
pub struct Uncontrolled;

impl JobControl for Uncontrolled {
    fn enter(&self, _stage: Stage) -> Result<(), Interrupted> {
        Ok(())
    }

    fn plan(&self, _bytes_planned: u64) {}

    fn advance(&self, _bytes: u64) {}

    fn prove(&self, _done: u64, _total: u64) {}

    fn check(&self) -> Result<(), Interrupted> {
        Ok(())
    }

    fn wait_for_slot(&self) -> Result<(), Interrupted> {
        Ok(())
    }

    fn throttle(&self, _bytes: u64) -> Result<(), Interrupted> {
        Ok(())
    }
}

impl ExtractProgress for Uncontrolled {
    fn advance(&self, _bytes: u64) {}

    fn check(&self) -> Result<(), Interrupted> {
        Ok(())
    }
}

impl VerifyProgress for Uncontrolled {
    fn plan(&self, _bytes: u64) {}

    fn advance(&self, _bytes: u64) {}
}
