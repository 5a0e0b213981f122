//! What `make bench` cannot measure from outside: the pipeline's own limit, and the API's rate. Each
//! answers one JSON object; `scripts/bench` puts them beside the peers' figures.

mod client;
mod limit;
mod listings;
mod rate;

use std::num::NonZeroUsize;
use std::path::Path;

const USAGE: &str = "usage: bench limit DATA_DIRECTORY | rate JOBS | listings JOBS [CATALOG CATALOG]";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let measured = match words.as_slice() {
        ["limit", directory] => {
            let threads = NonZeroUsize::new(2).expect("two");
            let limit = limit::measure(Path::new(directory), threads, 1)?;
            serde_json::json!({
                "MegabytesPerSecond": limit.megabytes_per_second(),
                "StoredShare": limit.stored_share(),
            })
        }
        ["rate", jobs] => rate::measure(jobs.parse()?)?,
        ["listings", jobs] => listings::measure(jobs.parse()?, [None, None])?,
        ["listings", jobs, short, long] => listings::measure(jobs.parse()?, [Some(short), Some(long)])?,
        _ => anyhow::bail!(USAGE),
    };
    println!("{measured}");
    Ok(())
}
