//! The page of error codes, from the error table.

use std::fmt::Write;

use rpc::{ErrorCode, Retry};

pub(super) fn render() -> String {
    let mut page = "# Error codes\n\n<!-- Generated from crates/rpc by `make generate`. -->\n\n\
                    Every code that the API answers. A code is never reused or renamed. `{Param}` in a code or message \
                    stands for a parameter's name, so that one entry describes a family such as `MissingDBInstanceId`. \
                    The `RequestId` of an answer finds the cause in the service's log.\n"
        .to_owned();
    for code in ErrorCode::ALL {
        let spec = code.spec();
        let retry = match spec.retry {
            Retry::Never => "The same request will be refused again.",
            Retry::Later => "The same request can succeed later.",
            Retry::AfterOperator => "The same request can succeed after that.",
        };
        // Writing into a String cannot fail.
        let _ = write!(
            page,
            "\n### {}\n\nHTTP {}: `{}`\n\n{} **What to do:** {} {retry}\n",
            spec.code, spec.status, spec.message, spec.cause, spec.remedy
        );
    }
    page
}
