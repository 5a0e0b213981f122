//! The seeds of the fuzz target go through its function, so that neither rots.

#[expect(unreachable_pub, reason = "it is public in the library of the fuzz targets")]
#[path = "../../../../fuzz/src/rpc_request.rs"]
mod rpc_request;

use std::fs;
use std::path::Path;

#[test]
fn the_seeds_of_the_fuzz_target_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/rpc_request");
    let seeds: Vec<_> = fs::read_dir(folder).expect("seeds").collect();
    assert!(!seeds.is_empty());
    let mut served = 0;
    for seed in seeds {
        let path = seed.expect("seed").path();
        served += usize::from(rpc_request::rpc_request(&fs::read(path).expect("seed")));
    }
    // Signed by either version, as query and as form: without such seeds the target gets no further than that.
    assert!(served >= 4, "{served} seeds are served");
}
