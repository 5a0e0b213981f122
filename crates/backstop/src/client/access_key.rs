//! Which access key signs.

use std::fmt;

use anyhow::{Context, bail};

use crate::command_line::Everywhere;
use crate::failure::WrongUse;
use crate::home;

/// Pairs of variables, the first that is set counts: ours, then those of the cloud's tools.
const VARIABLES: [(&str, &str); 2] = [
    ("BACKSTOP_ACCESS_KEY_ID", "BACKSTOP_ACCESS_KEY_SECRET"),
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
];

/// Variables of a temporary key's token, beside the pair of the same place.
const TOKEN_VARIABLES: [&str; 2] = ["BACKSTOP_SECURITY_TOKEN", "ALIBABA_CLOUD_SECURITY_TOKEN"];

/// Id and secret of an access key, and the token of a temporary one.
#[derive(Clone)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) security_token: Option<String>,
}

impl AccessKey {
    /// The access key of the environment, else the home's own.
    ///
    /// # Errors
    /// An id without its secret, or the reverse → `WrongUse`; there is neither.
    pub(crate) fn find(everywhere: &Everywhere) -> anyhow::Result<Self> {
        for ((id_name, secret_name), token_name) in VARIABLES.into_iter().zip(TOKEN_VARIABLES) {
            match (filled(id_name), filled(secret_name)) {
                (Some(id), Some(secret)) => {
                    return Ok(Self { id, secret, security_token: filled(token_name) });
                }
                (None, None) => {}
                (Some(_), None) => {
                    return Err(WrongUse(format!("{id_name} is set, but {secret_name} is not")).into());
                }
                (None, Some(_)) => {
                    return Err(WrongUse(format!("{secret_name} is set, but {id_name} is not")).into());
                }
            }
        }
        let (id_name, secret_name) = VARIABLES[0];
        let doing = || {
            format!("find an access key; {id_name} and {secret_name} are not set, so the home's is needed")
        };
        let home = home::open(everywhere).with_context(doing)?;
        let Some(key) = home.access_key().with_context(doing)? else {
            bail!("{} is missing; `backstop init` makes a new access key", home.access_file().display());
        };
        Ok(Self { id: key.access_key_id, secret: key.access_key_secret, security_token: None })
    }
}

fn filled(name: &str) -> Option<String> {
    home::variable(name).filter(|value| !value.is_empty())
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}
