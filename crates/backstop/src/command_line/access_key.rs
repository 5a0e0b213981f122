use clap::{Args, Subcommand, ValueEnum};
use repository::InstanceId;

#[derive(Debug, Subcommand)]
pub(crate) enum AccessKeyCommand {
    Create(CreateAccessKey),
    /// List the access keys, without their secrets
    #[command(after_help = "Example:\n  backstop accesskey list")]
    List,
    /// Disable an access key for ever
    #[command(after_help = "Example:\n  backstop accesskey disable BSAK2w4qk7hmn3xy8fgt")]
    Disable {
        /// The key's id
        id: String,
    },
}

/// Make an access key; its secrets are printed this once
///
/// Programs on the RDS SDKs take AccessKeyId and AccessKeySecret, with SecurityToken beside for a temporary key, or
/// BearerToken alone. It takes an administrator's key to make one.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  backstop accesskey create --role reader --instances orders,stock --output json
  backstop accesskey create --temporary --duration 900
  backstop accesskey create --bearer")]
pub(crate) struct CreateAccessKey {
    /// What the key may do
    #[arg(long, value_enum, default_value_t = KeyRole::Operator, value_name = "ROLE")]
    pub(crate) role: KeyRole,
    /// The instances that it is for, comma-separated. Default: all
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(crate) instances: Vec<InstanceId>,
    /// A key that expires, and that needs its SecurityToken with every call
    #[arg(long, conflicts_with = "bearer")]
    pub(crate) temporary: bool,
    /// A token that needs no signature
    #[arg(long)]
    pub(crate) bearer: bool,
    /// After how many seconds a temporary or bearer key expires. Default: 3600 for a temporary key, never for a bearer key
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) duration: Option<u32>,
}

/// What a key may do; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyRole {
    /// Look
    Reader,
    /// Also start, cancel and delete backups, and restore
    Operator,
    /// Everything
    Administrator,
}

impl KeyRole {
    /// The API's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}
