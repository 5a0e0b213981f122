//! Named points at which a test can stop or hold this process.
//!
//! `BACKSTOP_FAILPOINTS="name=abort;other=hold:/path"` kills the process at `name`, as `kill -9`
//! would, and at `other` waits as long as the file `/path` exists. Builds without debug assertions
//! have no such points.

/// Passes the point called `name`.
#[cfg(not(debug_assertions))]
pub fn pass(_name: &str) {}

/// Passes the point called `name`, unless a test wants otherwise.
#[cfg(debug_assertions)]
pub fn pass(name: &str) {
    use std::sync::OnceLock;
    static ACTIONS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let actions = ACTIONS.get_or_init(|| {
        let text = std::env::var("BACKSTOP_FAILPOINTS").unwrap_or_default();
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, action)| (name.to_owned(), action.to_owned())).collect()
    });
    for (_, action) in actions.iter().filter(|(known, _)| known == name) {
        if action == "abort" {
            std::process::abort();
        }
        if let Some(file) = action.strip_prefix("hold:") {
            while std::path::Path::new(file).exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
}
