//! What is known of one operation. Validation, both renderings, authorization, documentation, forms and
//! sample code read this and nothing else.

use serde_json::Value;

use crate::{ErrorCode, FieldSpec, NeverSent, ParameterSpec, ShapeMismatch, shape};

/// One operation.
#[derive(Debug)]
pub struct ActionSpec {
    /// The name on the wire.
    pub name: &'static str,
    /// What it does, for its users.
    pub doc: &'static str,
    /// The role that an access key needs at least.
    pub role: Role,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Whether it is an operation of ours that the RDS API does not have.
    pub extension: bool,
    /// The parameters in the order in which they are checked.
    pub parameters: &'static [ParameterSpec],
    /// The fields of the answer, without `RequestId`, which every answer ends with.
    pub response: &'static [FieldSpec],
    /// The fields that the API has and this service never sends, and why.
    pub never_sent: &'static [NeverSent],
    /// The errors of its own, beside those of the gateway and of its parameters.
    pub errors: &'static [ErrorCode],
    /// A call and its answer.
    pub example: Example,
}

/// What an access key may do; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees.
    Reader,
    /// Also starts, cancels and deletes backups.
    Operator,
    /// Also registers and deregisters instances, and whatever else there is.
    Administrator,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Role; 3] = [Self::Reader, Self::Operator, Self::Administrator];

    /// The word for it in configuration, commands and the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// The role of a word; `None` for any other.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It changes something, so it is audited, and its nonce is remembered with the change.
    Changes,
}

/// A call and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The parameters.
    pub parameters: &'static [(&'static str, &'static str)],
    /// The answer as JSON, without `RequestId`.
    pub response: &'static str,
}

impl ActionSpec {
    /// The parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&'static ParameterSpec> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Checks that an answer is what the operation says that it answers.
    ///
    /// # Errors
    /// The first field that is not in the shape or not of its type.
    pub fn check_response(&self, response: &Value) -> Result<(), ShapeMismatch> {
        shape::check_fields(self.response, response, "")
    }
}
