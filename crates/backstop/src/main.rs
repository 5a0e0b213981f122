//! The `backstop` command: runs the service, drives it as a client, and works on repositories without it.
//!
//! Results go to standard output, as a table or as one JSON object with the API's field names; progress, notes
//! and errors go to standard error. Exit status: 0 done, 1 failed, 2 wrong use.

mod command_line;
mod commands;

mod client;
mod job_watch;

mod home;
mod open;
mod secret_file;

mod output;
mod progress;
mod quantity;

mod clock;
mod failure;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::run(command_line::CommandLine::parse()) {
        Ok(failure::Outcome::Done) => ExitCode::SUCCESS,
        Ok(failure::Outcome::Failed) => ExitCode::FAILURE,
        Err(error) => failure::tell(&error),
    }
}
