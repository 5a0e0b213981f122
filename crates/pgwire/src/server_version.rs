//! The server's version.

use std::fmt;

/// Version of a PostgreSQL server since 10: two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion {
    /// Such as 17.
    pub major: u32,
    /// Such as 6; 0 for a development version or a beta.
    pub minor: u32,
}

impl ServerVersion {
    /// Reads the parameter `server_version`, such as `15.18 (Debian 15.18-0+deb12u1)` or `19beta1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits_end = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (major, rest) = text.split_at(digits_end(text));
        let minor = rest.strip_prefix('.').map_or("0", |rest| &rest[..digits_end(rest)]);
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_betas_and_packagers_additions_are_read() {
        let version = |text| ServerVersion::parse(text).map(|v| (v.major, v.minor));
        assert_eq!(version("15.18 (Debian 15.18-0+deb12u1)"), Some((15, 18)));
        assert_eq!(version("19beta1"), Some((19, 0)));
        assert_eq!(version("18devel"), Some((18, 0)));
        assert_eq!(version("9.6.24"), Some((9, 6)));
        for text in ["", "x", ".1", "99999999999.1", "15."] {
            assert_eq!(version(text), None, "{text:?}");
        }
    }
}
