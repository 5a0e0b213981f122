//! The catalog on real databases.

mod postgres;
mod properties;
mod sqlite;
