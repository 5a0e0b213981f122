//! `backstop doctor`: looks at everything a backup rests on, and tells how to mend what is wrong.

use std::sync::Arc;

use serde_json::{Value, json};
use service::{BuiltInEngines, Diagnosis, Severity, SystemClock, diagnose, error_chain};

use crate::client::{CallError, Client};
use crate::command_line::{Doctor, Everywhere, OutputFormat};
use crate::failure::Outcome;
use crate::{home, output};

pub(super) fn run(everywhere: &Everywhere, arguments: &Doctor) -> anyhow::Result<Outcome> {
    let Doctor {} = arguments;
    let directory = home::directory(everywhere)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let looking = diagnose(&directory, home::variable, Arc::new(BuiltInEngines), SystemClock::shared());
    let mut found = runtime.block_on(looking);
    found.push(ask_service(everywhere));
    match everywhere.output {
        OutputFormat::Json => {
            let rows: Vec<Value> = found.iter().map(object).collect();
            output::json(&json!({"Items": {"Diagnosis": rows}}))?;
        }
        OutputFormat::Table => output::text(&found.iter().map(text).collect::<String>())?,
    }
    let mend = found.iter().any(|diagnosis| diagnosis.severity == Severity::Problem);
    Ok(if mend { Outcome::Failed } else { Outcome::Done })
}

fn object(diagnosis: &Diagnosis) -> Value {
    let Diagnosis { subject, severity, finding, remedy } = diagnosis;
    json!({"Subject": subject, "State": word(*severity), "Found": finding, "Remedy": remedy})
}

/// A line for what was found, and one for what to do: both are sentences, too long for columns.
fn text(diagnosis: &Diagnosis) -> String {
    let Diagnosis { subject, severity, finding, remedy } = diagnosis;
    let found = format!("{:8} {}\n", word(*severity), output::printable(&format!("{subject}: {finding}")));
    if remedy.is_empty() { found } else { format!("{found}{:8} to do: {}\n", "", output::printable(remedy)) }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Warning => "warning",
        Severity::Problem => "problem",
    }
}

/// The service as its clients meet it: it answers, and it takes the access key.
fn ask_service(everywhere: &Everywhere) -> Diagnosis {
    let problem = |finding: String, remedy: &str| Diagnosis {
        subject: "service".to_owned(),
        severity: Severity::Problem,
        finding,
        remedy: remedy.to_owned(),
    };
    let client = match Client::new(everywhere) {
        Ok(client) => client,
        Err(error) => {
            let remedy = "run `backstop init`, or set BACKSTOP_ACCESS_KEY_ID and BACKSTOP_ACCESS_KEY_SECRET";
            return problem(error_chain(error.as_ref()), remedy);
        }
    };
    match client.call("DescribeRegions", &[]) {
        Ok(_) => Diagnosis {
            subject: "service".to_owned(),
            severity: Severity::Good,
            finding: format!("{} answers", client.endpoint()),
            remedy: String::new(),
        },
        Err(error) => problem(error_chain(&error), remedy(&error)),
    }
}

fn remedy(error: &CallError) -> &'static str {
    match error {
        CallError::Unreachable { .. } => {
            "start it with `backstop serve`, or set BACKSTOP_ENDPOINT to where it runs"
        }
        CallError::Refused { code, .. } if code.starts_with("InvalidTimeStamp") => {
            "set the clock of this machine, or that of the service, right"
        }
        CallError::Refused { .. } => "use an access key that this service knows",
        CallError::Foreign { .. } => "set BACKSTOP_ENDPOINT to where `backstop serve` runs",
    }
}
