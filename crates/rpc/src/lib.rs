//! The wire contract of the RDS API, version 2014-08-15, as pure functions over bytes and values.
//!
//! A [`Request`] becomes a [`Call`]; the caller looks up the secret of its [`Credential`], and
//! [`Call::verify`] turns it into a [`VerifiedCall`], the only thing that yields an action and its
//! [`Arguments`]. An answer is one JSON value and an [`ActionSpec`]; [`render_success`] and
//! [`render_error`] write it as JSON or XML. Everything that is known of an operation stands once, in
//! [`ACTIONS`]; everything that is known of an error code once, in [`ErrorCode`].
//!
//! This crate is *not* a server: it opens nothing, reads no clock, remembers no nonce and knows no
//! instance. It does no I/O, and no bytes make it panic.
//!
//! ```
//! use rpc::{Call, ReceivedRequest, SigningRequest, sign_v3};
//!
//! let now: jiff::Timestamp = "2026-11-24T03:23:43Z".parse()?;
//! let signed = sign_v3(&SigningRequest {
//!     host: "127.0.0.1:8086",
//!     action: "DescribeBackupTasks",
//!     query: &[("DBInstanceId", "rm-uf6wjk5xxxxxxx")],
//!     form: &[],
//!     access_key_id: "testid",
//!     secret: "testsecret",
//!     security_token: None,
//!     nonce: "bb90fbb508811ff4",
//!     now,
//! });
//!
//! let received = ReceivedRequest::from(&signed);
//! let request = received.as_request();
//! let call = Call::parse(&request, now)?;
//! let verified = call.verify(b"testsecret")?;
//! let action = verified.action()?;
//! let arguments = verified.arguments(action)?;
//! assert_eq!(arguments.text("DBInstanceId"), Some("rm-uf6wjk5xxxxxxx"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authorization;
mod call;
mod common_headers;
mod parameters;
mod percent;
mod request;
mod time;

mod sign;
mod signature;

mod action_spec;
mod actions;
mod arguments;
mod never_sent;
mod parameter_spec;
mod shape;

mod sample;

mod answer;
mod api_error;
mod error_code;
mod request_id;
mod xml;

pub use action_spec::{ActionSpec, Effect, Example, Role};
pub use actions::{ACTIONS, API_VERSION, find_action};
pub use answer::{Answer, AnswerContext, Format, render_error, render_success};
pub use api_error::{AccessDenied, ApiError};
pub use arguments::Arguments;
pub use call::{CLOCK_WINDOW, Call, Credential, VerifiedCall};
pub use error_code::{ErrorCode, ErrorSpec, Retry};
pub use never_sent::NeverSent;
pub use parameter_spec::{HIDDEN_PARAMETERS, ParameterKind, ParameterSpec};
pub use parameters::{
    PARAMETER_COUNT_MAX, PARAMETER_NAME_BYTES_MAX, PARAMETER_VALUE_BYTES_MAX, Parameter, Place,
};
pub use request::{
    BODY_BYTES_MAX, HEADER_COUNT_MAX, HEADER_VALUE_BYTES_MAX, ReceivedRequest, Request, TARGET_BYTES_MAX,
};
pub use request_id::RequestId;
pub use sample::{SampleLanguage, render_sample};
pub use shape::{FieldSpec, Shape, ShapeMismatch};
pub use sign::{SignedRequest, SigningRequest, sign_v1, sign_v3};
pub use signature::Digest;
pub use time::{parse_timestamp, render_minutes, render_seconds};
