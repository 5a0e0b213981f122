//! The pipeline over plain directories and a store in memory or on disk.

mod crash;
mod damage;
mod directory;
mod lying_store;
mod round_trip;
