//! Which of the two signature families, or a bearer token, a request uses.

use crate::{
    ApiError, Format, authorization::Authorization, common_headers::CommonHeaders, parameters::Parameters,
};

/// How the caller proves who they are, and where the common parameters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Common parameters among the parameters, signature `Signature`.
    V1,
    /// Common parameters in headers, signature in `Authorization`.
    V3,
    /// A bearer token with the common parameters of V1.
    BearerV1,
    /// A bearer token with the common headers of V3.
    BearerV3,
}

pub(super) struct Scheme<'r> {
    pub(super) kind: Kind,
    /// Of V3 only.
    pub(super) authorization: Option<Authorization<'r>>,
}

impl<'r> Scheme<'r> {
    pub(super) fn of(headers: &CommonHeaders<'r>, parameters: &Parameters<'r>) -> Result<Self, ApiError> {
        if let Some(authorization) = headers.authorization.map(Authorization::read).transpose()?.flatten() {
            return Ok(Self { kind: Kind::V3, authorization: Some(authorization) });
        }
        let bearer = parameters.get("BearerToken").is_some()
            || parameters.get("SignatureType").is_some_and(|kind| kind == "BEARERTOKEN");
        let kind = if parameters.get_filled("Signature").is_some() {
            Kind::V1
        } else if headers.bearer_token.is_some() {
            Kind::BearerV3
        } else if bearer {
            Kind::BearerV1
        } else {
            Kind::V1
        };
        Ok(Self { kind, authorization: None })
    }
}

impl Kind {
    pub(super) fn default_format(self) -> Format {
        match self {
            Self::V1 | Self::BearerV1 => Format::Xml,
            Self::V3 | Self::BearerV3 => Format::Json,
        }
    }
}
