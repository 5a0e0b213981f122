//! The service and its clients, as processes.

use std::time::Duration;

use rustix::process::Signal;

use crate::program::Program;

const END_TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn without_a_service_a_client_says_where_it_looked_and_what_to_do() {
    let mut program = Program::with_home();
    // A port that was free a moment ago, and that nobody listens on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    program.set("BACKSTOP_ENDPOINT", &url);
    let run = program.run(&["instance", "list"]).expect_status(1);
    assert!(run.stderr.contains(&url) && run.stderr.contains("backstop serve"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn a_call_is_signed_answered_and_printed_as_received() {
    let mut program = Program::with_home();
    let _service = program.serve();
    let json = program.run(&["api", "DescribeRegions"]).expect_status(0).json();
    assert!(json["RequestId"].is_string() && json["Regions"]["RDSRegion"].is_array(), "{json}");
    let xml = program.run(&["api", "DescribeRegions", "--format", "xml"]).expect_status(0).stdout;
    assert!(xml.contains("<DescribeRegionsResponse>"), "{xml}");
    let refused =
        program.run(&["api", "DescribeBackupTasks", "--DBInstanceId", "nobody"]).expect_status(1).json();
    assert_eq!(refused["Code"], "InvalidDBInstanceId.NotFound", "{refused}");
    let unknown = program.run(&["api", "NoSuchAction"]).expect_status(1).json();
    assert!(unknown["Code"].as_str().is_some_and(|code| code.starts_with("InvalidAction")), "{unknown}");
}

#[test]
fn lists_are_empty_at_first_and_unknown_things_are_failures() {
    let mut program = Program::with_home();
    let _service = program.serve();
    let list = program.run(&["instance", "list", "--output", "json"]).expect_status(0).json();
    assert_eq!(list["Items"]["DBInstance"].as_array().map(Vec::len), Some(0), "{list}");
    for arguments in [
        &["instance", "show", "nobody"][..],
        &["instance", "deregister", "nobody"],
        &["backup", "create", "nobody", "--wait"],
        &["backup", "list", "nobody"],
        &["backup", "show", "7"],
        &["backup", "delete", "7"],
        &["task", "list", "nobody"],
        &["task", "show", "7"],
        &["task", "watch", "7"],
        &["task", "cancel", "7"],
    ] {
        let run = program.run(arguments).expect_status(1);
        assert!(
            run.stderr.starts_with("error: ") && run.stderr.lines().count() == 1,
            "{arguments:?}: {run:?}"
        );
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
}

#[test]
fn an_access_key_of_the_environment_goes_before_the_homes() {
    let mut program = Program::with_home();
    let _service = program.serve();
    program.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "somebody");
    program.set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "else");
    let run = program.run(&["instance", "list"]).expect_status(1);
    assert!(run.stderr.contains("InvalidAccessKeyId"), "{}", run.stderr);
    let access = std::fs::read_to_string(program.home().join("access.json")).expect("readable");
    let access: serde_json::Value = serde_json::from_str(&access).expect("JSON");
    for (name, field) in [("ID", "AccessKeyId"), ("SECRET", "AccessKeySecret")] {
        program.set(&format!("BACKSTOP_ACCESS_KEY_{name}"), access[field].as_str().expect("text"));
    }
    program.run(&["instance", "list"]).expect_status(0);
}

#[test]
fn a_home_is_served_once_and_a_stopped_service_ends_well() {
    let mut program = Program::with_home();
    let mut service = program.serve();
    let second = program.run(&["serve", "--listen", "127.0.0.1:0"]).expect_status(1);
    assert!(second.stderr.contains("in use"), "{}", second.stderr);
    service.guard.signal(Signal::TERM).expect("it runs");
    let status = service.guard.wait(END_TIMEOUT).expect("it ends");
    assert!(status.success(), "{status}");
    let _again = program.serve();
    program.run(&["instance", "list"]).expect_status(0);
}

#[test]
fn doctor_finds_a_healthy_installation_healthy() {
    let mut program = Program::with_home();
    // The machine that runs the tests may be fuller than an installation should be.
    program.set("BACKSTOP_FREE_SPACE_FLOOR_BYTES", "0");
    let service = program.serve();
    program.run(&["key", "export", "--to", "copy.key"]).expect_status(0);
    let object = program.run(&["doctor", "--output", "json"]).expect_status(0).json();
    let findings = object["Items"]["Diagnosis"].as_array().expect("a list");
    assert!(findings.iter().all(|finding| finding["State"] == "good"), "{object}");
    assert!(
        findings
            .iter()
            .any(|finding| finding["Found"].as_str().is_some_and(|found| found.contains(&service.url))),
        "{object}"
    );
}

#[test]
fn a_job_held_at_its_beginning_keeps_no_other_from_its_own() {
    let mut program = Program::with_home();
    let hold = program.path_text("hold");
    std::fs::write(&hold, "").expect("a file");
    program.set("BACKSTOP_FAILPOINTS", &format!("runner.claimed=hold:{hold}"));
    program.set("BACKSTOP_FREE_SPACE_FLOOR_BYTES", "0");
    let service = program.serve();
    let claimed = |instance: &str| {
        let registered =
            ["--engine", "postgresql", "--host", "/does/not/exist", "--port", "5432", "--user", "backstop"];
        let registered = [&["instance", "register", instance], &registered[..]].concat();
        let run = program.run(&registered).expect_status(0);
        assert!(run.stderr.starts_with("warning: ") && run.stderr.contains("/does/not/exist"), "{run:?}");
        program.run(&["backup", "create", instance]).expect_status(0);
        testkit::process::wait_for("the claim", END_TIMEOUT, || {
            let tasks = program.run(&["task", "list", instance, "--output", "json"]).expect_status(0).json();
            Ok((tasks["Items"]["BackupJob"][0]["BackupStatus"] == "Checking").then_some(()))
        })
        .unwrap_or_else(|error| panic!("{instance}: {error:#}"));
    };
    // More than the runtime has threads, on most machines.
    for instance in ["one", "two", "three", "four"] {
        claimed(instance);
    }
    blobstore::durable::remove_file(std::path::Path::new(&hold)).expect("removed");
    drop(service);
}
