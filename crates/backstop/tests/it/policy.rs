//! Backup policies by the command line.

use crate::program::Program;

fn register(program: &Program) -> String {
    let server =
        ["--engine", "postgresql", "--host", "/does/not/exist", "--port", "5432", "--user", "backstop"];
    program.run(&[&["instance", "register", "orders"], &server[..]].concat()).expect_status(0).stdout
}

#[test]
fn a_policy_is_printed_shown_and_changed_by_the_apis_names() {
    let mut program = Program::with_home();
    let _service = program.serve();
    let registered = register(&program);
    assert!(registered.contains("Monday,Thursday at 01:00Z-02:00Z"), "{registered}");
    assert!(registered.contains("every 30 days") && registered.contains("kept for 7 days"), "{registered}");

    // What the API wants together is filled in.
    let set = ["policy", "set", "orders", "--BackupRetentionPeriod", "14", "--output", "json"];
    let policy = program.run(&set).expect_status(0).json();
    assert_eq!(
        (&policy["BackupRetentionPeriod"], &policy["FullBackupIntervalDays"]),
        (&14.into(), &30.into())
    );
    let set = [
        "policy",
        "set",
        "orders",
        "--PreferredBackupTime=23:30Z-00:30Z",
        "--FullBackupIntervalDays=2",
        "--EnableIncrementDataBackup=true",
        "--LogBackupLocalRetentionNumber=-1",
    ];
    program.run(&set).expect_status(0);
    let shown = program.run(&["policy", "show", "orders"]).expect_status(0).stdout;
    let line = |name: &str, value: &str| shown.lines().any(|line| line.split_whitespace().eq([name, value]));
    for (name, value) in [
        ("PreferredBackupTime", "23:30Z-00:30Z"),
        ("PreferredBackupPeriod", "Monday,Thursday"),
        ("BackupRetentionPeriod", "14"),
        ("FullBackupIntervalDays", "2"),
        ("LogBackupLocalRetentionNumber", "-1"),
    ] {
        assert!(line(name, value), "{name} {value}: {shown}");
    }
}

#[test]
fn what_the_api_refuses_fails_and_what_cannot_be_meant_is_wrong_use() {
    let mut program = Program::with_home();
    let _service = program.serve();
    register(&program);
    let refused = program.run(&["policy", "set", "orders", "--BackupRetentionPeriod", "6"]).expect_status(1);
    assert!(refused.stderr.contains("InvalidBackupRetentionPeriod.Malformed"), "{refused:?}");
    program.run(&["policy", "show", "nobody"]).expect_status(1);
    program.run(&["policy", "set", "nobody", "--CompressType", "0"]).expect_status(1);
    let nothing = program.run(&["policy", "set", "orders"]).expect_status(2);
    assert!(nothing.stderr.contains("--help"), "{nothing:?}");
    program.run(&["policy", "set", "orders", "--CompressType", "3"]).expect_status(2);
    program.run(&["policy", "set", "orders", "--NoSuchParameter", "3"]).expect_status(2);
    let help = program.run(&["policy", "set", "--help"]).expect_status(0).stdout;
    assert!(help.contains("--PreferredBackupPeriod") && help.contains("Without effect here:"), "{help}");
}
