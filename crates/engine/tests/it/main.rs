//! The pipeline over plain directories and a store in memory or on disk.

mod archiving;
mod crash;
mod damage;
mod directory;
mod lying_store;
mod panicking;
mod planning;
mod round_trip;
mod sweeping;
