//! The service as its clients see it: over HTTP, with real jobs.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod client;
mod folder_engine;
mod harness;
mod moved_time;

mod access;
mod api;
mod audit;
mod bad_input;
mod doctor;
mod download;
mod error_centre;
mod https;
mod identity;
mod init;
mod instances;
mod jobs;
mod policy;
mod postgres;
mod refused;
mod registry_calls;
mod schedule;
mod sets;
mod sweeping;
mod tags;
mod takeover;
mod tasks;
mod transport;
mod waiting;
mod week;
