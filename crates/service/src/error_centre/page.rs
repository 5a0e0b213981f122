//! The error centre's page.

use maud::{DOCTYPE, Markup, html};
use rpc::{ErrorCode, Retry, render_seconds};

use super::RefusedRequest;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;\
    overflow-wrap:anywhere}code{font-size:.95em}dt{font-weight:600;margin-top:.75rem}dd{margin:0}\
    form{display:grid;gap:.5rem;margin-top:2rem;max-width:26rem}label{font-weight:600}\
    input,button{font:inherit;padding:.25rem .5rem;width:100%;box-sizing:border-box}button{width:auto;justify-self:start}@media(prefers-color-scheme:dark){body{background:#16181c;color:#e4e6ea}a{color:#8ab4f8}}";

/// The page about a code and a request, either of which may be missing.
pub(super) fn render(
    code: Option<&str>,
    row: Option<ErrorCode>,
    request: Option<&str>,
    refused: Option<&RefusedRequest>,
) -> String {
    let title = code.unwrap_or("Error codes");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Backstop" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                @if let Some(request) = request { (request_part(request, refused)) }
                @if let Some(row) = row { (row_part(row)) }
                @if code.is_some() && row.is_none() {
                    p { "This service has no such code. All codes stand below." }
                }
                form method="get" {
                    label for="q" { "Code" }
                    input id="q" name="q" value=(code.unwrap_or_default());
                    label for="requestId" { "RequestId" }
                    input id="requestId" name="requestId" value=(request.unwrap_or_default());
                    button { "Look up" }
                }
                @if row.is_none() { (list_part()) }
            }
        }
    };
    page.into_string()
}

fn request_part(request: &str, refused: Option<&RefusedRequest>) -> Markup {
    html! {
        h2 { "Request " code { (request) } }
        @match refused {
            Some(RefusedRequest { at, action, row, message }) => dl {
                dt { "When" } dd { (render_seconds(*at)) }
                @if !action.is_empty() { dt { "Operation" } dd { code { (action) } } }
                dt { "Answer" } dd { "HTTP " (row.map_or(200, |row| row.spec().status)) ", " code { (message) } }
            },
            None => p {
                "It is not among the requests that were refused, or that changed something. An administrator finds those whose \
                 sender was not known in the log of the service, and all others with "
                code { "backstop audit list" } "."
            },
        }
    }
}

fn row_part(row: ErrorCode) -> Markup {
    let spec = row.spec();
    let again = match spec.retry {
        Retry::Never => "The same request will be refused again.",
        Retry::Later => "The same request can succeed later.",
        Retry::AfterOperator => "The same request can succeed after that.",
    };
    html! {
        dl {
            dt { "Meaning" } dd { "HTTP " (spec.status) ": " code { (spec.message) } }
            dt { "Cause" } dd { (prose(spec.cause)) }
            dt { "What to do" } dd { (prose(spec.remedy)) " " (again) }
        }
    }
}

/// Text in which backquotes stand around code.
fn prose(text: &str) -> Markup {
    html! {
        @for (position, part) in text.split('`').enumerate() {
            @if position % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn list_part() -> Markup {
    html! {
        h2 { "All codes" }
        dl {
            @for row in ErrorCode::ALL {
                dt { a href={ "?q=" (row.spec().code) } { code { (row.spec().code) } } }
                dd { (prose(row.spec().cause)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_meaning_cause_and_remedy() {
        let page = render(Some("MissingDBInstanceId"), Some(ErrorCode::MissingParam), None, None);
        let spec = ErrorCode::MissingParam.spec();
        assert!(page.contains(spec.cause) && page.contains(spec.remedy), "{page}");
        assert_eq!(prose("run `a <b>` again").into_string(), "run <code>a &lt;b&gt;</code> again");
    }

    #[test]
    fn what_is_asked_for_comes_back_as_text_only() {
        let page = render(Some("<script>"), None, Some("\"><img src=x>"), None);
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    }

    #[test]
    fn without_a_code_all_are_listed() {
        let page = render(None, None, None, None);
        for row in ErrorCode::ALL {
            assert!(page.contains(&format!("<code>{}</code>", row.spec().code)), "{}", row.spec().code);
        }
    }
}
