//! Links: made, and checked.
//!
//! ```text
//! <public address>/download/<instance>/hins<host>_data_<yyyyMMddHHmmss>_<backup id>.tar
//!     ?Expires=<seconds since 1970>&OSSAccessKeyId=<key>&Signature=<hex>
//! Signature = HMAC-SHA256(link key, "GET\n" path "\n" Expires "\n" key)
//! ```
//!
//! File and parameters are called as object stores of this kind call them, for that is what downloaders look at.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::hmac;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use repository::{BackupSetId, InstanceId};

use super::PATH_PREFIX;
use super::refusal::DownloadRefusal;

/// What a file is called: enough to tell downloaded files apart without us.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkedFile<'a> {
    pub(crate) instance: &'a InstanceId,
    pub(crate) set: BackupSetId,
    /// The registration of the instance.
    pub(crate) host_instance: u32,
    /// When the backup ended.
    pub(crate) ended: Timestamp,
}

impl LinkedFile<'_> {
    fn path(&self) -> String {
        let Self { instance, set, host_instance, ended } = self;
        let time = ended.strftime("%Y%m%d%H%M%S");
        format!("{PATH_PREFIX}{instance}/hins{host_instance}_data_{time}_{set}.tar")
    }
}

/// Makes links and knows its own.
pub(crate) struct LinkMaker {
    key: hmac::Key,
    life: SignedDuration,
}

impl fmt::Debug for LinkMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkMaker").field("life", &self.life).finish_non_exhaustive()
    }
}

impl LinkMaker {
    /// Links that live for so many hours. `secret` is the same at every node.
    pub(crate) fn new(secret: &[u8; 32], hours: u64) -> Self {
        let hours = i64::try_from(hours).unwrap_or(i64::MAX / 3600);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), life: SignedDuration::from_hours(hours) }
    }

    /// A link to a set, below `public_url`, for the holder of `key`.
    pub(crate) fn url(&self, public_url: &str, file: LinkedFile<'_>, key: &str, now: Timestamp) -> String {
        let expires = now.saturating_add(self.life).unwrap_or(Timestamp::MAX).as_second();
        let path = file.path();
        let tag = hmac::sign(&self.key, to_sign(&path, expires, key).as_bytes());
        let signature = tag.as_ref().iter().fold(String::with_capacity(64), |text, byte| text + &hex(*byte));
        let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
        let public_url = public_url.trim_end_matches('/');
        format!("{public_url}{path}?Expires={expires}&OSSAccessKeyId={key}&Signature={signature}")
    }

    fn is_ours(&self, path: &str, expires: i64, key: &str, signature: &str) -> bool {
        let Some(signature) = from_hex(signature) else { return false };
        // Compares in constant time.
        hmac::verify(&self.key, to_sign(path, expires, key).as_bytes(), &signature).is_ok()
    }
}

fn to_sign(path: &str, expires: i64, key: &str) -> String {
    format!("GET\n{path}\n{expires}\n{key}")
}

/// A link that is ours and is valid now.
#[derive(Debug)]
pub(super) struct CheckedLink<'a> {
    pub(super) instance: InstanceId,
    pub(super) set: BackupSetId,
    /// Name of the file.
    pub(super) file: &'a str,
    /// The access key it was made for.
    pub(super) key: Option<Cow<'a, str>>,
}

impl<'a> CheckedLink<'a> {
    /// # Errors
    /// Expired, altered, or not a link.
    pub(super) fn check(
        links: &LinkMaker,
        path: &'a str,
        query: Option<&'a str>,
        now: Timestamp,
    ) -> Result<Self, DownloadRefusal> {
        let (mut expires, mut key, mut signature) = (None, None, None);
        for pair in query.unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("Expires", value)) => expires = Some(value),
                Some(("OSSAccessKeyId", value)) => key = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                // What others add on the way is not ours to judge.
                Some(_) | None => {}
            }
        }
        let (Some(expires), Some(signature)) = (expires, signature) else {
            return Err(DownloadRefusal::NotSigned);
        };
        let seconds: i64 = expires.parse().map_err(|_| DownloadRefusal::SignatureDoesNotMatch)?;
        let end = Timestamp::from_second(seconds).map_err(|_| DownloadRefusal::SignatureDoesNotMatch)?;
        if now > end {
            return Err(DownloadRefusal::Expired { end });
        }
        let known_key = key.map_or(Cow::Borrowed(""), |key| percent_decode_str(key).decode_utf8_lossy());
        if !links.is_ours(path, seconds, &known_key, signature) {
            return Err(DownloadRefusal::SignatureDoesNotMatch);
        }
        let no_such = || DownloadRefusal::NoSuchKey { key: path.trim_start_matches(PATH_PREFIX).to_owned() };
        let rest = path.strip_prefix(PATH_PREFIX).ok_or_else(no_such)?;
        let (instance, file) = rest.split_once('/').ok_or_else(no_such)?;
        let set = file.strip_suffix(".tar").and_then(|name| name.rsplit('_').next()?.parse().ok());
        Ok(Self {
            instance: instance.parse().map_err(|_| no_such())?,
            set: set.and_then(BackupSetId::new).ok_or_else(no_such)?,
            file,
            key: Some(known_key).filter(|key| !key.is_empty()),
        })
    }
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}")
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() != 64 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn maker() -> LinkMaker {
        LinkMaker::new(&[7; 32], 24)
    }

    fn link() -> String {
        let instance = "pg-1".parse().unwrap();
        let set = BackupSetId::new(4711).unwrap();
        let file = LinkedFile { instance: &instance, set, host_instance: 3, ended: now() };
        maker().url("http://127.0.0.1:8086/", file, "LTAI1", now())
    }

    fn outcome(link: &str, at: &str) -> String {
        let rest = link.strip_prefix("http://127.0.0.1:8086").unwrap();
        let (path, query) = rest.split_once('?').unwrap();
        match CheckedLink::check(&maker(), path, Some(query), at.parse().unwrap()) {
            Ok(link) => format!("{} {} {:?}", link.instance, link.set, link.key),
            Err(refusal) => format!("{} {}", refusal.status().as_u16(), refusal.code()),
        }
    }

    #[test]
    fn a_link_is_good_until_it_expires() {
        let link = link();
        assert!(link.starts_with("http://127.0.0.1:8086/download/pg-1/hins3_data_20261124100000_4711.tar?"));
        assert_eq!(outcome(&link, "2026-11-24T10:00:00Z"), "pg-1 4711 Some(\"LTAI1\")");
        assert_eq!(outcome(&link, "2026-11-25T10:00:00Z"), "pg-1 4711 Some(\"LTAI1\")");
        assert_eq!(outcome(&link, "2026-11-25T10:00:01Z"), "403 AccessDenied");
    }

    #[test]
    fn whatever_is_altered_is_noticed() {
        let link = link();
        for (old, new) in [
            ("pg-1", "pg-2"),
            ("hins3", "hins4"),
            ("_4711", "_4712"),
            ("Expires=17", "Expires=18"),
            ("LTAI1", "LTAI2"),
            ("&OSSAccessKeyId=LTAI1", ""),
            ("Signature=", "Signature=0"),
        ] {
            let altered = link.replace(old, new);
            assert_ne!(altered, link);
            assert_eq!(outcome(&altered, "2026-11-24T10:00:00Z"), "403 SignatureDoesNotMatch", "{altered}");
        }
        let end = link.len();
        let last = if link.ends_with('0') { "1" } else { "0" };
        let altered = format!("{}{last}", &link[..end - 1]);
        assert_eq!(outcome(&altered, "2026-11-24T10:00:00Z"), "403 SignatureDoesNotMatch");
        let unsigned = link.split("&Signature").next().unwrap();
        assert_eq!(outcome(unsigned, "2026-11-24T10:00:00Z"), "403 AccessDenied");
        assert_eq!(outcome(&format!("{link}&more=1"), "2026-11-24T10:00:00Z"), "pg-1 4711 Some(\"LTAI1\")");
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", maker()).contains("key"));
    }
}
