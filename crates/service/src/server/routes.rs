//! What each path answers, and a call's way from its bytes to its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, REFERRER_POLICY};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use rpc::{
    AnswerContext, ApiError, Call, ErrorCode, Format, Request, RequestId, render_error, render_success,
};
use serde_json::Value;

use super::answer_body::AnswerBody;
use super::connection::ConnectionState;
use super::{Server, answering, body};
use crate::actions::{self, Outcome};
use crate::client_presence::ClientPresence;
use crate::context::Context;
use crate::download::{self, DownloadRequest};
use crate::error_centre::RefusedRequest;
use crate::error_chain::error_chain;
use crate::refusal::Refusal;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answers whatever was asked.
pub(super) async fn answer(
    server: &Arc<Server>,
    state: &Arc<ConnectionState>,
    request: hyper::Request<Incoming>,
) -> Response<AnswerBody> {
    let is_download = matches!(*request.method(), Method::GET | Method::HEAD)
        && request.uri().path().starts_with(download::PATH_PREFIX);
    if is_download {
        return answer_download(server, state, request).await;
    }
    answer_at_once(server, state, request).await.map(AnswerBody::Whole)
}

/// A download, or why there is none.
async fn answer_download(
    server: &Arc<Server>,
    state: &Arc<ConnectionState>,
    request: hyper::Request<Incoming>,
) -> Response<AnswerBody> {
    let (head, _) = request.into_parts();
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let request = DownloadRequest {
        head: &head,
        request_id: server.context.request_ids.next(),
        host: host.unwrap_or_else(|| server.context.own_host()),
        cut: state.cut.clone(),
        limits: server.limits,
    };
    AnswerBody::of_download(download::answer(&server.context, &request).await, state)
}

async fn answer_at_once(
    server: &Arc<Server>,
    state: &ConnectionState,
    request: hyper::Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    if matches!(head.method, Method::GET | Method::HEAD) {
        match head.uri.path() {
            "/healthz" => return text(StatusCode::OK, "ok\n"),
            "/readyz" => return ready(&server.context).await,
            "/metrics" => return metrics(&server.context).await,
            "/console/errors" => return error_centre(&server.context, head.uri.query()).await,
            _ => {}
        }
    }
    let begun = Instant::now();
    let body = body::read(server, state, body).await;
    answer_call(server, state, &head, body, begun).await
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}

/// A page of the error centre. Nothing in it runs, and nothing outside of it is loaded.
async fn error_centre(context: &Context, query: Option<&str>) -> Response<Full<Bytes>> {
    let page = crate::error_centre::page(context, query.unwrap_or_default()).await;
    let mut response = text(StatusCode::OK, page);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Ready: not stopping, and the catalog answers.
async fn ready(context: &Context) -> Response<Full<Bytes>> {
    if !context.ready.load(Ordering::Relaxed) {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match context.catalog.next_claimable().await {
        Ok(_) => text(StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!("not ready: {}", error_chain(&error));
            text(StatusCode::SERVICE_UNAVAILABLE, "the catalog does not answer\n")
        }
    }
}

async fn metrics(context: &Context) -> Response<Full<Bytes>> {
    match crate::metrics::render(context).await {
        Ok(figures) => text(StatusCode::OK, figures),
        Err(error) => {
            tracing::warn!("no figures: {}", error_chain(&error));
            text(StatusCode::SERVICE_UNAVAILABLE, "the catalog does not answer\n")
        }
    }
}

/// A call of the API.
async fn answer_call(
    server: &Arc<Server>,
    state: &ConnectionState,
    head: &Parts,
    body: Result<body::WholeBody, ApiError>,
    begun: Instant,
) -> Response<Full<Bytes>> {
    let context = &server.context;
    let request_id = context.request_ids.next();
    let target = target_of(head);
    let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let bytes = body.as_ref().map_or(&[][..], |body| &body.bytes);
    let request = Request { method: head.method.as_str(), target: target.as_bytes(), headers, body: bytes };
    let unread = body.is_err();
    let performed = match body.as_ref() {
        Err(error) => Performed::refused(error.clone().into(), Format::of(&request)),
        Ok(_) => perform(context, &request, &state.client, request_id).await,
    };
    // Only an error names them.
    let refused = performed.outcome.is_err();
    let host = if refused {
        request.host().map_or_else(|| context.own_host(), str::to_owned)
    } else {
        String::new()
    };
    let public_url = if refused { context.public_url(&host) } else { String::new() };
    let answer_context =
        AnswerContext { request_id, format: performed.format, host_id: &host, public_url: &public_url };
    let took = begun.elapsed();
    let answer = match &performed.outcome {
        Ok((action, value)) => {
            context.metrics.count_request(action.name, None, took);
            tracing::debug!(%request_id, action = action.name, "answered");
            render_success(action, value, &answer_context)
        }
        Err(refusal) => {
            context.metrics.count_request(&performed.action, Some(refusal.error.row()), took);
            log_refusal(request_id, &performed, refusal);
            let refused = RefusedRequest {
                at: context.clock.now(),
                action: loggable(&performed.action),
                row: Some(refusal.error.row()),
                message: refusal.error.to_string(),
            };
            context.recent_refusals.remember(request_id, refused);
            render_error(&refusal.error, &answer_context)
        }
    };
    let mut response = answering::response(answer, request_id);
    if unread {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        state.lingers.store(true, Ordering::Relaxed);
    }
    response
}

/// The target as it was sent, as far as it matters: origin form, or absolute form from behind a proxy.
fn target_of(head: &Parts) -> std::borrow::Cow<'_, str> {
    if head.uri.scheme().is_none()
        && let Some(target) = head.uri.path_and_query()
    {
        return target.as_str().into();
    }
    head.uri.to_string().into()
}

/// What came of a call.
struct Performed {
    outcome: Result<(&'static rpc::ActionSpec, Value), Refusal>,
    format: Format,
    /// The operation as the caller named it; empty where that could not be read or no refusal needs it.
    action: String,
    key: Option<Arc<str>>,
}

impl Performed {
    fn refused(refusal: Refusal, format: Format) -> Self {
        Self { outcome: Err(refusal), format, action: String::new(), key: None }
    }
}

async fn perform(
    context: &Arc<Context>,
    request: &Request<'_>,
    client: &Arc<ClientPresence>,
    request_id: RequestId,
) -> Performed {
    let now = context.clock.now();
    let call = match Call::parse(request, now) {
        Ok(call) => call,
        Err(error) => return Performed::refused(error.into(), Format::of(request)),
    };
    let performed = actions::perform(context, request, client, &call, now, request_id);
    let Outcome { result, key } = caught(performed).await;
    let action = if result.is_err() { call.claimed_action().to_owned() } else { String::new() };
    Performed { outcome: result, format: call.format(), action, key }
}

/// Turns a panic into that call's `InternalError`.
async fn caught(work: impl Future<Output = Outcome>) -> Outcome {
    let mut work = std::pin::pin!(work);
    let polled = std::future::poll_fn(|context| {
        // What a panicking action leaves behind is dropped with it: its change is undone, and locks are
        // held nowhere that can panic.
        match std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(polled) => polled.map(Some),
            Err(_) => std::task::Poll::Ready(None),
        }
    });
    let panicked = || Outcome { result: Err(Refusal::internal("an action panicked")), key: None };
    polled.await.unwrap_or_else(panicked)
}

/// The name of an operation as a log may have it: whatever was sent, short and in one line.
fn loggable(action: &str) -> String {
    action.chars().take(80).filter(|letter| !letter.is_control()).collect()
}

/// Logged once, here: an operator's business as ERROR or WARN, a caller's mistake as INFO.
fn log_refusal(request_id: RequestId, performed: &Performed, refusal: &Refusal) {
    let Refusal { error, cause } = refusal;
    let action = loggable(&performed.action);
    let key = performed.key.as_deref().unwrap_or("-");
    let cause = cause.as_deref().unwrap_or_default();
    let (row, code) = (error.row(), error.code());
    if row == ErrorCode::InternalError {
        tracing::error!(%request_id, action, key, code, "failed: {error} {cause}");
    } else if row == ErrorCode::ServiceUnavailable {
        tracing::warn!(%request_id, action, key, code, "failed: {error} {cause}");
    } else {
        tracing::info!(%request_id, action, key, code, "refused: {error} {cause}");
    }
}
