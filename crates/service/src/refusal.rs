//! Why an action did not do as asked: what the caller hears, and what only the log may hold.

use catalog::{LeaseError, NonceError};
use repository::RepositoryError;
use rpc::{ApiError, ErrorCode};

use crate::error_chain::error_chain;

/// A refusal or a failure.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// For the caller.
    pub(crate) error: ApiError,
    /// For the log, with paths and causes; `None` when there is no more to say.
    pub(crate) cause: Option<String>,
}

impl Refusal {
    /// A fault of ours.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        Self { error: ApiError::new(ErrorCode::InternalError), cause: Some(cause.into()) }
    }

    /// Something that passes.
    pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { error: ApiError::new(ErrorCode::ServiceUnavailable), cause: Some(error_chain(error)) }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self { error, cause: None }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        ApiError::new(code).into()
    }
}

impl From<catalog::Error> for Refusal {
    fn from(error: catalog::Error) -> Self {
        match error.retry() {
            catalog::Retry::Later => Self::unavailable(&error),
            catalog::Retry::Never | catalog::Retry::AfterOperator => Self::internal(error_chain(&error)),
        }
    }
}

impl From<NonceError> for Refusal {
    fn from(error: NonceError) -> Self {
        match error {
            NonceError::AlreadyUsed { .. } => ErrorCode::SignatureNonceUsed.into(),
            NonceError::TooMany { .. } => ErrorCode::ThrottlingUser.into(),
            NonceError::Catalog(error) => error.into(),
            other => Self::internal(error_chain(&other)),
        }
    }
}

impl From<LeaseError> for Refusal {
    fn from(error: LeaseError) -> Self {
        Self::internal(error_chain(&error))
    }
}

impl From<RepositoryError> for Refusal {
    fn from(error: RepositoryError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<crate::Error> for Refusal {
    fn from(error: crate::Error) -> Self {
        Self::internal(error_chain(&error))
    }
}
