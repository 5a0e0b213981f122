//! `backstop policy`: showing and changing backup policies.

use serde_json::Value;

use crate::client::Client;
use crate::command_line::{Everywhere, PolicyCommand, SetPolicy};
use crate::failure::{Outcome, WrongUse};
use crate::output;

/// What the API wants to be sent together.
const TOGETHER: [&str; 3] = ["PreferredBackupTime", "PreferredBackupPeriod", "BackupRetentionPeriod"];

pub(super) fn run(everywhere: &Everywhere, command: &PolicyCommand) -> anyhow::Result<Outcome> {
    let client = Client::new(everywhere)?;
    let answer = match command {
        PolicyCommand::Show { id } => show(&client, id.as_str())?,
        PolicyCommand::Set(set) => {
            change(&client, set)?;
            show(&client, set.id.as_str())?
        }
    };
    output::object(everywhere.output, &answer)?;
    Ok(Outcome::Done)
}

fn show(client: &Client, id: &str) -> anyhow::Result<Value> {
    Ok(client.call("DescribeBackupPolicy", &[("DBInstanceId", id)])?)
}

/// Sends what is given, and of what must be sent together the present values for the rest.
fn change(client: &Client, SetPolicy { id, parameters }: &SetPolicy) -> anyhow::Result<()> {
    if parameters.is_empty() {
        return Err(
            WrongUse("no parameter is given; `backstop policy set --help` lists them".to_owned()).into()
        );
    }
    let given =
        |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let mut sent: Vec<(&str, String)> = vec![("DBInstanceId", id.to_string())];
    sent.extend(parameters.iter().cloned());
    let of_data = given("BackupPolicyMode") == Some("DataBackupPolicy");
    if of_data || TOGETHER.iter().any(|name| given(name).is_some()) {
        let present = show(client, id.as_str())?;
        for name in TOGETHER.iter().filter(|name| given(name).is_none()) {
            sent.push((name, plain(&present[*name])));
        }
    }
    let borrowed: Vec<_> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.call("ModifyBackupPolicy", &borrowed)?;
    Ok(())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
