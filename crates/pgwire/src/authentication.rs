//! Proving to the server who we are, and with SCRAM the server to us.
//!
//! The password in clear text is given only to an encrypted connection or a local socket. With TLS, SCRAM is bound to
//! the server's certificate (`SCRAM-SHA-256-PLUS`) where the server offers it, so that nobody can stand in between.

use std::time::Instant;

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};

use crate::backend::{Authentication, tag};
use crate::tls::Stream;
use crate::wire::{Head, Wire};
use crate::{ConnectOptions, Error, Host, Password, ServerMessage, frontend};

const WAITING_FOR: &str = "authentication";

/// How the server was satisfied of who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthenticationMethod {
    /// It asked for nothing: `trust`, `peer`, `ident`.
    None,
    /// The password itself, over an encrypted connection or a local socket.
    CleartextPassword,
    /// A hash of the password, long broken.
    Md5,
    /// SCRAM-SHA-256.
    Scram,
    /// SCRAM-SHA-256-PLUS: SCRAM, bound to the server's certificate.
    ScramPlus,
}

/// Runs the exchange until the server accepts.
pub(crate) fn authenticate(
    wire: &mut Wire,
    options: &ConnectOptions,
    deadline: Instant,
) -> Result<AuthenticationMethod, Error> {
    let head = next(wire, deadline)?;
    let method = match Authentication::decode(wire.body(&head))? {
        Authentication::Ok => return Ok(AuthenticationMethod::None),
        Authentication::CleartextPassword => {
            let local = matches!(options.host, Host::Socket(_));
            if !local && !wire.stream().is_encrypted() {
                return Err(Error::CleartextRefused);
            }
            let message = frontend::password(password(options)?.expose())?;
            wire.send(&message, deadline)?;
            AuthenticationMethod::CleartextPassword
        }
        Authentication::Md5Password { salt } => {
            let hash = md5_hash(options.user.as_bytes(), password(options)?.expose(), salt);
            wire.send(&frontend::password(hash.as_bytes())?, deadline)?;
            AuthenticationMethod::Md5
        }
        Authentication::Sasl { mechanisms } => {
            let (method, binding) = choose(&mechanisms, wire.stream())?;
            scram(wire, password(options)?, method, binding, deadline)?;
            method
        }
        Authentication::SaslContinue(_) | Authentication::SaslFinal(_) => {
            return Err(Error::Protocol { problem: "an answer to SASL that nobody began" });
        }
        Authentication::Other { code } => {
            return Err(Error::AuthenticationUnsupported { method: method_name(code) });
        }
    };
    let head = next(wire, deadline)?;
    if Authentication::decode(wire.body(&head))? != Authentication::Ok {
        return Err(Error::Protocol { problem: "a second authentication request" });
    }
    Ok(method)
}

fn password(options: &ConnectOptions) -> Result<&Password, Error> {
    options.password.as_ref().ok_or(Error::PasswordMissing)
}

fn method_name(code: i32) -> String {
    match code {
        2 => "Kerberos V5".to_owned(),
        7 | 8 => "GSSAPI".to_owned(),
        9 => "SSPI".to_owned(),
        other => format!("number {other}"),
    }
}

fn choose(mechanisms: &[&[u8]], stream: &Stream) -> Result<(AuthenticationMethod, ChannelBinding), Error> {
    let offers = |name: &str| mechanisms.contains(&name.as_bytes());
    match stream.server_end_point() {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
            Ok((AuthenticationMethod::ScramPlus, ChannelBinding::tls_server_end_point(hash)))
        }
        // "We could, you do not offer it": a server that did offer it sees that someone removed the offer.
        Some(_) if offers(SCRAM_SHA_256) => Ok((AuthenticationMethod::Scram, ChannelBinding::unrequested())),
        None if offers(SCRAM_SHA_256) => Ok((AuthenticationMethod::Scram, ChannelBinding::unsupported())),
        _ => {
            let names: Vec<_> = mechanisms.iter().map(|name| String::from_utf8_lossy(name)).collect();
            Err(Error::AuthenticationUnsupported { method: format!("SASL with {}", names.join(", ")) })
        }
    }
}

fn scram(
    wire: &mut Wire,
    password: &Password,
    method: AuthenticationMethod,
    binding: ChannelBinding,
    deadline: Instant,
) -> Result<(), Error> {
    let bound = method == AuthenticationMethod::ScramPlus;
    let mechanism = if bound { SCRAM_SHA_256_PLUS } else { SCRAM_SHA_256 };
    let mut scram = ScramSha256::new(password.expose(), binding);
    wire.send(&frontend::sasl_initial_response(mechanism, scram.message()), deadline)?;
    let head = next(wire, deadline)?;
    let Authentication::SaslContinue(challenge) = Authentication::decode(wire.body(&head))? else {
        return Err(Error::Protocol { problem: "no challenge in the SCRAM exchange" });
    };
    scram.update(challenge).map_err(Error::Scram)?;
    wire.send(&frontend::sasl_response(scram.message()), deadline)?;
    let head = next(wire, deadline)?;
    let Authentication::SaslFinal(verifier) = Authentication::decode(wire.body(&head))? else {
        return Err(Error::Protocol { problem: "the SCRAM exchange ends without the server's proof" });
    };
    scram.finish(verifier).map_err(Error::Scram)
}

/// The next authentication request; an error of the server ends the exchange.
fn next(wire: &mut Wire, deadline: Instant) -> Result<Head, Error> {
    loop {
        let head = wire.receive(deadline, WAITING_FOR)?;
        match head.tag {
            tag::AUTHENTICATION => return Ok(head),
            tag::ERROR => return Err(Error::Server(Box::new(ServerMessage::decode(wire.body(&head))))),
            tag::NOTICE | tag::NEGOTIATE_PROTOCOL_VERSION => {}
            _ => return Err(Error::Protocol { problem: "not an authentication request" }),
        }
    }
}
