//! The repository's files: those under version control and those about to be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Files by their path from the top folder, with `/` between names.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, File>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) size_bytes: u64,
    /// `None` where the bytes are not UTF-8.
    pub(crate) text: Option<String>,
}

impl Tree {
    /// Reads what git has or would add. A file that is listed but gone is left out.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut list = Command::new("git");
        // A clone may belong to another user than the one who runs this.
        list.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = list.current_dir(root).output().context("run git ls-files")?;
        ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
        let names = String::from_utf8(output.stdout).context("read the list of files")?;
        let mut files = BTreeMap::new();
        for name in names.split_terminator('\0') {
            let path = root.join(name);
            if path.is_file() {
                let bytes = fs::read(&path).with_context(|| format!("read {name}"))?;
                let size_bytes = u64::try_from(bytes.len()).context("measure a file")?;
                files.insert(name.to_owned(), File { size_bytes, text: String::from_utf8(bytes).ok() });
            }
        }
        Ok(Self { files })
    }

    /// All files, in the order of their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// The files that are text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter_map(|(path, file)| Some((path, file.text.as_deref()?)))
    }

    /// The text of one file; `None` where there is none.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text.as_deref()
    }

    /// Whether there is a file of that path, or a folder with files in it.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    /// A tree of a test's own making.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |text: &str| File { size_bytes: text.len() as u64, text: Some(text.to_owned()) };
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect() }
    }
}

/// Whether a path's last name ends in a dot and `extension`.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Lines with their numbers from 1.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}
