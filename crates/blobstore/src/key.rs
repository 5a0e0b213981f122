//! Names of objects.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// Name of one object: segments of `A-Z a-z 0-9 . _ -` joined by `/`, none empty, `.` or `..`, none
/// beginning with a dot or longer than 255 bytes, 1 to 512 bytes in all; so it is safe as a path and as an
/// object-store key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// A text that cannot name an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot name an object")]
pub struct KeyError(String);

impl ObjectKey {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder it is in, without a final `/`; "" for one at the top.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.as_str(), |(_, name)| name)
    }
}

/// Longest name, in bytes: some object stores take 1,024, and a path needs room for the root.
pub(crate) const KEY_BYTES_MAX: usize = 512;

/// Longest segment, in bytes: what file systems take as one name.
const SEGMENT_BYTES_MAX: usize = 255;

/// Whether `text` may be one segment of a name.
pub(crate) fn is_segment(text: &str) -> bool {
    (1..=SEGMENT_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The beginning that the names of all objects in the folder `prefix` share: "" or `prefix` with a
/// final `/`. `None` when `prefix` cannot be a folder.
pub(crate) fn folder_start(prefix: &str) -> Option<String> {
    match prefix {
        "" => Some(String::new()),
        folder if folder.len() < KEY_BYTES_MAX && folder.split('/').all(is_segment) => {
            Some(format!("{folder}/"))
        }
        _ => None,
    }
}

impl FromStr for ObjectKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if (1..=KEY_BYTES_MAX).contains(&text.len()) && text.split('/').all(is_segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyError(text.chars().take(80).collect()))
        }
    }
}

/// Names are compared as their texts are, so that a map of names can be searched by text.
impl Borrow<str> for ObjectKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_safe_as_a_path() {
        for good in ["a", "repository.json", "pg-1/sets/7.ab/pack-000001"] {
            assert_eq!(good.parse::<ObjectKey>().expect(good).as_str(), good);
        }
        for bad in
            ["", "/a", "a/", "a//b", "../a", "a/..", ".a", "a b", "é", &"a".repeat(256), &"a/".repeat(256)]
        {
            bad.parse::<ObjectKey>().expect_err(bad);
        }
    }

    #[test]
    fn a_name_is_a_folder_and_a_file_name() {
        let key: ObjectKey = "a/b/c".parse().expect("key");
        assert_eq!((key.folder(), key.file_name()), ("a/b", "c"));
        let top: ObjectKey = "c".parse().expect("key");
        assert_eq!((top.folder(), top.file_name()), ("", "c"));
    }
}
