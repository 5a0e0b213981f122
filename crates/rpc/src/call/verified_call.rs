//! A call whose sender is proven, and what it asks for.

use jiff::Timestamp;

use super::Call;
use crate::{
    ActionSpec, ApiError, Arguments, Digest, ErrorCode,
    actions::{API_VERSION, find_action},
};

/// A call whose sender is proven. Only this leads to an action.
#[derive(Clone, Copy)]
pub struct VerifiedCall<'c, 'r> {
    pub(super) call: &'c Call<'r>,
}

impl<'c, 'r> VerifiedCall<'c, 'r> {
    /// The nonce, at most 256 bytes. Used up once seen: the caller refuses a second use by the same access
    /// key with `SignatureNonceUsed`.
    pub fn nonce(&self) -> &'c str {
        self.call.common("SignatureNonce", self.call.headers.nonce).unwrap_or_default()
    }

    /// The request's time, within `CLOCK_WINDOW` of the clock.
    pub fn timestamp(&self) -> Timestamp {
        self.call.timestamp
    }

    /// The call this is.
    pub fn call(&self) -> &'c Call<'r> {
        self.call
    }

    /// The hash of a V3 signature, `None` for other calls.
    pub fn digest(&self) -> Option<Digest> {
        self.call.scheme.authorization.map(|authorization| authorization.digest)
    }

    /// The operation that is asked for.
    ///
    /// # Errors
    /// Not in [`crate::ACTIONS`] → `InvalidAction.NotFound`; another API version → `InvalidVersion`.
    pub fn action(&self) -> Result<&'static ActionSpec, ApiError> {
        let action = find_action(self.call.claimed_action())
            .ok_or_else(|| ApiError::new(ErrorCode::InvalidActionNotFound))?;
        match self.call.common("Version", self.call.headers.version) {
            Some(API_VERSION) => Ok(action),
            Some(_) | None => Err(ApiError::new(ErrorCode::InvalidVersion)),
        }
    }

    /// The parameters of an operation, each in its type.
    ///
    /// # Errors
    /// The first parameter, in the order of the operation's table, that is missing or bad, with its code.
    pub fn arguments(&self, action: &'static ActionSpec) -> Result<Arguments, ApiError> {
        Arguments::read(action, |name| self.call.parameters.get_filled(name))
    }
}
