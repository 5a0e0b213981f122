use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the data keys, and the key files and passphrases that open them
    #[command(after_help = "Example:\n  backstop key list")]
    List,
    /// Write a copy of the home's key file
    ///
    /// The file is new, and readable for its owner only. Keep it on another machine: whoever has it can read
    /// the backups, and without it nobody can.
    #[command(after_help = "Example:\n  backstop key export --to /media/usb/backstop.key")]
    Export {
        /// File to write; it must not be there yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    Add(AddKey),
    /// Start a new data key for whatever is stored from now on
    ///
    /// Nothing is encrypted anew, and every key file and passphrase goes on opening everything. Those that are
    /// not the home's must be given.
    #[command(after_help = "Example:\n  backstop key rotate --key-file /media/usb/second.key")]
    Rotate {
        /// A key file that opens the repository beside the home's; repeatable
        #[arg(long, value_name = "F")]
        key_file: Vec<PathBuf>,
        /// File whose first line is a passphrase that opens the repository; repeatable
        #[arg(long, value_name = "F")]
        passphrase_file: Vec<PathBuf>,
    },
    /// Take from a key file or passphrase the right to open the repository
    #[command(after_help = "Example:\n  backstop key retire file-0123456789abcdef")]
    Retire {
        /// Its name, as `backstop key list` shows it
        key: String,
    },
}

/// Let another key file or passphrase open the repository too
///
/// A key file that is not there is made, readable for its owner only.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  backstop key add --passphrase-file /root/passphrase")]
#[group(required = true, multiple = false)]
pub(crate) struct AddKey {
    /// The key file
    #[arg(long, value_name = "F")]
    pub(crate) key_file: Option<PathBuf>,
    /// File whose first line is the passphrase
    #[arg(long, value_name = "F")]
    pub(crate) passphrase_file: Option<PathBuf>,
}
