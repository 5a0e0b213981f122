//! A control that never interrupts anything.

use engine::{ExtractProgress, Interrupted, JobControl, Stage};
use repository::VerifyProgress;

#[derive(Debug)]
pub(crate) struct Free;

impl JobControl for Free {
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

impl ExtractProgress for Free {
    fn advance(&self, _bytes: u64) {}

    fn check(&self) -> Result<(), Interrupted> {
        Ok(())
    }
}

impl VerifyProgress for Free {
    fn plan(&self, _bytes: u64) {}

    fn advance(&self, _bytes: u64) {}
}
