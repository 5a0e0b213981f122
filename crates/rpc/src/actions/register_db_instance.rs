//! RegisterDBInstance, an extension: makes a server known to the service.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, FieldSpec, ParameterKind, Role,
    parameter_spec::{choice, optional, required},
    shape::{number, object, text, text_list},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "RegisterDBInstance",
    doc: "Registers a database server under an id, so that it can be backed up. The service connects to it \
          first, and answers as Warnings what a backup would fail for now: the server may be down for a \
          while, or its files be another node's to read, so that it is registered all the same. Registering \
          the same settings again succeeds and checks again; other settings under a taken id are refused. \
          A new instance gets the default backup policy, which is answered: change it with ModifyBackupPolicy. \
          Send Password in the form body, where no proxy logs it.",
    role: Role::Administrator,
    effect: Effect::Changes,
    extension: true,
    parameters: &[
        required(
            "DBInstanceId",
            ParameterKind::NewInstanceId,
            "The id to register: 2 to 64 lower-case letters, digits and inner hyphens, and not `keys`.",
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
    response: &[
        text("DBInstanceId", "The id registered."),
        object("Warnings", WARNINGS, "What the check of the server found."),
        object("BackupPolicy", POLICY, "When the instance is backed up, and how long its sets are kept."),
    ],
    never_sent: &[],
    errors: &[
        ErrorCode::InvalidDBInstanceIdDuplicate,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::IncorrectDBInstanceEngine,
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
        response: r#"{"DBInstanceId":"orders","Warnings":{"Warning":["the server's files cannot be read"]},
            "BackupPolicy":{"PreferredBackupTime":"01:00Z-02:00Z","PreferredBackupPeriod":"Monday,Thursday",
            "PreferredNextBackupTime":"2026-11-26T01:12Z","BackupRetentionPeriod":7,"FullBackupIntervalDays":30}}"#,
    },
};

const WARNINGS: &[FieldSpec] = &[text_list(
    "Warning",
    "What a backup would fail for now, and what to do; empty when nothing was found.",
)];

const POLICY: &[FieldSpec] = &[
    text("PreferredBackupTime", "The hour in which backups start, UTC."),
    text("PreferredBackupPeriod", "The days of the week on which they start."),
    text("PreferredNextBackupTime", "When the next one is due, UTC, to the minute."),
    number("BackupRetentionPeriod", "Days for which automated sets are kept."),
    number("FullBackupIntervalDays", "Days after which an automated backup refers to no older set."),
];
