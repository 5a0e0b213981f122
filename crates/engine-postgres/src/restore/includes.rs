//! Includes by absolute path, made to lead to the restored files.

use std::path::{Path, PathBuf};

use crate::settings_files::{Include, Syntax, includes, plain};

/// The text with each absolute include that `moved` knows replaced; `None` when there is none.
pub(super) fn with_moved_includes(
    text: &str,
    syntax: Syntax,
    moved: &dyn Fn(&Path) -> Option<PathBuf>,
) -> Option<String> {
    with_each_moved(text, syntax, &|name| {
        Path::new(name).is_absolute().then(|| moved(Path::new(name))).flatten()
    })
}

/// The text of a list from `folder` that goes elsewhere: names relative to the folder are replaced, too.
pub(super) fn with_moved_lists(
    text: &str,
    folder: &Path,
    moved: &dyn Fn(&Path) -> Option<PathBuf>,
) -> Option<String> {
    with_each_moved(text, Syntax::Lists, &|name| moved(&plain(&folder.join(name))))
}

fn with_each_moved(text: &str, syntax: Syntax, moved: &dyn Fn(&str) -> Option<PathBuf>) -> Option<String> {
    let mut has_changed = false;
    let mut changed = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match moved_line(line, syntax, moved) {
            Some(new) => {
                changed.push_str(&new);
                has_changed = true;
            }
            None => changed.push_str(line),
        }
    }
    has_changed.then_some(changed)
}

fn moved_line(line: &str, syntax: Syntax, moved: &dyn Fn(&str) -> Option<PathBuf>) -> Option<String> {
    let mut new = None;
    for include in includes(line, syntax) {
        let (word, old) = match &include {
            Include::File(name) => ("include", name),
            Include::FileIfExists(name) => ("include_if_exists", name),
            Include::Folder(name) => ("include_dir", name),
        };
        let Some(path) = moved(old) else { continue };
        let path = path.display().to_string();
        new = Some(match syntax {
            Syntax::Settings => format!("# {}\n{word} {}\n", line.trim_end(), quoted(&path)),
            // A record with a list of names, or an include: the path alone changes.
            Syntax::Lists => new.unwrap_or_else(|| line.to_owned()).replace(old.as_str(), &path),
        });
    }
    new
}

/// A value as `postgresql.conf` takes it.
pub(super) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(path: &Path) -> Option<PathBuf> {
        Some(Path::new("/new").join(path.strip_prefix("/etc").ok()?))
    }

    #[test]
    fn absolute_includes_lead_to_the_restored_files_and_others_stay() {
        let text = "port = 1\ninclude '/etc/a.conf'\ninclude_dir 'conf.d'\ninclude '/usr/share/b'\nlast = 1";
        let expect = "port = 1\n# include '/etc/a.conf'\ninclude '/new/a.conf'\ninclude_dir 'conf.d'\ninclude '/usr/share/b'\nlast = 1";
        assert_eq!(with_moved_includes(text, Syntax::Settings, &moved).as_deref(), Some(expect));
    }

    #[test]
    fn lists_of_names_move_too() {
        let text = "local @/etc/dbs @/etc/users peer\ninclude /etc/more\n";
        let expect = "local @/new/dbs @/new/users peer\ninclude /new/more\n";
        assert_eq!(with_moved_includes(text, Syntax::Lists, &moved).as_deref(), Some(expect));
    }

    #[test]
    fn a_list_that_goes_elsewhere_takes_its_own_names_with_it() {
        let text = "local @dbs all peer\nlocal @/etc/../etc/x all peer\n";
        let seen = |path: &Path| Some(Path::new("c").join(path.strip_prefix("/etc/pg").ok()?));
        let expect = "local @c/dbs all peer\nlocal @/etc/../etc/x all peer\n";
        assert_eq!(with_moved_lists(text, Path::new("/etc/pg"), &seen).as_deref(), Some(expect));
    }

    #[test]
    fn a_text_without_absolute_includes_is_left_alone() {
        assert_eq!(with_moved_includes("include 'a'\nport = 2\n", Syntax::Settings, &moved), None);
    }
}
