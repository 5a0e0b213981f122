//! The seeds of the fuzz target go through its function, so that neither rots.

#[expect(unreachable_pub, reason = "it is public in the library of the fuzz targets")]
#[path = "../../../../fuzz/src/wal_name.rs"]
mod wal_name;

use std::fs;
use std::path::Path;

#[test]
fn the_seeds_of_the_fuzz_target_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/wal_name");
    let seeds: Vec<_> = fs::read_dir(folder).expect("seeds").collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        wal_name::wal_name(&fs::read(seed.expect("seed").path()).expect("seed"));
    }
}
