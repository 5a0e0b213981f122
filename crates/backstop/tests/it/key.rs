//! `backstop key`, on a real home: what opens the repository, and who can still read afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::program::Program;

#[test]
fn an_exported_key_is_private_new_and_opens_the_repository_without_a_home() {
    let program = Program::with_home();
    let copy = program.path_text("copy.key");
    let run = program.run(&["key", "export", "--to", &copy]).expect_status(0);
    assert_eq!(fs::metadata(&copy).expect("there").permissions().mode() & 0o7777, 0o600);
    let bytes = fs::read(&copy).expect("readable");
    assert_eq!(bytes, fs::read(program.home().join("keys/repository.key")).expect("readable"));
    let key_line = String::from_utf8(bytes).expect("text").lines().last().expect("three lines").to_owned();
    assert!(!run.stdout.contains(&key_line) && !run.stderr.contains(&key_line), "{run:?}");

    let other = Program::new();
    let repository = format!("file://{}", program.path_text("home/repository"));
    let list = ["repository", "--repository", &repository, "--key-file", &copy, "list", "--output", "json"];
    assert_eq!(other.run(&list).expect_status(0).json()["TotalRecordCount"], 0);
    assert!(!other.home().exists());
}

#[test]
fn an_export_never_replaces_a_file_and_is_then_not_counted() {
    let program = Program::with_home();
    let taken = program.path_text("taken");
    fs::write(&taken, "precious").expect("writable");
    let run = program.run(&["key", "export", "--to", &taken]).expect_status(1);
    assert!(run.stderr.contains(&taken), "{}", run.stderr);
    assert_eq!(fs::read_to_string(&taken).expect("readable"), "precious");
    assert!(doctor_state(&program, "key") == "warning");
}

#[test]
fn doctor_warns_until_the_key_was_exported_or_a_second_one_exists() {
    let exported = Program::with_home();
    assert_eq!(doctor_state(&exported, "key"), "warning");
    exported.run(&["key", "export", "--to", "copy.key"]).expect_status(0);
    assert_eq!(doctor_state(&exported, "key"), "good");

    let second = Program::with_home();
    second.run(&["key", "add", "--key-file", "second.key"]).expect_status(0);
    assert_eq!(doctor_state(&second, "key"), "good");
}

#[test]
fn an_added_passphrase_opens_the_repository_until_it_is_retired() {
    let program = Program::with_home();
    let (right, wrong) = (program.path_text("right"), program.path_text("wrong"));
    fs::write(&right, "correct horse\n").expect("writable");
    fs::write(&wrong, "battery staple\n").expect("writable");
    let list_with = |file: &str| program.run(&["repository", "--passphrase-file", file, "list"]);
    list_with(&right).expect_status(1);

    let name = added(&program, &["--passphrase-file", &right]);
    list_with(&right).expect_status(0);
    let refused = list_with(&wrong).expect_status(1);
    assert!(refused.stderr.contains(&name), "the refusal names what would open it: {}", refused.stderr);
    assert!(!refused.stderr.contains("battery"), "{}", refused.stderr);

    program.run(&["key", "retire", &name]).expect_status(0);
    list_with(&right).expect_status(1);
    program.run(&["key", "retire", &name]).expect_status(1);
}

#[test]
fn a_rotation_keeps_every_way_in_and_asks_for_the_secrets_it_needs() {
    let program = Program::with_home();
    let second = program.path_text("second.key");
    let name = added(&program, &["--key-file", &second]);
    assert_eq!(fs::metadata(&second).expect("made").permissions().mode() & 0o7777, 0o600);

    let refused = program.run(&["key", "rotate"]).expect_status(1);
    assert!(refused.stderr.contains(&name), "{}", refused.stderr);
    assert_eq!(keys(&program).len(), 1);

    let rotate = ["key", "rotate", "--key-file", &second, "--output", "json"];
    let new = program.run(&rotate).expect_status(0).json()["DataKeyId"].clone();
    let keys = keys(&program);
    assert_eq!(keys.len(), 2);
    let current: Vec<&Value> = keys.iter().filter(|key| key["Current"] == true).collect();
    assert!(current.len() == 1 && current[0]["DataKeyId"] == new, "{keys:?}");
    for key in &keys {
        let names: Vec<_> = wraps(key).iter().map(|wrap| wrap["Name"].clone()).collect();
        assert!(names.len() == 2 && names.contains(&name.clone().into()), "{names:?}");
    }
    program.run(&["repository", "list"]).expect_status(0);
    program.run(&["repository", "--key-file", &second, "list"]).expect_status(0);
}

#[test]
fn the_key_that_the_home_needs_is_not_retired() {
    let program = Program::with_home();
    let keys = keys(&program);
    let own = wraps(&keys[0])[0]["Name"].as_str().expect("text").to_owned();
    assert_eq!(wraps(&keys[0])[0]["OfHome"], true);
    let alone = program.run(&["key", "retire", &own]).expect_status(1);
    assert!(alone.stderr.contains("this home"), "{}", alone.stderr);
    added(&program, &["--key-file", &program.path_text("second.key")]);
    program.run(&["key", "retire", &own]).expect_status(1);
    program.run(&["repository", "list"]).expect_status(0);
}

#[test]
fn a_secret_that_opens_the_repository_already_is_not_added_twice() {
    let program = Program::with_home();
    let own = program.path_text("home/keys/repository.key");
    program.run(&["key", "add", "--key-file", &own]).expect_status(1);
    assert_eq!(wraps(&keys(&program)[0]).len(), 1);
}

#[test]
fn a_file_that_is_no_key_file_is_refused_by_name_without_its_content() {
    let program = Program::with_home();
    let file = program.path_text("notes");
    fs::write(&file, "my password is swordfish\n").expect("writable");
    let run = program.run(&["key", "add", "--key-file", &file]).expect_status(1);
    assert!(run.stderr.contains(&file) && !run.stderr.contains("swordfish"), "{}", run.stderr);
}

/// Adds what opens the repository, and gives its name.
fn added(program: &Program, arguments: &[&str]) -> String {
    let arguments = [&["key", "add", "--output", "json"], arguments].concat();
    program.run(&arguments).expect_status(0).json()["Name"].as_str().expect("text").to_owned()
}

fn keys(program: &Program) -> Vec<Value> {
    let object = program.run(&["key", "list", "--output", "json"]).expect_status(0).json();
    object["Items"]["DataKey"].as_array().expect("a list").clone()
}

fn wraps(key: &Value) -> &[Value] {
    key["Wraps"]["Wrap"].as_array().expect("a list")
}

/// What doctor says of a subject. Without a service its exit status is 1 whatever else it finds.
fn doctor_state(program: &Program, subject: &str) -> String {
    let object = program.run(&["doctor", "--output", "json"]).expect_status(1).json();
    let findings = object["Items"]["Diagnosis"].as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["Subject"] == subject);
    finding.unwrap_or_else(|| panic!("{object}"))["State"].as_str().expect("text").to_owned()
}
