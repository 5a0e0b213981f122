//! What the end-to-end tests share. They know Backstop from outside only: its command line, its API and the files that
//! it leaves; and PostgreSQL as its users know it.
//!
//! Nothing depends on this crate, and it depends on nothing of ours but `testkit`, so that a mistake cannot be on both
//! sides of a comparison. The program is `BACKSTOP_BIN`, else `backstop` beside the tests; `cargo build -p backstop`
//! makes it. It must have debug assertions: failpoints are not in other builds.
//!
//! Each test has its own home, cluster, ports and directories, and takes a [`Turn`] before it starts servers.

mod clock;
mod parts;
mod turn;

mod answer;
mod api_reference;
mod backstop;
mod namespace;
mod sample;
mod wire;
mod xml_tree;

mod failpoint;
mod job;

mod independent_copy;
mod load;
mod restored;
mod source;
mod tables;
mod tree;

pub use answer::Answer;
pub use api_reference::{Operation, api_reference};
pub use backstop::{Backstop, program};
pub use clock::now;
pub use failpoint::{Holds, failpoints};
pub use independent_copy::IndependentCopy;
pub use job::{Job, Watched};
pub use load::Load;
pub use namespace::SmallDisk;
pub use parts::{client_driver, parts_directory};
pub use restored::{Refusal, Restored};
pub use sample::{Sample, samples};
pub use source::{Access, Source};
pub use tables::{Difference, Sql, databases, difference, fingerprints};
pub use tree::{Tree, flip_byte, set_modified, tree};
pub use turn::Turn;
pub use wire::{AccessKey, Response, Signing, encode, exchange, signed};
pub use xml_tree::Element;
