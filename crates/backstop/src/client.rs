//! The API's client: signs a call (V3), sends it over HTTP/1.1, and reads the answer.
//!
//! Secrets and long values travel in the form body, never in the query, which proxies log. No call is sent
//! twice by itself: each has its own nonce, and whether to try again is the caller's to decide.

mod access_key;
mod endpoint;
mod trust;

use std::time::Duration;

use rpc::{SigningRequest, sign_v3};
use serde_json::Value;
use ureq::http::Request;

use crate::clock;
use crate::command_line::Everywhere;
use access_key::AccessKey;
use endpoint::Endpoint;

/// A service on this machine or network connects at once, or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest call is RegisterDBInstance, which waits for a database server.
const CALL_TIMEOUT: Duration = Duration::from_mins(2);

/// Largest answer: a page has at most 100 rows, so this is far above any.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Values longer than this go into the form: a proxy may refuse a longer query.
const QUERY_VALUE_BYTES_MAX: usize = 1024;

/// Rows asked for at a time, the API's largest page.
const PAGE_ROWS: usize = 100;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer came.
    #[error(
        "no answer from the service at {endpoint}; is `backstop serve` running there? BACKSTOP_ENDPOINT names another one"
    )]
    Unreachable {
        /// Where it was expected.
        endpoint: String,
        /// The cause.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The service answered with an error.
    #[error("{message} ({code}, request {request_id})")]
    Refused {
        /// The API's code.
        code: String,
        /// What it says.
        message: String,
        /// By which the service's log names the call.
        request_id: String,
    },
    /// Something else than the service answered.
    #[error("what answered at {endpoint} is not Backstop: HTTP status {status}, no JSON object")]
    Foreign {
        /// Where.
        endpoint: String,
        /// The HTTP status.
        status: u16,
    },
}

/// An answer as it was received.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A client of one service.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    endpoint: Endpoint,
    key: AccessKey,
}

impl Client {
    /// A client as the environment and the home say; connects to nothing yet.
    ///
    /// # Errors
    /// The environment contradicts itself → `WrongUse`; it names no access key, and there is no home with one.
    pub(crate) fn new(everywhere: &Everywhere) -> anyhow::Result<Self> {
        let endpoint = Endpoint::find(everywhere)?;
        let mut config = ureq::Agent::config_builder();
        if endpoint.is_https() {
            config = config.tls_config(trust::tls_config(everywhere)?);
        }
        let config = config
            // The service is one's own: a proxy that is set for the web must not see its calls.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(CALL_TIMEOUT))
            .user_agent(concat!("backstop/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.new_agent(), endpoint, key: AccessKey::find(everywhere)? })
    }

    /// Where it sends its calls.
    pub(crate) fn endpoint(&self) -> &str {
        self.endpoint.url()
    }

    /// Calls an operation and gives its answer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, CallError> {
        let received = self.send(action, parameters)?;
        let foreign = || CallError::Foreign { endpoint: self.endpoint().to_owned(), status: received.status };
        let answer: Value = serde_json::from_slice(&received.body).map_err(|_| foreign())?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        match (received.status, text("RequestId")) {
            (200, Some(_)) => Ok(answer),
            (_, Some(request_id)) => Err(CallError::Refused {
                code: text("Code").ok_or_else(foreign)?,
                message: text("Message").ok_or_else(foreign)?,
                request_id,
            }),
            (_, None) => Err(foreign()),
        }
    }

    /// Calls an operation that answers pages, until all rows of the list `list` are there; the answer is that of
    /// one large page.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) fn call_for_all(
        &self,
        action: &str,
        parameters: &[(&str, &str)],
        list: &str,
    ) -> Result<Value, CallError> {
        let mut rows: Vec<Value> = Vec::new();
        for page in 1.. {
            let (number, size) = (page.to_string(), PAGE_ROWS.to_string());
            let paging = [("PageNumber", number.as_str()), ("PageSize", size.as_str())];
            let mut answer = self.call(action, &[parameters, &paging].concat())?;
            let page_rows = take_rows(&mut answer, list);
            let last = page_rows.len() < PAGE_ROWS;
            rows.extend(page_rows);
            if last {
                answer["PageNumber"] = 1.into();
                answer["PageRecordCount"] = rows.len().into();
                answer["TotalRecordCount"] = rows.len().into();
                answer["Items"][list] = rows.into();
                return Ok(answer);
            }
        }
        unreachable!("a range without end ends only by the return above")
    }

    /// Sends one signed call and gives the answer as it was received.
    ///
    /// # Errors
    /// No answer → `Unreachable`.
    pub(crate) fn send(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Received, CallError> {
        let unreachable = |source| CallError::Unreachable {
            endpoint: self.endpoint().to_owned(),
            source: Box::new(source),
        };
        self.exchange(action, parameters).map_err(unreachable)
    }

    fn exchange(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Received, ureq::Error> {
        let spec = rpc::find_action(action);
        let in_form = |(name, value): &(&str, &str)| {
            let secret = spec.and_then(|spec| spec.parameter(name)).is_some_and(|parameter| parameter.secret);
            secret || value.len() > QUERY_VALUE_BYTES_MAX
        };
        let (form, query): (Vec<_>, Vec<_>) = parameters.iter().copied().partition(in_form);
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the system gives random bytes");
        let signed = sign_v3(&SigningRequest {
            host: self.endpoint.host(),
            action,
            query: &query,
            form: &form,
            access_key_id: &self.key.id,
            secret: &self.key.secret,
            security_token: self.key.security_token.as_deref(),
            nonce: &format!("{:032x}", u128::from_be_bytes(random)),
            now: clock::now(),
        });
        let url = format!("{}{}", self.endpoint.url(), signed.target);
        let mut request = Request::builder().method(signed.method).uri(url);
        for (name, value) in &signed.headers {
            request = request.header(*name, value);
        }
        let mut response = self.agent.run(request.body(signed.body)?)?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Received { status: response.status().as_u16(), body })
    }
}

/// The rows of a list in an answer's `Items`; they are taken out of it.
pub(crate) fn take_rows(answer: &mut Value, list: &str) -> Vec<Value> {
    match answer.pointer_mut(&format!("/Items/{list}")).map(Value::take) {
        Some(Value::Array(rows)) => rows,
        Some(_) | None => Vec::new(),
    }
}

/// The rows of a list in an answer's `Items`.
pub(crate) fn rows<'a>(answer: &'a Value, list: &str) -> &'a [Value] {
    answer.pointer(&format!("/Items/{list}")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
