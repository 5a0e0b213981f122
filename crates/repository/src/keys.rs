//! Data keys, the secrets that wrap them, and the objects `keys/<key-id>.<wrap>`.

mod ring;
mod secret;
mod wrap;

pub use ring::{KeyError, KeyListing, WrapListing};
pub(crate) use ring::{KeyRing, Needed, put_wrap};
pub use secret::{KeyFileError, KeySecret};

/// What a wrap is written as, for those who may not know more of it: `None` for bytes that are none.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn reread_wrap(bytes: &[u8]) -> Option<Vec<u8>> {
    wrap::Wrap::parse(bytes).ok().map(|wrap| wrap.render())
}
