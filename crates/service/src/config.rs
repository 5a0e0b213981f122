//! Configuration: `backstop.toml`, overlaid by the environment.
//!
//! A key `listen` of the file is `BACKSTOP_LISTEN` in the environment. Unknown keys are refused. Keys of
//! amounts end in their unit.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;

use repository::Compression;
use serde::Deserialize;

use crate::error::Error;
use crate::home::{Home, read_optional};
use crate::tls::TlsFiles;

/// Port of the service unless configured.
const LISTEN: &str = "127.0.0.1:8086";
/// Region that the service says it is, unless configured: SDKs know it and send it by default.
const REGION: &str = "cn-hangzhou";
/// Copies at a time unless configured. One copy already reads and compresses with every core; a second
/// fills the pauses of the first.
const COPY_SLOTS_MAX: usize = 2;
/// Hours of a download link unless configured: a client that lists many sets and then fetches one after the other gets
/// through them in a day. One that broke off needs a valid link to go on.
const DOWNLOAD_LINK_HOURS: usize = 24;
/// A week: who has a link needs no key, and sets expire.
const DOWNLOAD_LINK_HOURS_MAX: usize = 7 * 24;
/// Downloads at a time unless configured. Each has a thread and up to 25 MiB of frames, chunks and indexes.
const DOWNLOADS_MAX: usize = 4;
/// Manual backups of one instance in a day of UTC, unless configured: the API's own figure.
const BACKUPS_PER_DAY_MAX: u32 = 20;
/// Days for which the audit log is kept unless configured: a year and the month in which it is looked at.
const AUDIT_DAYS: usize = 400;
const AUDIT_DAYS_MAX: usize = 36_500;
/// Largest number of reading and compressing threads, beyond which one copy's queues no longer help.
const THREADS_MAX: usize = 256;

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The address under which users reach the service; `None`: what they asked for.
    pub public_url: Option<String>,
    /// The region that answers name.
    pub region: String,
    /// Address of the repository.
    pub repository: String,
    /// Address of the catalog.
    pub catalog: String,
    /// Threads of one copy that read and compress.
    pub threads: NonZeroUsize,
    /// How new frames are compressed.
    pub compression: Compression,
    /// Copies at a time; further jobs wait.
    pub copy_slots_max: NonZeroUsize,
    /// Bytes that all copies together read in a second; `None`: no limit.
    pub bytes_per_second_max: Option<u64>,
    /// Hours for which a download link is valid.
    pub download_link_hours: NonZeroUsize,
    /// Downloads at a time; further ones wait a little.
    pub downloads_max: NonZeroUsize,
    /// Certificate and key for HTTPS; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Requests of one access key for one operation in a second; `None`: no limit.
    pub requests_per_second_max: Option<NonZeroU32>,
    /// Manual backups of one instance in a day of UTC; `None`: no limit.
    pub backups_per_day_max: Option<NonZeroU32>,
    /// Days for which the audit log is kept.
    pub audit_days: NonZeroUsize,
    /// Free space below which a job stops; 0 switches the floor off, `None` is the larger of 1 GiB and 2 %.
    pub free_space_floor_bytes: Option<u64>,
}

/// The file as it is written, each key optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: Option<String>,
    public_url: Option<String>,
    region: Option<String>,
    repository: Option<String>,
    catalog: Option<String>,
    threads: Option<u64>,
    compression: Option<String>,
    zstd_level: Option<u64>,
    copy_slots_max: Option<u64>,
    bytes_per_second_max: Option<u64>,
    free_space_floor_bytes: Option<u64>,
    download_link_hours: Option<u64>,
    downloads_max: Option<u64>,
    tls_cert: Option<String>,
    tls_key: Option<String>,
    requests_per_second_max: Option<u64>,
    backups_per_day_max: Option<u64>,
    audit_days: Option<u64>,
}

impl Config {
    /// Every key, with what it means; the file that `init` writes lists them.
    pub const KEYS: &'static [(&'static str, &'static str)] = &[
        ("listen", "address and port of the API"),
        ("public_url", "address under which users reach the service; default: what they asked for"),
        ("region", "region that answers name"),
        ("repository", "address of the repository; default: the folder `repository` of the home"),
        ("catalog", "address of the catalog; default: `catalog.sqlite` of the home"),
        ("threads", "threads of one copy that read and compress; default: one per core"),
        ("compression", "zstd, lz4 or none; default: zstd"),
        ("zstd_level", "1 to 19; default: 1"),
        ("copy_slots_max", "copies at a time; further jobs wait"),
        ("download_link_hours", "hours for which a download link is valid"),
        ("downloads_max", "downloads at a time; further ones wait a little, then are told to come again"),
        (
            "tls_cert",
            "file of the certificate chain, in PEM: the API speaks HTTPS; a relative path is of the home; read again when it changes",
        ),
        ("tls_key", "file of the certificate's private key, in PEM"),
        (
            "requests_per_second_max",
            "requests of one access key for one operation in a second; default: no limit",
        ),
        (
            "backups_per_day_max",
            "backups of one instance that may be asked for in a day (UTC); 0: no limit; default: 20",
        ),
        ("audit_days", "days for which the audit log is kept; default: 400"),
        ("bytes_per_second_max", "bytes that all copies together read in a second; default: no limit"),
        (
            "free_space_floor_bytes",
            "free space below which a job stops; 0: off; default: the larger of 1 GiB and 2 %",
        ),
    ];

    /// Reads a home's configuration; `environment` answers what a variable holds.
    ///
    /// # Errors
    /// The file cannot be read or has an unknown key; a value is not one.
    pub fn load(home: &Home, environment: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let path = home.configuration();
        let text = read_optional(&path)?.unwrap_or_default();
        let written: Written = toml::from_str(&text)
            .map_err(|source| Error::Configuration { path: path.clone(), source: Box::new(source) })?;
        let origin = Origin { file: path.display().to_string(), environment: &environment };
        Self::resolve(&written, home, &origin)
    }

    fn resolve<E: Fn(&str) -> Option<String>>(
        written: &Written,
        home: &Home,
        origin: &Origin<'_, E>,
    ) -> Result<Self, Error> {
        let listen = origin.text("listen", written.listen.as_ref());
        let listen_text = listen.as_ref().map_or(LISTEN, |(text, _)| text.as_str());
        let listen_origin = listen.as_ref().map_or("the built-in default", |(_, origin)| origin.as_str());
        let listen =
            parse("listen", listen_origin, listen_text, "an address and a port, such as 127.0.0.1:8086")?;
        let public_url = origin.text("public_url", written.public_url.as_ref());
        if let Some((url, from)) = &public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return Err(refused("public_url", from, "http://… or https://… is expected"));
        }
        let plain = |key, value, default: String| origin.text(key, value).map_or(default, |(text, _)| text);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            listen,
            public_url: public_url.map(|(url, _)| url),
            region: plain("region", written.region.as_ref(), REGION.to_owned()),
            repository: plain("repository", written.repository.as_ref(), home.repository_url()),
            catalog: plain("catalog", written.catalog.as_ref(), home.catalog_url()),
            threads: origin.count("threads", written.threads, cores.min(THREADS_MAX), THREADS_MAX)?,
            compression: Self::compression(written, origin)?,
            copy_slots_max: origin.count("copy_slots_max", written.copy_slots_max, COPY_SLOTS_MAX, 64)?,
            download_link_hours: origin.count(
                "download_link_hours",
                written.download_link_hours,
                DOWNLOAD_LINK_HOURS,
                DOWNLOAD_LINK_HOURS_MAX,
            )?,
            downloads_max: origin.count("downloads_max", written.downloads_max, DOWNLOADS_MAX, 64)?,
            tls: Self::tls(written, home, origin)?,
            requests_per_second_max: origin.natural(
                "requests_per_second_max",
                written.requests_per_second_max,
                0,
            )?,
            backups_per_day_max: origin.natural(
                "backups_per_day_max",
                written.backups_per_day_max,
                BACKUPS_PER_DAY_MAX,
            )?,
            audit_days: origin.count("audit_days", written.audit_days, AUDIT_DAYS, AUDIT_DAYS_MAX)?,
            bytes_per_second_max: origin.bytes_per_second(written.bytes_per_second_max)?,
            free_space_floor_bytes: origin
                .number("free_space_floor_bytes", written.free_space_floor_bytes)?
                .map(|(bytes, _)| bytes),
        })
    }

    fn tls<E: Fn(&str) -> Option<String>>(
        written: &Written,
        home: &Home,
        origin: &Origin<'_, E>,
    ) -> Result<Option<TlsFiles>, Error> {
        let certificate = origin.text("tls_cert", written.tls_cert.as_ref());
        let key = origin.text("tls_key", written.tls_key.as_ref());
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some((certificate, _)), Some((key, _))) => {
                let of_home = |file: String| home.path().join(file);
                Ok(Some(TlsFiles { certificate: of_home(certificate), key: of_home(key) }))
            }
            (Some((_, from)), None) => Err(refused("tls_cert", &from, "tls_key is expected beside it")),
            (None, Some((_, from))) => Err(refused("tls_key", &from, "tls_cert is expected beside it")),
        }
    }

    fn compression<E: Fn(&str) -> Option<String>>(
        written: &Written,
        origin: &Origin<'_, E>,
    ) -> Result<Compression, Error> {
        let level = match origin.number("zstd_level", written.zstd_level)? {
            None => 1,
            Some((level @ 1..=19, _)) => i32::try_from(level).expect("at most 19"),
            Some((_, from)) => return Err(refused("zstd_level", &from, "1 to 19 is expected")),
        };
        match origin.text("compression", written.compression.as_ref()) {
            None => Ok(Compression::Zstd(level)),
            Some((word, from)) => match word.as_str() {
                "zstd" => Ok(Compression::Zstd(level)),
                "lz4" => Ok(Compression::Lz4),
                "none" => Ok(Compression::None),
                _ => Err(refused("compression", &from, "zstd, lz4 or none is expected")),
            },
        }
    }
}

/// Where values come from: the environment before the file.
struct Origin<'e, E> {
    file: String,
    environment: &'e E,
}

impl<E: Fn(&str) -> Option<String>> Origin<'_, E> {
    /// A value and where it stands.
    fn text(&self, key: &str, written: Option<&String>) -> Option<(String, String)> {
        let variable = format!("BACKSTOP_{}", key.to_uppercase());
        match (self.environment)(&variable).filter(|value| !value.is_empty()) {
            Some(value) => Some((value, format!("the environment ({variable})"))),
            None => written.map(|value| (value.clone(), self.file.clone())),
        }
    }

    fn number(&self, key: &'static str, written: Option<u64>) -> Result<Option<(u64, String)>, Error> {
        let text = self.text(key, written.map(|number| number.to_string()).as_ref());
        text.map(|(text, from)| Ok((parse(key, &from, &text, "a whole number is expected")?, from)))
            .transpose()
    }

    fn count(
        &self,
        key: &'static str,
        written: Option<u64>,
        default: usize,
        max: usize,
    ) -> Result<NonZeroUsize, Error> {
        let Some((number, from)) = self.number(key, written)? else {
            return Ok(NonZeroUsize::new(default).unwrap_or(NonZeroUsize::MIN));
        };
        let count = usize::try_from(number).ok().filter(|count| *count <= max).and_then(NonZeroUsize::new);
        count.ok_or_else(|| refused(key, &from, &format!("1 to {max} is expected")))
    }

    /// A number of which 0 says "no limit".
    fn natural(
        &self,
        key: &'static str,
        written: Option<u64>,
        default: u32,
    ) -> Result<Option<NonZeroU32>, Error> {
        let Some((number, from)) = self.number(key, written)? else { return Ok(NonZeroU32::new(default)) };
        let number = u32::try_from(number);
        let number = number.map_err(|_| refused(key, &from, "a number of at most 32 bits is expected"))?;
        Ok(NonZeroU32::new(number))
    }

    fn bytes_per_second(&self, written: Option<u64>) -> Result<Option<u64>, Error> {
        match self.number("bytes_per_second_max", written)? {
            Some((0, from)) => Err(refused(
                "bytes_per_second_max",
                &from,
                "at least 1 is expected; leave it out for no limit",
            )),
            other => Ok(other.map(|(number, _)| number)),
        }
    }
}

fn parse<T: FromStr>(key: &str, origin: &str, text: &str, expected: &str) -> Result<T, Error> {
    text.parse().map_err(|_| refused(key, origin, expected))
}

fn refused(key: &str, origin: &str, problem: &str) -> Error {
    Error::Setting { key: key.to_owned(), origin: origin.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, Error> {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(folder.path()).unwrap();
        blobstore::durable::replace_file(&home.configuration(), text.as_bytes()).unwrap();
        let find = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Config::load(&home, find)
    }

    #[track_caller]
    fn check_refused(text: &str, environment: &[(&str, &str)], expect: &str) {
        let error = load(text, environment).unwrap_err();
        assert!(crate::error_chain(&error).contains(expect), "{}", crate::error_chain(&error));
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
        let config =
            load("listen = \"127.0.0.1:1\"\ncopy_slots_max = 3\n", &[("BACKSTOP_LISTEN", "127.0.0.1:2")]);
        let config = config.unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.copy_slots_max.get(), 3);
        assert_eq!(config.region, "cn-hangzhou");
        assert_eq!(config.compression, Compression::Zstd(1));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        check_refused("lisen = \"127.0.0.1:1\"\n", &[], "unknown field `lisen`");
        check_refused("listen = \"here\"\n", &[], "setting `listen` of");
        check_refused("", &[("BACKSTOP_ZSTD_LEVEL", "20")], "the environment (BACKSTOP_ZSTD_LEVEL)");
        check_refused("copy_slots_max = 0\n", &[], "1 to 64 is expected");
        check_refused("bytes_per_second_max = 0\n", &[], "leave it out for no limit");
        check_refused("compression = \"gzip\"\n", &[], "zstd, lz4 or none");
        check_refused("tls_cert = \"/c\"\n", &[], "tls_key is expected");
        check_refused("public_url = \"ftp://x\"\n", &[], "https://");
    }

    #[test]
    fn every_key_is_documented() {
        for (key, meaning) in Config::KEYS {
            assert!(!meaning.is_empty());
            let number = load(&format!("{key} = 1\n"), &[]);
            let text = load(&format!("{key} = \"1\"\n"), &[]);
            for outcome in [number, text] {
                if let Err(error) = outcome {
                    assert!(!crate::error_chain(&error).contains("unknown field"), "{key}");
                }
            }
        }
    }
}
