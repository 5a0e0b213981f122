//! `backstop repository`, without a service, and with nothing in the repository.

use crate::program::Program;

#[test]
fn an_empty_repository_is_listed_and_verified() {
    let program = Program::with_home();
    let list = program.run(&["repository", "list", "--output", "json"]).expect_status(0).json();
    assert_eq!(list["Items"]["Backup"].as_array().map(Vec::len), Some(0));
    let table = program.run(&["repository", "list"]).expect_status(0).stdout;
    assert!(table.starts_with("BACKUP") && table.lines().count() == 1, "{table}");
    let report = program.run(&["repository", "verify", "--output", "json"]).expect_status(0).json();
    assert_eq!((&report["BackupSets"], &report["FaultCount"]), (&0.into(), &0.into()));
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let program = Program::with_home();
    let absent = format!("file://{}", program.path_text("absent"));
    let run = program.run(&["repository", "--repository", &absent, "list"]).expect_status(1);
    assert!(run.stderr.contains(&program.path_text("absent")), "{}", run.stderr);
    assert!(!program.path("absent").exists());
    let run = program.run(&["repository", "--repository", "s3://bucket/x", "list"]).expect_status(1);
    assert!(run.stderr.contains("s3://bucket/x") && run.stderr.contains("file:///"), "{}", run.stderr);
}

#[test]
fn a_damaged_repository_is_found_by_verify() {
    let program = Program::with_home();
    let keys = program.home().join("repository/keys");
    program.run(&["key", "add", "--key-file", "second.key"]).expect_status(0);
    let wrap = std::fs::read_dir(&keys).expect("readable").next().expect("a wrap").expect("readable").path();
    let mut bytes = std::fs::read(&wrap).expect("readable");
    bytes[0] ^= 1;
    std::fs::write(&wrap, bytes).expect("writable");
    let run = program.run(&["repository", "verify"]).expect_status(1);
    let told = format!("{}{}", run.stdout, run.stderr);
    assert!(told.contains("keys/"), "{told}");
}

#[test]
fn a_restore_of_what_is_not_there_touches_nothing() {
    let program = Program::with_home();
    let target = program.path_text("target");
    for point in [&["--latest"][..], &["--backup", "7"], &["--immediate"]] {
        let run =
            program.run(&[&["restore", "orders", "--target", &target], point].concat()).expect_status(1);
        assert!(run.stderr.contains("orders"), "{}", run.stderr);
        assert!(!program.path("target").exists());
    }
}
