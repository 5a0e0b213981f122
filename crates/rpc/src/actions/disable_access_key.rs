//! DisableAccessKey, an extension.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    parameter_spec::{TEXT, required},
    shape::text,
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DisableAccessKey",
    doc: "Disables an access key for ever: of whatever kind, it is refused at once by this node, and within seconds \
          by others. Links that were made for it go with it. The caller's own key must be for all instances.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: true,
    parameters: &[required("AccessKeyId", TEXT, "The key's id.", "BSAKexampleexample")],
    response: &[text("AccessKeyId", "The key's id.")],
    never_sent: &[],
    errors: &[ErrorCode::InvalidAccessKeyIdNotFound],
    example: Example {
        parameters: &[("AccessKeyId", "BSAKexampleexample")],
        response: r#"{"AccessKeyId":"BSAKexampleexample"}"#,
    },
};
