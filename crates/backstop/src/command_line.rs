//! The command line, as types: what may be written, with its help. What it does is in `commands`.
//!
//! Names and options are fixed (tests and scripts from outside use them). Every command says in its help
//! what it does and shows one call of it.

mod access_key;
mod audit;
mod backup;
mod init;
mod instance;
mod key;
mod policy;
mod repository;
mod restore;
mod serve;
mod task;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use access_key::{AccessKeyCommand, CreateAccessKey};
pub(crate) use audit::{AuditCommand, ListAudit};
pub(crate) use backup::{BackupCommand, CreateBackup, Method};
pub(crate) use init::Init;
pub(crate) use instance::{InstanceCommand, RegisterInstance};
pub(crate) use key::{AddKey, KeyCommand};
pub(crate) use policy::{PolicyCommand, SetPolicy};
pub(crate) use repository::{
    Percent, RepositoryAccess, RepositoryArguments, RepositoryCommand, SweepArguments,
};
pub(crate) use restore::{PointArguments, Restore, RestoreArguments};
pub(crate) use serve::{LogFormat, Serve};
pub(crate) use task::TaskCommand;

/// Backs up database servers, proves the backups, and restores them.
///
/// A service (`backstop serve`) makes the backups and answers the ApsaraDB RDS API; the other commands are its
/// clients, or work on a repository without it.
#[derive(Debug, Parser)]
#[command(name = "backstop", version, after_help = AFTER_HELP, max_term_width = 110, propagate_version = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  backstop init
  backstop serve &
  backstop instance register orders --engine postgresql --host /var/run/postgresql --port 5432 \\
      --user backstop --data-dir /var/lib/postgresql/15/main
  backstop backup create orders --wait
  backstop restore orders --latest --target /srv/restored

Client commands talk to BACKSTOP_ENDPOINT, by default the home's own service, with the access key in
BACKSTOP_ACCESS_KEY_ID and BACKSTOP_ACCESS_KEY_SECRET, or in ALIBABA_CLOUD_ACCESS_KEY_ID and
ALIBABA_CLOUD_ACCESS_KEY_SECRET; without either, with the home's own key. A temporary key's token is taken from
BACKSTOP_SECURITY_TOKEN or ALIBABA_CLOUD_SECURITY_TOKEN. Over https://, BACKSTOP_CA_FILE names the CA.

Exit status: 0 done, 1 failed, 2 wrong use.";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Everywhere {
    /// The home: configuration, catalog, keys and the default repository. Default: ~/.backstop
    #[arg(long, global = true, env = "BACKSTOP_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// CA certificates in PEM for a BACKSTOP_ENDPOINT of https://; stands before the command. Default: the system's
    #[arg(long, env = "BACKSTOP_CA_FILE", value_name = "F")]
    pub(crate) ca_file: Option<PathBuf>,
    /// How the result is written: for people, or as one JSON object with the API's field names
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Table, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

/// How a result is written to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Aligned text.
    Table,
    /// One JSON object.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Serve(Serve),
    /// Make database servers known to the service
    #[command(subcommand)]
    Instance(InstanceCommand),
    /// Make, list and delete backup sets
    #[command(subcommand)]
    Backup(BackupCommand),
    /// See, watch and cancel backup jobs
    #[command(subcommand)]
    Task(TaskCommand),
    /// When instances are backed up, and how long their sets are kept
    #[command(subcommand)]
    Policy(PolicyCommand),
    Restore(Restore),
    Repository(RepositoryArguments),
    /// The keys that open the repository
    #[command(subcommand)]
    Key(KeyCommand),
    /// Who may call the service
    #[command(name = "accesskey", subcommand)]
    AccessKey(AccessKeyCommand),
    /// Who changed what, and who was refused
    #[command(subcommand)]
    Audit(AuditCommand),
    Api(Api),
    Doctor(Doctor),
}

/// Send one signed call and print the response as it was received
///
/// ACTION and the parameters are the API's. `--format xml` asks for XML. The exit status is 0 when the service
/// answered with success. Options of backstop itself (`--home`) stand before ACTION.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  backstop api DescribeBackupTasks --DBInstanceId orders --BackupJobId 5 --format json"
)]
pub(crate) struct Api {
    /// The operation, such as DescribeBackupTasks
    #[arg(value_name = "ACTION")]
    pub(crate) action: String,
    /// Parameters as `--Name value` or `--Name=value`, and `--format json|xml`
    #[arg(value_name = "PARAMETERS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) parameters: Vec<String>,
}

/// Find what is wrong with this set-up, and tell how to mend it
///
/// Looks at the home, the configuration, the key and its copies, the repository and its free space, and the
/// service. The exit status is 1 when something must be mended.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  backstop doctor")]
pub(crate) struct Doctor {}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_do_not_contradict_each_other() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command) {
            let commands: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
            if commands.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example:\n  backstop "), "{} has no example", command.get_name());
            }
            commands.into_iter().for_each(check);
        }
        check(&CommandLine::command());
    }
}
