//! Backstop from outside: real servers, real clients, real restores.

mod bad_input;
mod clients;
mod crash;
mod damage;
mod debian;
mod harness;
mod matrix;
mod stages;
