//! The `backstop` command, run as a process: what a user or a script sees of it.

mod program;
mod restored;

mod access;
mod backup;
mod init;
mod key;
mod policy;
mod repository;
mod service;
mod sweeping;
mod wrong_use;
