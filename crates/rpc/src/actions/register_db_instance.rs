//! RegisterDBInstance, an extension: makes a server known to the service.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, ParameterKind, Role,
    parameter_spec::{choice, optional, required},
    shape::text,
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "RegisterDBInstance",
    doc: "Registers a database server under an id, so that it can be backed up. The service connects to it \
          first and refuses what it cannot use. Registering the same settings again succeeds; other \
          settings under a taken id are refused. Send Password in the form body, where no proxy logs it.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: true,
    parameters: &[
        required(
            "DBInstanceId",
            ParameterKind::NewInstanceId,
            "The id to register: 2 to 64 lower-case letters, digits and hyphens.",
            "orders",
        ),
        required(
            "Engine",
            ParameterKind::Choice {
                values: &["PostgreSQL", "MariaDB", "MySQL"],
                // As the command line spells them.
                aliases: &[("postgresql", "PostgreSQL"), ("mariadb", "MariaDB"), ("mysql", "MySQL")],
            },
            "The kind of database.",
            "PostgreSQL",
        ),
        required(
            "Host",
            ParameterKind::Text { characters_max: 255 },
            "The host's name or address, or the absolute path of the directory of the server's socket.",
            "10.0.0.5",
        ),
        required(
            "Port",
            ParameterKind::Integer { min: 1, max: 65_535, also: &[] },
            "The port; for a socket directory, the number in the socket's name.",
            "5432",
        ),
        required(
            "User",
            ParameterKind::Text { characters_max: 128 },
            "The role that backs it up.",
            "backstop",
        ),
        optional(
            "Password",
            ParameterKind::Text { characters_max: 1024 },
            "The role's password; without it, the server must let the role in otherwise (peer, \
             certificate, trust).",
            "",
        )
        .secret(),
        optional(
            "DataDirectory",
            // Linux's PATH_MAX.
            ParameterKind::Text { characters_max: 4096 },
            "The server's data directory on the worker's host, absolute. With it, files are read directly.",
            "/var/lib/postgresql/15/main",
        ),
        optional(
            "SslMode",
            choice(&["disable", "prefer", "require", "verify-ca", "verify-full"]),
            "How the connection is secured, as PostgreSQL's sslmode.",
            "verify-full",
        )
        .default_to("prefer"),
        optional(
            "CaCertificate",
            // A distribution's whole bundle; the limit of every value.
            ParameterKind::Text { characters_max: 256 * 1024 },
            "The certificates in PEM that the server's certificate must come from, for verify-ca and \
             verify-full.",
            "",
        ),
        optional(
            "DBInstanceDescription",
            ParameterKind::Text { characters_max: 255 },
            "A display name.",
            "Orders, production",
        ),
    ],
    response: &[text("DBInstanceId", "The id registered.")],
    errors: &[
        ErrorCode::InvalidDBInstanceIdDuplicate,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::IncorrectDBInstanceEngine,
        ErrorCode::OperationDeniedDBInstanceUnreachable,
    ],
    example: Example {
        parameters: &[
            ("DBInstanceId", "orders"),
            ("Engine", "PostgreSQL"),
            ("Host", "10.0.0.5"),
            ("Port", "5432"),
            ("User", "backstop"),
            ("DataDirectory", "/var/lib/postgresql/15/main"),
            ("SslMode", "verify-full"),
        ],
        response: r#"{"DBInstanceId":"orders"}"#,
    },
};
