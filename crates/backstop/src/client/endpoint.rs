//! Where the service is.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::command_line::Everywhere;
use crate::failure::WrongUse;
use crate::home;

const VARIABLE: &str = "BACKSTOP_ENDPOINT";
const SCHEMES: [&str; 2] = ["http://", "https://"];
const DEFAULT: &str = "http://127.0.0.1:8086";

/// The URL of a service: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    url: String,
}

impl Endpoint {
    /// The one that `BACKSTOP_ENDPOINT` names; else where the home's service listens, or would by its configuration, by
    /// its public name where it speaks HTTPS; else the default.
    ///
    /// # Errors
    /// The variable is no such URL → `WrongUse`.
    pub(crate) fn find(everywhere: &Everywhere) -> Result<Self, WrongUse> {
        match std::env::var(VARIABLE) {
            Ok(url) if !url.is_empty() => Self::parse(&url),
            Ok(_) | Err(_) => {
                Ok(Self::of_home(everywhere).unwrap_or_else(|| Self { url: DEFAULT.to_owned() }))
            }
        }
    }

    /// The URL, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Host and port, as the `Host` header has them.
    pub(crate) fn host(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, host)| host)
    }

    /// Whether calls go over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.url.starts_with("https://")
    }

    fn of_home(everywhere: &Everywhere) -> Option<Self> {
        let home = home::open(everywhere).ok()?;
        let config = home::config(&home).ok();
        let configured = || {
            let config = config.as_ref()?;
            let scheme = if config.tls.is_some() { "https" } else { "http" };
            Self::reached_here(&format!("{scheme}://{}", config.listen))
        };
        let running = home.listens_at().and_then(|url| Self::reached_here(&url));
        let here = running.or_else(configured)?;
        // A certificate is for a name, which an address to listen at is not.
        let public_url = config.as_ref().and_then(|config| config.public_url.as_deref());
        let public = public_url.filter(|_| here.is_https()).and_then(|url| Self::parse(url).ok());
        Some(public.unwrap_or(here))
    }

    /// A service of this machine by the URL at which it listens, which may be every address.
    fn reached_here(url: &str) -> Option<Self> {
        let (scheme, address) = url.split_once("://")?;
        let mut address: SocketAddr = address.parse().ok()?;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        Self::parse(&format!("{scheme}://{address}")).ok()
    }

    fn parse(text: &str) -> Result<Self, WrongUse> {
        let url = text.strip_suffix('/').unwrap_or(text);
        let host = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)).unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if !host.is_empty() && host.bytes().all(plain) {
            Ok(Self { url: url.to_owned() })
        } else {
            // The text may hold a password, so it is not repeated.
            Err(WrongUse(format!(
                "{VARIABLE} must be http://HOST:PORT or https://HOST:PORT, such as http://127.0.0.1:8086"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        let endpoint = Endpoint::parse("http://[::1]:8086/").expect("good");
        assert_eq!((endpoint.url(), endpoint.host()), ("http://[::1]:8086", "[::1]:8086"));
        let endpoint = Endpoint::parse("https://h").expect("good");
        assert_eq!((endpoint.is_https(), endpoint.host()), (true, "h"));
        let reached = |url| Endpoint::reached_here(url).map(|endpoint| endpoint.url);
        assert_eq!(reached("http://0.0.0.0:80").as_deref(), Some("http://127.0.0.1:80"));
        assert_eq!(reached("https://[::]:443").as_deref(), Some("https://[::1]:443"));
        assert_eq!(reached("https://10.0.0.1:443").as_deref(), Some("https://10.0.0.1:443"));
        assert_eq!(reached("https://host:443"), None);
        for bad in
            ["", "127.0.0.1:8086", "https://", "http://", "http://u:p@h/", "http://h/path", "http://h?x"]
        {
            Endpoint::parse(bad).expect_err(bad);
        }
    }
}
