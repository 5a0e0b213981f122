//! The `backstop` command, run as a process: what a user or a script sees of it.

mod program;
mod restored;

mod backup;
mod init;
mod key;
mod repository;
mod service;
mod wrong_use;
