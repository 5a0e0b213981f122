//! The check stage: what it finds, and that each remedy cures what was found.

use std::fs;
use std::path::PathBuf;

use engine::{BackupEngine, BackupError, Finding};
use engine_postgres::{PostgresEngine, PostgresOptions};
use pgwire::{ConnectOptions, Host, Password};
use testkit::postgres::{Cluster, ClusterBuilder};

use crate::harness::{
    Control, ROLE, Store, apply, builder, engine_for, functions, options, start, version_15, versions,
};

fn findings(engine: &PostgresEngine) -> Vec<Finding> {
    engine.check(&Control::default()).expect("the check runs").findings
}

#[track_caller]
fn only_finding(engine: &PostgresEngine) -> Finding {
    let found = findings(engine);
    let [finding] = found.as_slice() else { panic!("not one finding: {found:#?}") };
    finding.clone()
}

#[test]
fn the_least_privileged_role_is_enough_on_every_version() {
    for installation in versions() {
        let cluster = start(&builder(&installation));
        let checked = engine_for(&cluster).check(&Control::default()).expect("the check runs");
        assert_eq!(checked.findings, [], "{}", installation.major());
        assert_eq!(checked.major_version, installation.major().to_string());
        assert!(checked.server_version.starts_with(&format!("{}.", installation.major())));
        let slots = cluster.psql("SELECT count(*) FROM pg_replication_slots").expect("a count");
        assert_eq!(slots, "0", "the check leaves nothing behind");
    }
}

#[test]
fn each_missing_right_is_cured_by_its_remedy() {
    for installation in versions() {
        let cluster = start(&builder(&installation));
        let engine = engine_for(&cluster);
        let (start, stop) = functions(installation.major());
        for revoke in [
            format!("ALTER ROLE {ROLE} NOREPLICATION"),
            format!("REVOKE EXECUTE ON FUNCTION {start} FROM {ROLE}"),
            format!("REVOKE EXECUTE ON FUNCTION {stop} FROM {ROLE}"),
            format!("REVOKE pg_read_all_settings FROM {ROLE}"),
        ] {
            cluster.psql(&revoke).expect("revoked");
            apply(&cluster, &only_finding(&engine));
            assert_eq!(findings(&engine), [], "after the remedy for {revoke} on {}", installation.major());
        }
    }
}

#[test]
fn a_missing_replication_line_is_told_as_it_must_be_written() {
    let installation = version_15();
    let cluster = start(&Cluster::builder(&installation).hba(&format!("local all {ROLE} trust")));
    let finding = only_finding(&engine_for(&cluster));
    assert!(finding.remedy.contains(&format!("`local replication {ROLE} peer`")), "{finding:?}");
    assert!(
        finding.remedy.contains(&cluster.data_dir().join("pg_hba.conf").display().to_string()),
        "{finding:?}"
    );

    let by_tcp = start(&Cluster::builder(&installation).hba(&format!("host all {ROLE} 127.0.0.1/32 trust")));
    let connect = ConnectOptions::new(Host::Tcp("127.0.0.1".to_owned()), by_tcp.port(), ROLE);
    let finding = only_finding(&PostgresEngine::new(PostgresOptions { connect, data_directory: None }));
    assert!(
        finding.remedy.contains(&format!("`host replication {ROLE} 127.0.0.1/32 scram-sha-256`")),
        "{finding:?}"
    );
}

type Break = fn(ClusterBuilder) -> ClusterBuilder;

#[test]
fn settings_that_forbid_streaming_are_found_and_cured() {
    let cases: [(&str, Break); 3] = [
        ("wal_level", |b| b.setting("wal_level", "minimal").setting("max_wal_senders", "0")),
        ("max_wal_senders", |b| b.setting("max_wal_senders", "0")),
        ("max_replication_slots", |b| b.setting("max_replication_slots", "0")),
    ];
    for (setting, break_it) in cases {
        let mut cluster = start(&break_it(builder(&version_15())));
        let finding = only_finding(&engine_for(&cluster));
        assert!(finding.remedy.contains(setting), "{setting}: {finding:?}");
        apply(&cluster, &finding);
        cluster.restart().expect("restarts");
        assert_eq!(findings(&engine_for(&cluster)), [], "after the remedy for {setting}");
    }
}

#[test]
fn a_full_set_of_slots_is_told() {
    let cluster = start(&builder(&version_15()).setting("max_replication_slots", "1"));
    cluster.psql("SELECT pg_create_physical_replication_slot('other')").expect("a slot");
    let finding = only_finding(&engine_for(&cluster));
    assert!(finding.problem.contains("replication slots"), "{finding:?}");
    cluster.psql("SELECT pg_drop_replication_slot('other')").expect("dropped");
    assert_eq!(findings(&engine_for(&cluster)), []);
}

#[test]
fn a_wrong_or_missing_password_is_told_with_what_to_do() {
    let line = |kind| format!("host {kind} {ROLE} 127.0.0.1/32 scram-sha-256");
    let cluster = start(&Cluster::builder(&version_15()).hba(&line("all")).hba(&line("replication")));
    cluster.psql(&format!("ALTER ROLE {ROLE} PASSWORD 'right'")).expect("a password");
    let mut connect = ConnectOptions::new(Host::Tcp("127.0.0.1".to_owned()), cluster.port(), ROLE);
    let engine = |connect: &ConnectOptions| {
        PostgresEngine::new(PostgresOptions { connect: connect.clone(), data_directory: None })
    };
    assert!(only_finding(&engine(&connect)).remedy.contains("--password-file"));
    connect.password = Some(Password::new("wrong"));
    assert!(only_finding(&engine(&connect)).remedy.contains(&format!("ALTER ROLE {ROLE} PASSWORD")));
    connect.password = Some(Password::new("right"));
    assert_eq!(findings(&engine(&connect)), []);
}

#[test]
fn a_role_that_no_line_lets_in_is_told() {
    let cluster = Cluster::builder(&version_15()).start().expect("the cluster starts");
    let finding = only_finding(&engine_for(&cluster));
    assert!(finding.remedy.contains(&format!("`local postgres {ROLE} peer`")), "{finding:?}");
}

#[test]
fn a_server_that_does_not_answer_is_an_error_that_may_pass() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let connect = ConnectOptions::new(Host::Socket(folder.path().to_owned()), 5432, ROLE);
    let engine = PostgresEngine::new(PostgresOptions { connect, data_directory: None });
    let error = engine.check(&Control::default()).expect_err("nobody listens");
    assert!(matches!(&error, BackupError::Server { .. }), "{error:?}");
    assert_eq!(error.retry(), engine::Retry::Later);
}

#[test]
fn a_data_directory_of_another_cluster_is_refused() {
    let (one, other) = (start(&builder(&version_15())), start(&builder(&version_15())));
    let with = |directory: PathBuf| {
        PostgresEngine::new(PostgresOptions { data_directory: Some(directory), ..options(&one) })
    };
    assert!(only_finding(&with(other.data_dir().to_owned())).problem.contains("belongs to cluster"));
    let nowhere = only_finding(&with(one.root_dir().join("nowhere")));
    assert!(nowhere.remedy.contains("--data-dir"), "{nowhere:?}");

    // A copy has the same identifier, and no server runs on it.
    let copy = one.root_dir().join("copy");
    fs::create_dir_all(copy.join("global")).expect("folder");
    fs::copy(one.data_dir().join("global/pg_control"), copy.join("global/pg_control")).expect("copied");
    assert!(only_finding(&with(copy.clone())).problem.contains("no server runs on"));

    // One that fell behind is told by its checkpoint even when it pretends to be run.
    fs::copy(one.data_dir().join("postmaster.pid"), copy.join("postmaster.pid")).expect("copied");
    one.psql("CHECKPOINT").expect("a checkpoint");
    assert!(only_finding(&with(copy)).problem.contains("checkpoint"));
}

#[test]
fn own_directories_in_the_data_directory_and_too_little_room_stop_a_backup() {
    let cluster = start(&builder(&version_15()));
    let store = Store::new();
    let engine = engine_for(&cluster);
    for ours in [cluster.data_dir().join("log"), cluster.root_dir().to_owned()] {
        fs::create_dir_all(&ours).expect("folder");
        let mut request = store.request(1);
        request.own_directories.push(ours.clone());
        let error = engine.back_up(&store.repository, &request, &Control::default()).expect_err("refused");
        let BackupError::Refused(findings) = error else { panic!("not refused: {error:?}") };
        assert!(findings[0].problem.contains(&ours.display().to_string()), "{findings:?}");
    }
    let mut request = store.request(1);
    request.free_space_floor_bytes = Some(u64::MAX);
    let error = engine.back_up(&store.repository, &request, &Control::default()).expect_err("refused");
    assert!(matches!(error, BackupError::NoSpace { .. }), "{error:?}");
    assert_eq!(store.sets(), 0);
}
