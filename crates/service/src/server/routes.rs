//! What each path answers, and a call's way from its bytes to its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use rpc::{
    AnswerContext, ApiError, Call, ErrorCode, Format, Request, RequestId, render_error, render_success,
};
use serde_json::Value;

use super::connection::ConnectionState;
use super::{Server, answering, body};
use crate::actions::{self, Outcome};
use crate::context::Context;
use crate::error_chain::error_chain;
use crate::refusal::Refusal;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answers whatever was asked.
pub(super) async fn answer(
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
        Ok(_) => perform(context, &request, request_id).await,
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

async fn perform(context: &Arc<Context>, request: &Request<'_>, request_id: RequestId) -> Performed {
    let now = context.clock.now();
    let call = match Call::parse(request, now) {
        Ok(call) => call,
        Err(error) => return Performed::refused(error.into(), Format::of(request)),
    };
    let Outcome { result, key } = caught(actions::perform(context, request, &call, now, request_id)).await;
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

/// Logged once, here: an operator's business as ERROR or WARN, a caller's mistake as INFO.
fn log_refusal(request_id: RequestId, performed: &Performed, refusal: &Refusal) {
    let Refusal { error, cause } = refusal;
    let action: String = performed.action.chars().take(80).filter(|letter| !letter.is_control()).collect();
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
