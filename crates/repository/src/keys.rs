//! Data keys, the secrets that wrap them, and the objects `keys/<key-id>.<wrap>`.

mod ring;
mod secret;
mod wrap;

pub use ring::{KeyError, KeyListing, WrapListing};
pub(crate) use ring::{KeyRing, put_wrap};
pub use secret::{KeyFileError, KeySecret};
