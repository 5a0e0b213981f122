//! Backstop from outside: real servers, real clients, real restores.

mod bad_input;
mod clients;
mod crash;
mod damage;
mod debian;
mod download;
mod harness;
mod https;
mod matrix;
mod operations;
mod poller;
mod samples;
mod stages;
