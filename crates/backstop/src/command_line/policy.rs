use clap::builder::{PossibleValue, PossibleValuesParser, ValueParser};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use repository::InstanceId;
use rpc::{ParameterKind, ParameterSpec, find_action};

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show when an instance is backed up, and how long its sets are kept
    #[command(after_help = "Example:\n  backstop policy show orders --output json")]
    Show {
        /// The instance
        id: InstanceId,
    },
    /// Change the policy of an instance; what is not given stays as it is
    ///
    /// The options are the parameters of the operation ModifyBackupPolicy. Its lists, AdvancedDataPolicies and
    /// AdvancedLogPolicies, are sent with `backstop api`.
    #[command(after_help = "\
Example:
  backstop policy set orders --PreferredBackupTime 02:00Z-03:00Z --PreferredBackupPeriod Monday,Thursday \\
      --BackupRetentionPeriod 14")]
    Set(SetPolicy),
}

/// An instance and what its policy is to say, by the API's names.
#[derive(Debug, Clone)]
pub(crate) struct SetPolicy {
    pub(crate) id: InstanceId,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// The parameters that are options, in the operation's order.
fn options() -> impl Iterator<Item = &'static ParameterSpec> {
    let action = find_action("ModifyBackupPolicy").expect("the registry has the operation");
    action.parameters.iter().filter(|parameter| {
        let is_list = matches!(parameter.kind, ParameterKind::NumberedObjects { .. });
        parameter.name != "DBInstanceId" && !parameter.hidden && !is_list
    })
}

fn option(parameter: &'static ParameterSpec) -> Arg {
    let parser: ValueParser = if let ParameterKind::Choice { values, aliases } = parameter.kind {
        let alias = |value: &str| {
            let aliases = aliases.iter().filter(move |(_, of)| *of == value).map(|(alias, _)| *alias);
            aliases.collect::<Vec<_>>()
        };
        let possible = values.iter().map(|value| PossibleValue::new(*value).aliases(alias(value)));
        PossibleValuesParser::new(possible.collect::<Vec<_>>()).into()
    } else {
        ValueParser::string()
    };
    let help = match parameter.without_effect {
        None => parameter.doc.to_owned(),
        Some(why) => format!("{} Without effect here: {why}", parameter.doc),
    };
    let value_name = if parameter.example.is_empty() { "VALUE" } else { parameter.example };
    Arg::new(parameter.name)
        .long(parameter.name)
        .value_name(value_name)
        .value_parser(parser)
        .allow_hyphen_values(true)
        .help(help)
}

impl Args for SetPolicy {
    fn augment_args(command: Command) -> Command {
        let id =
            Arg::new("ID").required(true).value_parser(clap::value_parser!(InstanceId)).help("The instance");
        command.arg(id).args(options().map(option))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SetPolicy {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingRequiredArgument);
        let id = matches.get_one::<InstanceId>("ID").cloned().ok_or_else(missing)?;
        let given = |parameter: &ParameterSpec| {
            let value = matches.get_one::<String>(parameter.name)?;
            Some((parameter.name, value.clone()))
        };
        Ok(Self { id, parameters: options().filter_map(given).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
