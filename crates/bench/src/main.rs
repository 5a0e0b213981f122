//! Measures Backstop against its peers, as ratios in one run. `make bench` runs it.

mod limit;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let root = arguments.get(1).ok_or_else(|| anyhow::anyhow!("usage: bench DATA_DIRECTORY"))?;
    let threads = std::num::NonZeroUsize::new(2).expect("two");
    for _ in 0..3 {
        let limit = limit::measure(std::path::Path::new(root), threads, 1)?;
        println!("{limit:?} {:.0} MB/s stored {:.3}", limit.megabytes_per_second(), limit.stored_share());
    }
    Ok(())
}
