//! The engine against real servers.

mod harness;

mod archiving;
mod backing_up;
mod checking;
mod debian_layout;
mod failing;
mod properties;
mod reading_files;
mod refusing_to_restore;
mod restoring;
