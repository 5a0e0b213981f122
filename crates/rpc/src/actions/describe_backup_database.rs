//! DescribeBackupDatabase.

use crate::{
    ActionSpec, Effect, ErrorCode, Example, Role,
    parameter_spec::{DB_INSTANCE_ID, ID, optional},
    shape::text,
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "DescribeBackupDatabase",
    doc: "Names the databases in a backup set; DescribeMetaList tells more of them.",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        DB_INSTANCE_ID,
        optional("BackupId", ID, "The set; without it, the newest one that can be restored.", "90262212"),
    ],
    response: &[text("DatabaseNames", "The names, comma-separated, in alphabetical order.")],
    never_sent: &[],
    errors: &[ErrorCode::InvalidDBInstanceIdNotFound, ErrorCode::InvalidBackupSetIdNotFound],
    example: Example {
        parameters: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx"), ("BackupId", "90262212")],
        response: r#"{"DatabaseNames":"db1,db2"}"#,
    },
};
