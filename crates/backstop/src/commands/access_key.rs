//! `backstop accesskey`: making, listing and disabling access keys.

use crate::client::{Client, rows};
use crate::command_line::{AccessKeyCommand, CreateAccessKey, Everywhere, OutputFormat};
use crate::failure::{Outcome, WrongUse};
use crate::output::{self, Column};

const COLUMNS: [Column; 7] = [
    Column::plain("KEY", "AccessKeyId"),
    Column::plain("TYPE", "KeyType"),
    Column::plain("ROLE", "Role"),
    Column::plain("STATUS", "Status"),
    Column::plain("CREATED", "CreateTime"),
    Column::plain("EXPIRES", "Expiration"),
    Column::plain("INSTANCES", "DBInstanceIds"),
];

pub(super) fn run(everywhere: &Everywhere, command: &AccessKeyCommand) -> anyhow::Result<Outcome> {
    let format = everywhere.output;
    match command {
        AccessKeyCommand::Create(create) => {
            let parameters = parameters(create)?;
            let borrowed: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let mut answer = Client::new(everywhere)?.call("CreateAccessKey", &borrowed)?;
            if format == OutputFormat::Table
                && let Some(fields) = answer.as_object_mut()
            {
                fields.remove("RequestId");
            }
            output::object(format, &answer)?;
            if format == OutputFormat::Table {
                output::text("\nThe secrets are shown only now.\n")?;
            }
        }
        AccessKeyCommand::List => {
            let answer = Client::new(everywhere)?.call_for_all("ListAccessKeys", &[], "AccessKey")?;
            output::rows(format, &answer, rows(&answer, "AccessKey"), &COLUMNS)?;
        }
        AccessKeyCommand::Disable { id } => {
            let answer = Client::new(everywhere)?.call("DisableAccessKey", &[("AccessKeyId", id)])?;
            match format {
                OutputFormat::Json => output::json(&answer)?,
                OutputFormat::Table => output::text(&format!("access key {id} is disabled\n"))?,
            }
        }
    }
    Ok(Outcome::Done)
}

fn parameters(create: &CreateAccessKey) -> Result<Vec<(&'static str, String)>, WrongUse> {
    let CreateAccessKey { role, instances, temporary, bearer, duration } = create;
    let key_type = match (temporary, bearer) {
        (true, _) => "Temporary",
        (false, true) => "Bearer",
        (false, false) if duration.is_some() => {
            return Err(WrongUse("--duration needs --temporary or --bearer".to_owned()));
        }
        (false, false) => "Permanent",
    };
    let mut parameters = vec![("Role", role.as_str().to_owned()), ("KeyType", key_type.to_owned())];
    if !instances.is_empty() {
        let ids: Vec<&str> = instances.iter().map(repository::InstanceId::as_str).collect();
        parameters.push(("DBInstanceIds", ids.join(",")));
    }
    if let Some(seconds) = duration {
        parameters.push(("DurationSeconds", seconds.to_string()));
    }
    Ok(parameters)
}
