//! The tables as rows. Only the module that owns the domain type reads or writes its entity here;
//! nothing of this leaves the crate.

#![expect(unreachable_pub, reason = "the derive macros need public items")]

pub(crate) mod access_key;
pub(crate) mod audit_log;
pub(crate) mod backup_set;
pub(crate) mod instance;
pub(crate) mod job;
pub(crate) mod job_tally;
pub(crate) mod set_tally;
pub(crate) mod tag;
