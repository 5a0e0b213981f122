//! `backstop key`: what opens the home's repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use blobstore::durable;
use repository::{KeyListing, KeySecret, Repository};
use serde_json::{Value, json};
use service::Home;

use crate::command_line::{AddKey, Everywhere, KeyCommand, OutputFormat};
use crate::failure::Outcome;
use crate::output::{self, Column};
use crate::{clock, home, open, secret_file};

const COLUMNS: [Column; 5] = [
    Column::plain("DATA KEY", "DataKeyId"),
    Column::plain("CREATED", "CreateTime"),
    Column::plain("USE", "Use"),
    Column::plain("OPENED BY", "Name"),
    Column::plain("KIND", "Kind"),
];

pub(super) fn run(everywhere: &Everywhere, command: &KeyCommand) -> anyhow::Result<Outcome> {
    let home = home::open(everywhere)?;
    let format = everywhere.output;
    match command {
        KeyCommand::List => list(&home, &open::repository_of(&home)?, format)?,
        KeyCommand::Export { to } => export(&home, to, format)?,
        KeyCommand::Add(arguments) => add(&open::repository_of(&home)?, arguments, format)?,
        KeyCommand::Rotate { key_file, passphrase_file } => {
            rotate(&open::repository_of(&home)?, key_file, passphrase_file, format)?;
        }
        KeyCommand::Retire { key } => retire(&home, &open::repository_of(&home)?, key, format)?,
    }
    Ok(Outcome::Done)
}

/// What the home opens its repository with.
fn key_secret(home: &Home) -> anyhow::Result<KeySecret> {
    Ok(service::read_key_file(&home.repository_key())?)
}

fn list(home: &Home, repository: &Repository, format: OutputFormat) -> anyhow::Result<()> {
    let own = key_secret(home)?.file_name();
    let listing = repository.keys();
    let keys: Vec<Value> = listing.iter().map(|key| key_object(key, own.as_deref())).collect();
    let rows: Vec<Value> = keys.iter().flat_map(key_rows).collect();
    output::rows(format, &json!({"Items": {"DataKey": keys}}), &rows, &COLUMNS)?;
    Ok(())
}

fn key_object(key: &KeyListing, own: Option<&str>) -> Value {
    let KeyListing { key, created, current, wraps } = key;
    let wraps = wraps.iter().map(|wrap| {
        let kind = if wrap.passphrase { "Passphrase" } else { "KeyFile" };
        json!({"Name": wrap.name, "Kind": kind, "OfHome": own == Some(wrap.name.as_str())})
    });
    json!({
        "DataKeyId": key.to_string(),
        "CreateTime": rpc::render_seconds(*created),
        "Current": current,
        "Wraps": {"Wrap": wraps.collect::<Vec<_>>()},
    })
}

/// One row for each key and what opens it.
fn key_rows(key: &Value) -> Vec<Value> {
    let wraps = key.pointer("/Wraps/Wrap").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let row = |wrap: &Value| {
        let kind = match (wrap["Kind"].as_str(), wrap["OfHome"].as_bool()) {
            (Some("KeyFile"), Some(true)) => "the home's key file",
            (Some("KeyFile"), _) => "key file",
            (_, _) => "passphrase",
        };
        let state = if key["Current"] == true { "current" } else { "older objects" };
        json!({
            "DataKeyId": key["DataKeyId"], "CreateTime": key["CreateTime"], "Use": state,
            "Name": wrap["Name"], "Kind": kind,
        })
    };
    wraps.iter().map(row).collect()
}

fn export(home: &Home, to: &Path, format: OutputFormat) -> anyhow::Result<()> {
    write_key_file(&key_secret(home)?, to)?;
    home.mark_key_exported()?;
    let file = to.display();
    match format {
        OutputFormat::Json => output::json(&json!({"KeyFile": file.to_string()}))?,
        OutputFormat::Table => output::text(&format!(
            "wrote {file}\nKeep it on another machine: whoever has it can read the backups, and without it nobody can.\n"
        ))?,
    }
    Ok(())
}

/// Writes a key file that is not there yet, durably, readable for its owner only.
fn write_key_file(secret: &KeySecret, path: &Path) -> anyhow::Result<()> {
    let doing = || format!("write key file {}", path.display());
    let Some(text) = secret.render_key_file() else { bail!("a passphrase is no key file") };
    let path = std::path::absolute(path).with_context(doing)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        bail!("{} is no name for a file", path.display());
    };
    durable::publish(folder, name, &[text.as_bytes()]).with_context(doing)
}

fn add(repository: &Repository, arguments: &AddKey, format: OutputFormat) -> anyhow::Result<()> {
    let secret = match (&arguments.key_file, &arguments.passphrase_file) {
        (Some(path), _) if !path.try_exists()? => {
            let secret = KeySecret::random_file();
            write_key_file(&secret, path)?;
            eprintln!("made key file {}", path.display());
            secret
        }
        (Some(path), _) => secret_file::read_key_file(path)?,
        (None, Some(path)) => secret_file::read_passphrase_file(path)?,
        (None, None) => bail!("neither a key file nor a passphrase file is given"),
    };
    let name = repository.add_key(&secret)?;
    match format {
        OutputFormat::Json => output::json(&json!({"Name": name}))?,
        OutputFormat::Table => output::text(&format!("{name} opens the repository too\n"))?,
    }
    Ok(())
}

fn rotate(
    repository: &Repository,
    key_files: &[PathBuf],
    passphrase_files: &[PathBuf],
    format: OutputFormat,
) -> anyhow::Result<()> {
    let secrets = secret_file::read_all(key_files, passphrase_files)?;
    let key = repository.rotate_key(&secrets, clock::now())?;
    match format {
        OutputFormat::Json => output::json(&json!({"DataKeyId": key.to_string()}))?,
        OutputFormat::Table => output::text(&format!("data key {key} seals what is stored from now on\n"))?,
    }
    Ok(())
}

fn retire(home: &Home, repository: &Repository, name: &str, format: OutputFormat) -> anyhow::Result<()> {
    if key_secret(home)?.file_name().as_deref() == Some(name) {
        bail!(
            "{name} is the key file with which this home opens the repository; put another one that opens it at {} first",
            home.repository_key().display()
        );
    }
    let keys = repository.retire_key(name)?;
    match format {
        OutputFormat::Json => output::json(&json!({"Name": name, "DataKeyCount": keys.len()}))?,
        OutputFormat::Table => output::text(&format!("{name} no longer opens the repository\n"))?,
    }
    Ok(())
}
