use clap::{Args, Subcommand};
use repository::InstanceId;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    List(ListAudit),
}

/// Show what was changed and what was refused, newest first
///
/// With `--json-lines` each record is one JSON object in one line, written as it comes, for whatever collects logs. It
/// takes an administrator's key.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  backstop audit list --since 2026-11-24T00:00Z
  backstop audit list --request-id 1E43AAE0-BEE8-43DA-860D-EAF2AA0724DC --output json
  backstop audit list --json-lines > audit.jsonl")]
pub(crate) struct ListAudit {
    /// Only from this time on, UTC: yyyy-MM-ddTHH:mmZ, or with seconds
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// Only the call with this RequestId, as an error shows it
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Only the call that was refused with this EncodedDiagnosticMessage
    #[arg(long, value_name = "MESSAGE")]
    pub(crate) diagnostic_message: Option<String>,
    /// Only calls with this access key
    #[arg(long, value_name = "ID")]
    pub(crate) access_key: Option<String>,
    /// Only calls about this instance
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<InstanceId>,
    /// The newest so many records. Default: all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Write one JSON object a line
    #[arg(long)]
    pub(crate) json_lines: bool,
}
