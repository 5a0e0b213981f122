//! ListAccessKeys, an extension.

use crate::{
    ActionSpec, Effect, Example, FieldSpec, Role,
    parameter_spec::{PAGE_NUMBER, PAGE_SIZE},
    shape::{list, number, object, text, text_list},
};

pub(super) static SPEC: ActionSpec = ActionSpec {
    name: "ListAccessKeys",
    doc: "Lists the access keys by id, without their secrets. The caller's own key must be for all instances.",
    role: Role::Administrator,
    effect: Effect::Reads,
    extension: true,
    parameters: &[PAGE_NUMBER, PAGE_SIZE],
    response: &[
        object("Items", ITEMS, "The list."),
        number("PageNumber", "The page answered."),
        number("PageRecordCount", "Rows on this page."),
        number("TotalRecordCount", "Rows over all pages."),
    ],
    never_sent: &[],
    errors: &[],
    example: Example {
        parameters: &[],
        response: r#"{"Items":{"AccessKey":[{"AccessKeyId":"BSAKexampleexample","CreateTime":"2026-11-24T08:00:00Z",
            "KeyType":"Permanent","Role":"administrator","Status":"Active"}]},"PageNumber":1,"PageRecordCount":1,
            "TotalRecordCount":1}"#,
    },
};

const ITEMS: &[FieldSpec] = &[list(
    "AccessKey",
    &[
        text("AccessKeyId", "The key's id."),
        text("CreateTime", "When it was made, UTC, with seconds."),
        text("Expiration", "When it expires, UTC, with seconds; absent for a key that does not."),
        text("KeyType", "Permanent, Temporary or Bearer."),
        text("Role", "What it may do: reader, operator or administrator."),
        text("Status", "Active, Inactive (disabled) or Expired."),
        text_list("DBInstanceIds", "The instances that it is for; absent for all."),
    ],
    "The keys.",
)];
