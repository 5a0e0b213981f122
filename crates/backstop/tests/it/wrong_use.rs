//! What must be refused as wrong use, with exit status 2 and without doing anything.

use crate::program::Program;

#[track_caller]
fn check(arguments: &[&str], told: &str) {
    let program = Program::new();
    let run = program.run(arguments).expect_status(2);
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    assert!(!program.home().exists());
}

#[test]
fn wrong_words_and_options_are_wrong_use() {
    check(&[], "Usage: backstop");
    check(&["restor"], "unrecognized subcommand");
    check(&["task", "show"], "<JOB>");
    check(&["task", "show", "0"], "a backup job id");
    check(&["backup", "show", "five"], "a backup set id");
    check(&["instance", "show", "Orders"], "Orders");
    check(&["instance", "list", "--output", "yaml"], "possible values: table, json");
    check(&["serve", "--listen", "here"], "--listen");
    check(&["init", "--access-key-id", "a"], "--access-key-secret");
    check(&["key", "add"], "--key-file");
    check(&["repository", "verify", "--sample", "0"], "from 1 to 100");
    check(&["repository", "--key-file", "a", "--passphrase-file", "b", "list"], "cannot be used with");
    check(
        &["instance", "register", "pg", "--engine", "oracle", "--host", "h", "--port", "1", "--user", "u"],
        "possible values: postgresql, mariadb, mysql",
    );
}

#[test]
fn a_restore_needs_exactly_one_point_and_a_target() {
    check(&["restore", "orders", "--target", "/x"], "--backup");
    check(&["restore", "orders", "--latest"], "--target");
    check(&["restore", "orders", "--latest", "--backup", "1", "--target", "/x"], "cannot be used with");
    check(&["restore", "orders", "--latest", "--target", "/x", "--tablespace", "a"], "OLD=NEW");
}

#[test]
fn a_repository_without_anything_that_opens_it_is_wrong_use() {
    check(&["repository", "--repository", "file:///nowhere", "list"], "--key-file F or --passphrase-file F");
}

#[test]
fn an_environment_that_contradicts_itself_is_wrong_use() {
    for (name, value, told) in [
        ("BACKSTOP_ENDPOINT", "ftp://127.0.0.1", "BACKSTOP_ENDPOINT must be http://HOST:PORT"),
        ("BACKSTOP_ACCESS_KEY_ID", "id", "BACKSTOP_ACCESS_KEY_SECRET is not"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret", "ALIBABA_CLOUD_ACCESS_KEY_ID is not"),
    ] {
        let mut program = Program::with_home();
        program.set(name, value);
        let run = program.run(&["instance", "list"]).expect_status(2);
        assert!(run.stderr.contains(told), "{}", run.stderr);
        assert!(!run.stderr.contains("ftp://"), "an endpoint may hold a password: {}", run.stderr);
    }
}

#[test]
fn a_wrong_parameter_of_a_call_is_wrong_use() {
    let program = Program::with_home();
    let run = program.run(&["api", "DescribeRegions", "--A"]).expect_status(2);
    assert_eq!(run.stderr, "error: parameter A has no value\n");
}

#[test]
fn help_shows_an_example_and_is_no_failure() {
    let program = Program::new();
    for arguments in
        [&["--help"][..], &["backup", "create", "--help"], &["restore", "--help"], &["api", "--help"]]
    {
        let run = program.run(arguments).expect_status(0);
        assert!(run.stdout.contains("backstop ") && run.stderr.is_empty(), "{run:?}");
    }
    let help = program.run(&["--help"]).expect_status(0).stdout;
    assert!(help.contains("Exit status: 0 done, 1 failed, 2 wrong use."), "{help}");
    assert!(help.contains("~/.backstop") && help.contains("BACKSTOP_ENDPOINT"), "{help}");
}
