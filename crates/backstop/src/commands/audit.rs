//! `backstop audit`: who changed what, and who was refused.

use serde_json::{Value, json};

use crate::client::{Client, take_rows};
use crate::command_line::{AuditCommand, Everywhere, ListAudit};
use crate::failure::Outcome;
use crate::output::{self, Column};

const COLUMNS: [Column; 8] = [
    Column::plain("TIME", "EventTime"),
    Column::plain("OPERATION", "Action"),
    Column::plain("INSTANCE", "DBInstanceId"),
    Column::plain("OUTCOME", "Outcome"),
    Column::plain("KEY", "AccessKeyId"),
    Column::plain("FROM", "SourceIpAddress"),
    Column::plain("REQUEST", "RequestId"),
    Column::plain("DETAILS", "Details"),
];

/// Records asked for at a time, the operation's most.
const PAGE_RECORDS: usize = 1000;

pub(super) fn run(everywhere: &Everywhere, command: &AuditCommand) -> anyhow::Result<Outcome> {
    let AuditCommand::List(list) = command;
    let client = Client::new(everywhere)?;
    if list.json_lines {
        each_page(&client, list, |records| {
            let lines: Vec<String> = records.iter().map(|record| format!("{record}\n")).collect();
            Ok(output::text(&lines.concat())?)
        })?;
        return Ok(Outcome::Done);
    }
    let mut all = Vec::new();
    each_page(&client, list, |records| {
        all.extend(records);
        Ok(())
    })?;
    let answer = json!({ "Items": { "AuditRecord": all } });
    output::rows(everywhere.output, &answer, crate::client::rows(&answer, "AuditRecord"), &COLUMNS)?;
    Ok(Outcome::Done)
}

/// Hands over the records, page by page.
fn each_page(
    client: &Client,
    list: &ListAudit,
    mut take: impl FnMut(Vec<Value>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let ListAudit { since, until, request_id, diagnostic_message, access_key, instance, limit, .. } = list;
    let filters = [
        ("StartTime", since.as_deref()),
        ("EndTime", until.as_deref()),
        ("RequestId", request_id.as_deref()),
        ("EncodedDiagnosticMessage", diagnostic_message.as_deref()),
        ("AccessKeyId", access_key.as_deref()),
        ("DBInstanceId", instance.as_ref().map(repository::InstanceId::as_str)),
    ];
    let filters: Vec<_> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let mut left = limit.map_or(usize::MAX, |limit| limit as usize);
    let mut token: Option<String> = None;
    loop {
        let asked = left.min(PAGE_RECORDS).to_string();
        let mut parameters = filters.clone();
        parameters.push(("MaxResults", &asked));
        parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
        let mut answer = client.call("DescribeAuditLog", &parameters)?;
        let records = take_rows(&mut answer, "AuditRecord");
        left = left.saturating_sub(records.len());
        take(records)?;
        token = answer["NextToken"].as_str().map(str::to_owned);
        if token.is_none() || left == 0 {
            return Ok(());
        }
    }
}
