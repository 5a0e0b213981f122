//! `backstop init`: makes the home, or what is missing of it.

use serde_json::json;
use service::{HomeAccessKey, InitOptions, SystemClock};

use crate::command_line::{Everywhere, Init, OutputFormat};
use crate::failure::Outcome;
use crate::{home, output};

pub(super) fn run(everywhere: &Everywhere, arguments: Init) -> anyhow::Result<Outcome> {
    let Init { repository, catalog, adopt, access_key_id, access_key_secret } = arguments;
    let access_key = access_key_id.zip(access_key_secret);
    let access_key = access_key
        .map(|(access_key_id, access_key_secret)| HomeAccessKey { access_key_id, access_key_secret });
    let options = InitOptions { home: home::directory(everywhere)?, repository, catalog, adopt, access_key };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(service::init(options, home::variable, SystemClock::shared()))?;

    // The catalog's address may hold a password, so it is not told.
    let mut result = json!({
        "Home": report.home.path().display().to_string(),
        "Repository": report.repository,
        "KeyFile": report.key_file.display().to_string(),
    });
    if let Some(sets) = report.adopted_sets {
        result["AdoptedBackupSets"] = sets.into();
    }
    if let Some(key) = &report.new_access_key {
        result["AccessKeyId"] = key.access_key_id.clone().into();
        result["AccessKeySecret"] = key.access_key_secret.clone().into();
    }
    output::object(everywhere.output, &result)?;
    if everywhere.output == OutputFormat::Table {
        output::text(&format!("\n{}", advice(report.new_access_key.is_some())))?;
    }
    Ok(Outcome::Done)
}

fn advice(new_access_key: bool) -> String {
    let mut text = String::new();
    if new_access_key {
        text.push_str(
            "The access key is shown only now. Client commands on this machine find it in the home.\n",
        );
    }
    text.push_str(
        "The key file opens the backups. Copy it to another machine now: without it nobody can read any backup\n\
         (`backstop key export --to FILE` writes a copy).\n",
    );
    text
}
