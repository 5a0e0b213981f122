//! CreateAccessKey, an extension.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{choice, optional},
    shape::{text, text_list},
};

/// A year.
const DURATION_SECONDS_MAX: i64 = 31_536_000;

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "CreateAccessKey",
    doc: "Makes an access key and answers its secrets, this once: the service keeps them sealed, or only a hash. \
          The caller's own key must be for all instances.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: true,
    parameters: &[
        optional(
            "Role",
            choice(&["reader", "operator", "administrator"]),
            "What the key may do: look (reader), also back up and restore (operator), or everything \
             (administrator).",
            "operator",
        )
        .default_to("operator"),
        optional(
            "DBInstanceIds",
            ParameterKind::Text { characters_max: 6500 },
            "The instances that the key is for, comma-separated, at most 100. Without it, all, also later ones.",
            "rm-uf6wjk5xxxxxxx",
        ),
        optional(
            "KeyType",
            choice(&["Permanent", "Temporary", "Bearer"]),
            "How the key proves who calls. Permanent: by a signature. Temporary: by a signature and a security token \
             that comes with every call, until it expires. Bearer: by a token alone.",
            "Temporary",
        )
        .default_to("Permanent"),
        optional(
            "DurationSeconds",
            ParameterKind::Integer { min: 1, max: DURATION_SECONDS_MAX, also: &[] },
            "After how many seconds a temporary or bearer key expires. Default: a temporary key after an hour, a \
             bearer key never.",
            "3600",
        ),
    ],
    response: &[
        text("AccessKeyId", "The key's id."),
        text("AccessKeySecret", "The secret that signs; absent for a bearer key."),
        text("BearerToken", "The token of a bearer key."),
        text("Expiration", "When it expires, UTC, with seconds; absent for a key that does not."),
        text("KeyType", "Permanent, Temporary or Bearer."),
        text("Role", "What it may do."),
        text("SecurityToken", "The token that comes with every call of a temporary key."),
        text_list("DBInstanceIds", "The instances that it is for; absent for all."),
    ],
    never_sent: &[],
    errors: &[ErrorCode::InvalidParameterCombination],
    example: Example {
        parameters: &[("Role", "reader")],
        response: r#"{"AccessKeyId":"BSAKexampleexample","AccessKeySecret":"examplesecret","KeyType":"Permanent",
            "Role":"reader"}"#,
    },
};
