//! How a command fails, and how that is told: once, the whole chain, on standard error.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// How a command that ran to its end went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done as asked.
    Done,
    /// It told its result, and the result is a failure: a broken frame, a failed job.
    Failed,
}

/// The command was used in a wrong way: exit status 2, as for what clap refuses.
#[derive(Debug)]
pub(crate) struct WrongUse(pub(crate) String);

impl fmt::Display for WrongUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUse {}

/// Tells an error on standard error and gives the exit status.
pub(crate) fn tell(error: &anyhow::Error) -> ExitCode {
    // Whoever reads the output has gone (`backstop … | head`): nothing to tell, and nobody to tell it to.
    if error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_broken_pipe)) {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {}", service::error_chain(error.as_ref()));
    let wrong_use = error.chain().any(<dyn std::error::Error>::is::<WrongUse>);
    if wrong_use { ExitCode::from(2) } else { ExitCode::FAILURE }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn a_wrong_use_is_found_below_its_context() {
        let error = Err::<(), _>(WrongUse("x".to_owned())).context("outer").expect_err("it is one");
        assert_eq!(tell(&error), ExitCode::from(2));
        assert_eq!(tell(&anyhow!("x")), ExitCode::FAILURE);
    }
}
