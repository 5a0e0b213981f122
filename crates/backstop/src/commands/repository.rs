//! `backstop repository`: listing, verifying, sweeping and restoring with nothing but a repository and what opens it.

mod list;
mod sweep;
mod verify;

use super::restore;
use crate::command_line::{Everywhere, RepositoryArguments, RepositoryCommand};
use crate::failure::Outcome;
use crate::open::{self, Purpose};

pub(super) fn run(everywhere: &Everywhere, arguments: &RepositoryArguments) -> anyhow::Result<Outcome> {
    let RepositoryArguments { access, command } = arguments;
    let purpose = match command {
        RepositoryCommand::List { .. } | RepositoryCommand::Verify { .. } | RepositoryCommand::Restore(_) => {
            Purpose::Read
        }
        RepositoryCommand::Sweep(_) => Purpose::Sweep,
    };
    let opened = open::repository(everywhere, access, purpose)?;
    match command {
        RepositoryCommand::List { id } => list::run(&opened.repository, id.as_ref(), everywhere.output),
        RepositoryCommand::Verify { sample } => verify::run(&opened.repository, *sample, everywhere.output),
        RepositoryCommand::Sweep(arguments) => sweep::run(&opened, access, arguments, everywhere),
        RepositoryCommand::Restore(arguments) => restore::restore(opened, arguments, everywhere.output),
    }
}
