//! No file says where on the network software comes from: that is the setting of whoever builds. URLs lead
//! to this machine, to invented hosts, or to the few that are listed.

use crate::tree::numbered;
use crate::{Finding, Tree};

/// Hosts of licences and specifications that a reader may want to open.
const ALLOWED: &[&str] = &["www.apache.org", "keepachangelog.com", "semver.org", "www.postgresql.org"];

/// Top-level domains that lead nowhere.
const INVENTED: &[&str] = &["example", "invalid", "local", "test", "internal"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_read = |path: &str| !path.ends_with("Cargo.lock") && !path.contains("testdata/");
    let texts = tree.texts().filter(|(path, _)| is_read(path));
    let lines = texts.flat_map(|(path, text)| numbered(text).map(move |(line, text)| (path, line, text)));
    lines
        .flat_map(|(path, line, text)| hosts(text).map(move |host| (path, line, host)))
        .filter(|(_, _, host)| is_public(host))
        .map(|(path, line, host)| Finding::at(path, line, format!("a URL that leads to {host}")))
        .collect()
}

fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '@'));
        let authority = &rest[..end.unwrap_or(rest.len())];
        authority.rsplit('@').next().unwrap_or(authority).trim_end_matches('.')
    })
}

fn is_public(host: &str) -> bool {
    let Some((before, last)) = host.rsplit_once('.') else { return false };
    let is_name = !before.is_empty() && last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_example = host == "example.com" || host.ends_with(".example.com");
    is_name && !is_example && !INVENTED.contains(&last) && !ALLOWED.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        check(&Tree::of(&[("a.md", text)])).len()
    }

    #[test]
    fn a_public_host_is_found() {
        assert_eq!(
            found(concat!("at https:/", "/packages.vendor.io/x or ftp:/", "/me@mirror.vendor.net")),
            2
        );
    }

    #[test]
    fn this_machine_invented_and_listed_hosts_pass() {
        assert_eq!(
            found("http://127.0.0.1:8086/ http://[::1]:1 http://localhost/ https://db.example.com/"),
            0
        );
        assert_eq!(
            found("postgres://u@db.internal/x https://www.apache.org/licenses/ s3://bucket/a.b file:///a.b"),
            0
        );
    }
}
