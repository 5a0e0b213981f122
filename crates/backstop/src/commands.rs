//! What the commands do, one verb a file.

mod access_key;
mod api;
mod audit;
mod backup;
mod doctor;
mod init;
mod instance;
mod key;
mod policy;
mod repository;
mod restore;
mod serve;
mod task;

use crate::command_line::{Command, CommandLine};
use crate::failure::Outcome;

/// Runs a command.
///
/// # Errors
/// It failed; nothing has told why yet.
pub(crate) fn run(command_line: CommandLine) -> anyhow::Result<Outcome> {
    let CommandLine { everywhere, command } = command_line;
    match command {
        Command::Init(arguments) => init::run(&everywhere, arguments),
        Command::Serve(arguments) => serve::run(&everywhere, &arguments),
        Command::Instance(command) => instance::run(&everywhere, &command),
        Command::Backup(command) => backup::run(&everywhere, &command),
        Command::Task(command) => task::run(&everywhere, &command),
        Command::Policy(command) => policy::run(&everywhere, &command),
        Command::Restore(arguments) => restore::run(&everywhere, &arguments),
        Command::Repository(arguments) => repository::run(&everywhere, &arguments),
        Command::Key(command) => key::run(&everywhere, &command),
        Command::AccessKey(command) => access_key::run(&everywhere, &command),
        Command::Audit(command) => audit::run(&everywhere, &command),
        Command::Api(arguments) => api::run(&everywhere, arguments),
        Command::Doctor(arguments) => doctor::run(&everywhere, &arguments),
    }
}
