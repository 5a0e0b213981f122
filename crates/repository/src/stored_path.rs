//! Paths of files in a set, and their order.

use std::cmp::Ordering;
use std::fmt;

/// Longest path, in bytes; Linux allows no longer one.
pub const PATH_BYTES_MAX: usize = 4096;

/// Path of an entry in a set: relative, `/` between segments, none of them empty, `.` or `..`, no NUL.
/// Bytes, for a file's name need not be UTF-8.
///
/// The order is that of a walk: a folder comes before what it holds, and all it holds before its
/// next sibling; so `a/b` comes before `a.b`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoredPath(Vec<u8>);

/// A path that may not be in a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a path that a set may hold")]
pub struct PathError(String);

impl StoredPath {
    /// The path made of these bytes.
    ///
    /// # Errors
    /// Not as the type's description says.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PathError> {
        let bytes = bytes.into();
        let segment = |s: &[u8]| !s.is_empty() && s != b"." && s != b".." && !s.contains(&0);
        if bytes.len() <= PATH_BYTES_MAX && bytes.split(|b| *b == b'/').all(segment) {
            Ok(Self(bytes))
        } else {
            Err(PathError(String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned()))
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// This path with one more segment.
    ///
    /// # Errors
    /// The whole is no path.
    pub fn join(&self, segment: &[u8]) -> Result<Self, PathError> {
        Self::new([&self.0, b"/".as_slice(), segment].concat())
    }

    /// What follows `folder` and its `/`; `None` when the path does not lie in `folder`.
    pub fn within(&self, folder: &str) -> Option<&[u8]> {
        self.0.strip_prefix(folder.as_bytes())?.strip_prefix(b"/")
    }
}

impl Ord for StoredPath {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |b: &u8| if *b == b'/' { 0 } else { *b };
        self.0.iter().map(key).cmp(other.0.iter().map(key))
    }
}

impl PartialOrd for StoredPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for StoredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for StoredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_folder() {
        for good in ["a", "data/base/1/2619", "data/a b", "data/...x"] {
            StoredPath::new(good).expect(good);
        }
        for bad in ["", "/a", "a/", "a//b", ".", "a/../b", "a/\0"] {
            StoredPath::new(bad).expect_err(bad);
        }
        StoredPath::new("a".repeat(PATH_BYTES_MAX + 1)).expect_err("too long");
    }

    #[test]
    fn a_folder_comes_before_its_content_and_that_before_its_sibling() {
        let sorted = ["a", "a/b", "a/b/c", "a.b", "b"];
        for pair in sorted.windows(2) {
            assert!(StoredPath::new(pair[0]).expect("path") < StoredPath::new(pair[1]).expect("path"));
        }
    }
}
