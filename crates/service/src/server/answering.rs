//! From an outcome to bytes: the API's answers, also where hyper has none.

use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use rpc::{Answer, AnswerContext, ApiError, Format, RequestId, render_error};

use super::Server;

/// An HTTP response of a finished answer.
pub(super) fn response(answer: Answer, request_id: RequestId) -> Response<Full<Bytes>> {
    let Answer { status, content_type, body } = answer;
    let id = HeaderValue::from_str(&request_id.to_string()).expect("a UUID is plain ASCII");
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, HeaderValue::from_static(content_type))
        .header("x-acs-request-id", id)
        .body(Full::new(Bytes::from(body)))
        .expect("status and headers are valid")
}

/// A whole response, for a connection that hyper has given up or that was never handed to it.
pub(super) fn raw_refusal(server: &Server, error: &ApiError) -> Vec<u8> {
    let context = &server.context;
    let request_id = context.request_ids.next();
    tracing::info!(%request_id, code = error.code(), "refused: {error}");
    context.metrics.count_request("", Some(error.row()), Duration::ZERO);
    let host = context.own_host();
    let public_url = context.public_url(&host);
    let answer_context =
        AnswerContext { request_id, format: Format::Json, host_id: &host, public_url: &public_url };
    let answer = render_error(error, &answer_context);
    let reason = hyper::StatusCode::from_u16(answer.status).ok().and_then(|status| status.canonical_reason());
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\nx-acs-request-id: {request_id}\r\n\
         connection: close\r\n\r\n",
        answer.status,
        reason.unwrap_or("Error"),
        answer.content_type,
        answer.body.len()
    );
    [head.as_bytes(), answer.body.as_bytes()].concat()
}
