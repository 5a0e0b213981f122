//! Reading the files that hold what nobody may see: key files, passphrases, passwords.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use repository::KeySecret;

/// Largest secret file: a key file has about 200 bytes, and a passphrase is typed by somebody.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The secret in a key file.
///
/// # Errors
/// The file cannot be read, or is no key file.
pub(crate) fn read_key_file(path: &Path) -> anyhow::Result<KeySecret> {
    KeySecret::parse_key_file(&read(path, SECRET_BYTES_MAX)?)
        .with_context(|| format!("read key file {}", path.display()))
}

/// The passphrase in a file: its first line.
///
/// # Errors
/// The file cannot be read, or its first line is empty.
pub(crate) fn read_passphrase_file(path: &Path) -> anyhow::Result<KeySecret> {
    KeySecret::parse_passphrase(&read(path, SECRET_BYTES_MAX)?)
        .with_context(|| format!("read passphrase file {}", path.display()))
}

/// The password in a file: its first line.
///
/// # Errors
/// The file cannot be read, or its first line is empty.
pub(crate) fn read_password_file(path: &Path) -> anyhow::Result<String> {
    match read(path, SECRET_BYTES_MAX)?.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        Some(_) | None => bail!("the first line of password file {} is empty", path.display()),
    }
}

/// The secrets of all these key files and passphrase files.
///
/// # Errors
/// One of them cannot be read.
pub(crate) fn read_all(
    key_files: &[PathBuf],
    passphrase_files: &[PathBuf],
) -> anyhow::Result<Vec<KeySecret>> {
    let keys = key_files.iter().map(|path| read_key_file(path));
    keys.chain(passphrase_files.iter().map(|path| read_passphrase_file(path))).collect()
}

/// The text of a small file.
///
/// # Errors
/// It cannot be read, is too large, or is not UTF-8.
pub(crate) fn read(path: &Path, bytes_max: u64) -> anyhow::Result<String> {
    let doing = || format!("read {}", path.display());
    let mut text = String::new();
    let file = File::open(path).with_context(doing)?;
    file.take(bytes_max + 1).read_to_string(&mut text).with_context(doing)?;
    if text.len() as u64 > bytes_max {
        bail!("{} is larger than {bytes_max} bytes", path.display());
    }
    Ok(text)
}
