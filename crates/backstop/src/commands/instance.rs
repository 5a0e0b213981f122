//! `backstop instance`: registering, listing, showing, deregistering.

use std::path::Path;

use anyhow::bail;
use serde_json::Value;

use crate::client::{Client, rows};
use crate::command_line::{Everywhere, InstanceCommand, OutputFormat, RegisterInstance};
use crate::failure::Outcome;
use crate::output::{self, Column};
use crate::secret_file;

/// Largest file of certificates that the API takes.
const CERTIFICATES_BYTES_MAX: u64 = 256 * 1024;

const COLUMNS: [Column; 6] = [
    Column::plain("INSTANCE", "DBInstanceId"),
    Column::plain("STATUS", "DBInstanceStatus"),
    Column::plain("ENGINE", "Engine"),
    Column::plain("VERSION", "EngineVersion"),
    Column::plain("HOST", "ConnectionString"),
    Column::plain("REGISTERED", "CreateTime"),
];

pub(super) fn run(everywhere: &Everywhere, command: &InstanceCommand) -> anyhow::Result<Outcome> {
    let client = Client::new(everywhere)?;
    let format = everywhere.output;
    match command {
        InstanceCommand::Register(arguments) => register(&client, format, arguments)?,
        InstanceCommand::List => {
            let answer = list(&client)?;
            output::rows(format, &answer, rows(&answer, "DBInstance"), &COLUMNS)?;
        }
        InstanceCommand::Show { id } => {
            let answer = client.call("DescribeDBInstanceAttribute", &[("DBInstanceId", id.as_str())])?;
            let Some(instance) = rows(&answer, "DBInstanceAttribute").first() else {
                bail!("the service knows no instance {id}");
            };
            output::object(format, instance)?;
        }
        InstanceCommand::Deregister { id } => {
            let answer = client.call("DeregisterDBInstance", &[("DBInstanceId", id.as_str())])?;
            match format {
                OutputFormat::Json => output::json(&answer)?,
                OutputFormat::Table => {
                    output::text(&format!("deregistered {id}; its backup sets stay in the repository\n"))?;
                }
            }
        }
    }
    Ok(Outcome::Done)
}

/// Every registered instance, as one answer of DescribeDBInstances.
pub(super) fn list(client: &Client) -> anyhow::Result<Value> {
    Ok(client.call_for_all("DescribeDBInstances", &[], "DBInstance")?)
}

fn register(client: &Client, format: OutputFormat, arguments: &RegisterInstance) -> anyhow::Result<()> {
    let RegisterInstance { id, engine, host, port, user, password_file, sslmode, ca_file, data_dir } =
        arguments;
    let port = port.to_string();
    let password = password_file.as_deref().map(secret_file::read_password_file).transpose()?;
    let certificates =
        ca_file.as_deref().map(|path| secret_file::read(path, CERTIFICATES_BYTES_MAX)).transpose()?;
    let data_directory = data_dir.as_deref().map(absolute).transpose()?;
    let mut parameters = vec![
        ("DBInstanceId", id.as_str()),
        ("Engine", engine),
        ("Host", host),
        ("Port", &port),
        ("User", user),
    ];
    parameters.extend(password.as_deref().map(|password| ("Password", password)));
    parameters.extend(sslmode.as_deref().map(|mode| ("SslMode", mode)));
    parameters.extend(certificates.as_deref().map(|text| ("CaCertificate", text)));
    parameters.extend(data_directory.as_deref().map(|path| ("DataDirectory", path)));
    let answer = client.call("RegisterDBInstance", &parameters)?;
    match format {
        OutputFormat::Json => output::json(&answer)?,
        OutputFormat::Table => {
            output::text(&format!("registered {id}\n{}", policy_line(&answer)))?;
            let warnings = answer.pointer("/Warnings/Warning").and_then(Value::as_array);
            for warning in warnings.into_iter().flatten().filter_map(Value::as_str) {
                eprintln!("warning: {warning}");
            }
        }
    }
    Ok(())
}

/// When the new instance will be backed up.
fn policy_line(answer: &Value) -> String {
    let Some(policy) = answer.get("BackupPolicy") else { return String::new() };
    let text = |name: &str| policy.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| policy.get(name).and_then(Value::as_u64).unwrap_or_default();
    format!(
        "backed up {} at {}, next at {}; a full every {} days; automated sets are kept for {} days\n",
        text("PreferredBackupPeriod"),
        text("PreferredBackupTime"),
        text("PreferredNextBackupTime"),
        number("FullBackupIntervalDays"),
        number("BackupRetentionPeriod"),
    )
}

fn absolute(path: &Path) -> anyhow::Result<String> {
    match std::path::absolute(path)?.into_os_string().into_string() {
        Ok(path) => Ok(path),
        Err(path) => bail!("the data directory's path is not UTF-8: {}", path.display()),
    }
}
