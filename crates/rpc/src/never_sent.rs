//! Fields of the API that no answer here ever has, and why.

/// Fields that the API knows and this service leaves out, for one reason.
///
/// A field that holds others stands for them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeverSent {
    /// The path of what they belong to, such as `Items.DBInstance[]`; empty for the answer itself.
    pub within: &'static str,
    /// Their names.
    pub fields: &'static [&'static str],
    /// Why, as a sentence.
    pub why: &'static str,
}

pub(crate) const fn never(
    within: &'static str,
    fields: &'static [&'static str],
    why: &'static str,
) -> NeverSent {
    NeverSent { within, fields, why }
}

/// The server is the user's own.
pub(crate) const HARDWARE: &str =
    "A property of a cloud's machines, disks or host groups; the server here is one's own.";
/// Networks of the cloud.
pub(crate) const NETWORK: &str = "A property of a cloud's network or of its access lists.";
/// Contracts of the cloud.
pub(crate) const BILLING: &str = "A property of a cloud's contract or account; there is none here.";
/// Instances that belong to others.
pub(crate) const RELATED: &str =
    "Replicas and further nodes are not known as such: each server is an instance of its own.";
/// Abilities of the cloud's builds.
pub(crate) const FEATURE: &str = "A feature of the cloud's own builds and services.";
/// Other engines' notions.
pub(crate) const OTHER_ENGINE: &str = "A property of SQL Server or MySQL only.";
/// What would be a guess.
pub(crate) const UNKNOWN: &str = "Nobody told the service, and it does not guess.";
/// Refused operations.
pub(crate) const REFUSED: &str = "The operation is refused.";
/// Log files.
pub(crate) const NO_LOG_FILES: &str = "Log files are not archived yet, so none is listed.";
/// Copies in other regions.
pub(crate) const NO_COPIES: &str = "Sets are not copied to another region yet, so none is listed.";
