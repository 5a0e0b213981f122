//! `backstop init`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::program::Program;

#[test]
fn init_prints_the_access_key_once_and_says_what_to_do_with_the_key_file() {
    let program = Program::new();
    let first = program.run(&["init"]).expect_status(0);
    let key_file = program.home().join("keys/repository.key");
    assert!(first.stdout.contains(key_file.to_str().expect("UTF-8")), "{}", first.stdout);
    let warning = first.stdout.replace('\n', " ");
    assert!(
        warning.contains("opy it to another machine now: without it nobody can read any backup"),
        "{warning}"
    );
    let secret = value_of(&first.stdout, "AccessKeySecret");
    assert!(secret.len() >= 20, "{secret}");

    let before = files(&program.home());
    let again = program.run(&["init"]).expect_status(0);
    assert!(!again.stdout.contains("AccessKey") && !again.stdout.contains(secret), "{}", again.stdout);
    assert_eq!(names(&files(&program.home())), names(&before));
    let changed: Vec<_> = files(&program.home()).into_iter().filter(|file| !before.contains(file)).collect();
    let catalog_only = |(path, _): &(PathBuf, Vec<u8>)| path.to_string_lossy().contains("catalog.sqlite");
    assert!(changed.iter().all(catalog_only), "{:?}", names(&changed));
}

#[test]
fn init_gives_one_json_object() {
    let program = Program::new();
    let object = program.run(&["init", "--output", "json"]).expect_status(0).json();
    assert_eq!(object["Home"], program.path_text("home"));
    assert_eq!(object["Repository"], format!("file://{}", program.path_text("home/repository")));
    assert_eq!(object["KeyFile"], program.path_text("home/keys/repository.key"));
    assert!(object["AccessKeyId"].is_string() && object["AccessKeySecret"].is_string(), "{object}");
    let again = program.run(&["--output", "json", "init"]).expect_status(0).json();
    assert!(again.get("AccessKeySecret").is_none(), "{again}");
}

#[test]
fn nothing_of_a_home_is_open_to_others_and_no_key_lies_in_the_clear_elsewhere() {
    let program = Program::new();
    let object = program.run(&["init", "--output", "json"]).expect_status(0).json();
    let secret = object["AccessKeySecret"].as_str().expect("text");
    let mut folders = vec![program.home()];
    while let Some(folder) = folders.pop() {
        let mode = std::fs::metadata(&folder).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mode = std::fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{}", path.display());
            let bytes = std::fs::read(&path).expect("readable");
            let shows_secret = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert_eq!(shows_secret, path.ends_with("access.json"), "{}", path.display());
        }
    }
}

#[test]
fn init_takes_a_repository_and_an_access_key() {
    let program = Program::new();
    let repository = format!("file://{}", program.path_text("elsewhere"));
    let arguments = [
        "init",
        "--repository",
        &repository,
        "--access-key-id",
        "testid",
        "--access-key-secret",
        "testsecret1234567",
    ];
    let object = program.run(&[&arguments[..], &["--output", "json"]].concat()).expect_status(0).json();
    assert_eq!(object["Repository"], repository);
    assert!(program.path("elsewhere/repository.json").is_file());
    assert!(!program.home().join("repository").exists());
    program.run(&["repository", "list"]).expect_status(0);
}

#[test]
fn a_home_that_is_not_there_is_named_with_the_remedy() {
    let program = Program::new();
    let run = program.run(&["key", "list"]).expect_status(1);
    assert!(run.stderr.contains("backstop init"), "{}", run.stderr);
    assert!(run.stderr.contains(&program.path_text("home")), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

/// The value that a line of the form `name  value` has.
fn value_of<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).trim()
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).expect("readable")));
        }
    }
    found.sort();
    found
}

fn names(files: &[(PathBuf, Vec<u8>)]) -> Vec<&PathBuf> {
    // SQLite's log comes and goes with its connections.
    let transient =
        |path: &&PathBuf| ["-wal", "-shm"].iter().any(|end| path.to_string_lossy().ends_with(end));
    files.iter().map(|(path, _)| path).filter(|path| !transient(path)).collect()
}
