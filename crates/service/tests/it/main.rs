//! The service as its clients see it: over HTTP, with real jobs.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod client;
mod folder_engine;
mod harness;

mod api;
mod bad_input;
mod doctor;
mod identity;
mod init;
mod jobs;
mod postgres;
mod takeover;
mod transport;
