//! Query and form merged into one sorted list, each name once.
//!
//! A doubled name is refused: whichever value were taken, the other could be one that nobody signed.

use std::{borrow::Cow, fmt};

use crate::{
    ApiError, BODY_BYTES_MAX, ErrorCode, HEADER_COUNT_MAX, HEADER_VALUE_BYTES_MAX, Request, TARGET_BYTES_MAX,
    percent,
};

/// Most parameters of one call. The longest lists of the API are 20 tags and 100 ids; each tag is two.
pub const PARAMETER_COUNT_MAX: usize = 512;

/// Longest name, after decoding. `AdvancedDataPolicies.1.OnlyPreserveOneEachDay` has 46 bytes.
pub const PARAMETER_NAME_BYTES_MAX: usize = 128;

/// Longest value, after decoding. A bundle of certificate authorities, as Debian ships it, has 220 KiB.
pub const PARAMETER_VALUE_BYTES_MAX: usize = 256 * 1024;

/// Where a parameter was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// After the `?` of the target.
    Query,
    /// In a form body.
    Form,
}

/// One decoded parameter.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter<'r> {
    /// The name, case-sensitive.
    pub name: Cow<'r, str>,
    /// The value, perhaps empty.
    pub value: Cow<'r, str>,
    /// Where it was sent.
    pub place: Place,
}

/// The parameters of a call, sorted by name in byte order, each name once.
pub(crate) struct Parameters<'r>(Vec<Parameter<'r>>);

impl<'r> Parameters<'r> {
    /// Reads query and form.
    ///
    /// # Errors
    /// A limit of this module or of the server is passed → `RequestTooLarge`; a name occurs twice, or name or
    /// value is not UTF-8 → `InvalidParameter`.
    pub(crate) fn read(request: &Request<'r>) -> Result<Self, ApiError> {
        check_sizes(request)?;
        let (_, query) = request.path_and_query();
        let mut parameters = Vec::with_capacity(24);
        read_pairs(query, Place::Query, &mut parameters)?;
        if let Some(form) = request.form() {
            read_pairs(form, Place::Form, &mut parameters)?;
        }
        parameters.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let doubled = parameters.windows(2).find_map(|pair| match pair {
            [first, second] if first.name == second.name => Some(&first.name),
            _ => None,
        });
        match doubled {
            Some(name) => {
                Err(ApiError::because(ErrorCode::InvalidParameter, format_args!("{name} occurs twice")))
            }
            None => Ok(Self(parameters)),
        }
    }

    /// The value of a name; `Some("")` when it was sent empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let position = self.0.binary_search_by(|parameter| parameter.name.as_ref().cmp(name)).ok()?;
        self.0.get(position).map(|parameter| parameter.value.as_ref())
    }

    /// The value of a name, `None` also when it is empty.
    pub(crate) fn get_filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Parameter<'r>> {
        self.0.iter()
    }
}

impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be a secret.
        f.debug_struct("Parameter")
            .field("name", &self.name)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// The value of the first parameter of that name, for a request that may not be well formed.
///
/// Only for choosing the format of an answer, where a wrong guess harms nobody.
pub(crate) fn scan_for<'r>(request: &Request<'r>, name: &str) -> Option<Cow<'r, str>> {
    let (_, query) = request.path_and_query();
    let within = |pairs: &'r [u8]| -> Option<Cow<'r, str>> {
        let bounded = pairs.get(..pairs.len().min(TARGET_BYTES_MAX))?;
        bounded.split(|byte| *byte == b'&').take(PARAMETER_COUNT_MAX).find_map(|pair| {
            let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            percent::decode_form(value)
        })
    };
    within(query).or_else(|| within(request.form()?))
}

fn check_sizes(request: &Request<'_>) -> Result<(), ApiError> {
    let too_large = |what: &str, max: usize| {
        Err(ApiError::because(ErrorCode::RequestTooLarge, format_args!("{what} is over {max} bytes")))
    };
    if request.target.len() > TARGET_BYTES_MAX {
        return too_large("the request target", TARGET_BYTES_MAX);
    }
    if request.body.len() > BODY_BYTES_MAX {
        return too_large("the body", BODY_BYTES_MAX);
    }
    if request.headers.len() > HEADER_COUNT_MAX {
        let reason = format_args!("more than {HEADER_COUNT_MAX} headers");
        return Err(ApiError::because(ErrorCode::RequestTooLarge, reason));
    }
    if request.headers.iter().any(|(_, value)| value.len() > HEADER_VALUE_BYTES_MAX) {
        return too_large("a header", HEADER_VALUE_BYTES_MAX);
    }
    Ok(())
}

fn read_pairs<'r>(encoded: &'r [u8], place: Place, out: &mut Vec<Parameter<'r>>) -> Result<(), ApiError> {
    for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if out.len() == PARAMETER_COUNT_MAX {
            let reason = format_args!("more than {PARAMETER_COUNT_MAX} parameters");
            return Err(ApiError::because(ErrorCode::RequestTooLarge, reason));
        }
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => pair.split_at(equals),
            None => (pair, &b""[..]),
        };
        let value = value.strip_prefix(b"=").unwrap_or(value);
        let name = percent::decode_form(name).ok_or_else(|| not_utf8("a parameter's name"))?;
        if name.len() > PARAMETER_NAME_BYTES_MAX {
            let reason = format_args!("a parameter's name is over {PARAMETER_NAME_BYTES_MAX} bytes");
            return Err(ApiError::because(ErrorCode::RequestTooLarge, reason));
        }
        let value = percent::decode_form(value).ok_or_else(|| not_utf8(&name))?;
        if value.len() > PARAMETER_VALUE_BYTES_MAX {
            let reason = format_args!("{name} is over {PARAMETER_VALUE_BYTES_MAX} bytes");
            return Err(ApiError::because(ErrorCode::RequestTooLarge, reason));
        }
        out.push(Parameter { name, value, place });
    }
    Ok(())
}

fn not_utf8(what: &str) -> ApiError {
    ApiError::because(ErrorCode::InvalidParameter, format_args!("{what} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: (&str, &[u8]) = ("content-type", b"application/x-www-form-urlencoded");

    #[track_caller]
    fn check(target: &str, body: &str, expect: Result<&[(&str, &str)], &str>) {
        let request =
            Request { method: "POST", target: target.as_bytes(), headers: vec![FORM], body: body.as_bytes() };
        let read = Parameters::read(&request);
        let pairs = read.as_ref().map(|parameters| {
            parameters.iter().map(|parameter| (&*parameter.name, &*parameter.value)).collect::<Vec<_>>()
        });
        let pairs = pairs.as_ref().map(Vec::as_slice).map_err(|error| error.message());
        assert_eq!(pairs, expect);
    }

    #[test]
    fn query_and_form_become_one_sorted_list() {
        check(
            "/?b=2&a=x+y",
            "c=&%61b=%C3%A9&d",
            Ok(&[("a", "x y"), ("ab", "é"), ("b", "2"), ("c", ""), ("d", "")]),
        );
        check("/?&&=1", "", Ok(&[("", "1")]));
    }

    #[test]
    fn a_doubled_name_is_refused_wherever_it_stands() {
        let refusal = Err("The specified parameter is not valid: a occurs twice.");
        check("/?a=1&a=1", "", refusal);
        check("/?a=1", "a=2", refusal);
        check("/?a=1&%61=2", "", refusal);
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused() {
        check("/?a=%ff", "", Err("The specified parameter is not valid: a is not UTF-8."));
        check("/?%ff=a", "", Err("The specified parameter is not valid: a parameter's name is not UTF-8."));
    }

    #[test]
    fn limits_hold() {
        let many: Vec<_> = (0..=PARAMETER_COUNT_MAX).map(|number| format!("p{number}=")).collect();
        let many = many.join("&");
        check("/", &many, Err("The request is larger than this service accepts: more than 512 parameters."));
        let long_name = "n".repeat(PARAMETER_NAME_BYTES_MAX + 1);
        check(
            &format!("/?{long_name}=1"),
            "",
            Err("The request is larger than this service accepts: a parameter's name is over 128 bytes."),
        );
        let long_value = "v".repeat(PARAMETER_VALUE_BYTES_MAX + 1);
        check(
            "/",
            &format!("a={long_value}"),
            Err("The request is larger than this service accepts: a is over 262144 bytes."),
        );
        check(
            &format!("/?{}", "q".repeat(TARGET_BYTES_MAX)),
            "",
            Err("The request is larger than this service accepts: the request target is over 65536 bytes."),
        );
        check(
            "/",
            &"b".repeat(BODY_BYTES_MAX + 1),
            Err("The request is larger than this service accepts: the body is over 1048576 bytes."),
        );
    }
}
