//! What a restored directory is like: it starts only when it is right, and shares nothing with its source.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use blobstore::durable;
use engine::{ExtractError, ExtractProgress, Interrupted};
use engine_postgres::{Archiving, RestoreError, execute_restore, plan_restore};

use crate::harness::{
    Control, RestoredServer, Store, Unwatched, builder, fingerprint, pgbench_init, restore, restore_options,
    start, version_15, versions,
};

#[test]
fn without_backup_label_a_restored_directory_does_not_start() {
    for installation in versions() {
        let cluster = start(&builder(&installation));
        let store = Store::new();
        let (_, set) = store.back_up(&cluster, 1);
        let target = cluster.root_dir().join("restored");
        restore(&set, &restore_options(&target)).expect("restored");
        durable::remove_file(&target.join("backup_label")).expect("deleted");
        let log = RestoredServer::start_fails(&installation, &target);
        assert!(log.contains("checkpoint"), "{}: {log}", installation.major());
        durable::remove_file(&target.join("recovery.signal")).expect("deleted");
        RestoredServer::start_fails(&installation, &target);
    }
}

/// Ends an extraction after so many bytes.
struct EndsAfter(AtomicU64);

impl ExtractProgress for EndsAfter {
    fn advance(&self, bytes: u64) {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
    }

    fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::Relaxed) == 0 { Err(Interrupted::Cancelled) } else { Ok(()) }
    }
}

#[test]
fn a_restore_that_was_ended_leaves_nothing_that_starts_and_is_not_gone_on_with() {
    let cluster = start(&builder(&version_15()));
    pgbench_init(&cluster, 2);
    let store = Store::new();
    let (_, set) = store.back_up(&cluster, 1);
    for bytes in [1, 1_000_000, 20_000_000] {
        let target = cluster.root_dir().join(format!("ended-{bytes}"));
        let plan = plan_restore(&set, &restore_options(&target)).expect("planned");
        let error = execute_restore(&set, &plan, &EndsAfter(AtomicU64::new(bytes))).expect_err("ended");
        assert!(matches!(error, RestoreError::Extract(ExtractError::Interrupted(_))), "{error:?}");
        RestoredServer::start_fails(&version_15(), &target);
        let again = execute_restore(&set, &plan, &Unwatched).expect_err("something is there");
        assert!(matches!(again, RestoreError::NotEmpty { .. }), "{again:?}");
    }
}

#[test]
fn settings_of_recovery_are_ours_and_older_ones_are_comments() {
    let cluster = start(&builder(&version_15()).setting("recovery_target_name", "elsewhere"));
    for sql in [
        "ALTER SYSTEM SET restore_command = 'cp /elsewhere/%f %p'",
        "ALTER SYSTEM SET primary_conninfo = 'host=elsewhere'",
        "ALTER SYSTEM SET archive_mode = 'on'",
        "ALTER SYSTEM SET work_mem = '7MB'",
    ] {
        cluster.psql(sql).expect("the superuser may do that");
    }
    let store = Store::new();
    let (_, set) = store.back_up(&cluster, 1);
    let target = cluster.root_dir().join("restored");
    restore(&set, &restore_options(&target)).expect("restored");
    let text = fs::read_to_string(target.join("postgresql.auto.conf")).expect("there");
    let active: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(
        active.contains(&"restore_command = 'false'") && active.contains(&"archive_mode = 'off'"),
        "{text}"
    );
    assert!(active.contains(&"work_mem = '7MB'"), "{text}");
    assert!(!active.iter().any(|line| line.contains("elsewhere")), "{text}");
    let server = RestoredServer::start(&version_15(), &target, &[]);
    assert_eq!(server.psql("SHOW archive_mode").expect("readable"), "off");
    assert_eq!(server.psql("SHOW work_mem").expect("readable"), "7MB");

    let kept = cluster.root_dir().join("kept");
    let options = engine_postgres::RestoreOptions { archiving: Archiving::Keep, ..restore_options(&kept) };
    restore(&set, &options).expect("restored");
    let segments = fs::read_dir(kept.join("pg_wal")).expect("a folder").map(|child| child.expect("a name"));
    let segments: Vec<_> = segments.filter(|child| child.path().is_file()).collect();
    assert!(!segments.is_empty());
    for segment in segments {
        let done = kept.join("pg_wal/archive_status").join(format!("{}.done", segment.file_name().display()));
        assert!(done.exists(), "{} would be archived again", segment.path().display());
    }
    let server = RestoredServer::start(&version_15(), &kept, &[]);
    assert_eq!(server.psql("SHOW archive_mode").expect("readable"), "on");
}

#[test]
fn owners_modes_and_the_wal_of_the_set_alone_are_restored() {
    let cluster = start(&builder(&version_15()));
    pgbench_init(&cluster, 1);
    for _ in 0..3 {
        cluster.psql("SELECT pg_switch_wal(), txid_current()").expect("switched");
    }
    let store = Store::new();
    let (finished, set) = store.back_up(&cluster, 1);
    let target = cluster.root_dir().join("restored");
    restore(&set, &restore_options(&target)).expect("restored");
    let source = fs::metadata(cluster.data_dir()).expect("there");
    let check = |path: &Path| {
        let metadata = fs::symlink_metadata(path).expect("there");
        assert_eq!((metadata.uid(), metadata.gid()), (source.uid(), source.gid()), "{}", path.display());
        assert_eq!(metadata.mode() & 0o077, 0, "{}", path.display());
    };
    check(&target);
    for name in
        ["global/pg_control", "backup_label", "recovery.signal", "postgresql.auto.conf", "pg_wal", "base"]
    {
        check(&target.join(name));
    }
    let wal: Vec<String> = fs::read_dir(target.join("pg_wal"))
        .expect("a folder")
        .map(|child| child.expect("a name"))
        .filter(|child| child.path().is_file())
        .map(|child| {
            assert_eq!(child.metadata().expect("there").len(), 16 << 20, "segments have their full size");
            child.file_name().display().to_string()
        })
        .collect();
    let start: pgwal::Lsn = finished.record["start"].as_str().expect("text").parse().expect("a position");
    let timeline = pgwal::TimelineId::FIRST;
    let first = pgwal::SegmentName::containing(timeline, start, pgwal::SegmentSize::DEFAULT);
    assert_eq!(wal, [first.to_string()], "a quiet cluster's start and stop lie in one segment");
}

#[test]
fn settings_files_outside_of_the_data_directory_come_back_and_start_a_server() {
    let installation = version_15();
    let mut cluster = builder(&installation).create().expect("a cluster");
    let etc = cluster.directory("etc").expect("a folder");
    fs::create_dir(etc.join("conf.d")).expect("a folder");
    for name in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"] {
        fs::copy(cluster.data_dir().join(name), etc.join(name)).expect("copied");
    }
    let own = |path: &Path| {
        if let Some(user) = cluster.server_user() {
            std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).expect("root may do that");
        }
    };
    fs::write(etc.join("more.conf"), "work_mem = '9MB'\n").expect("written");
    fs::write(etc.join("names"), format!("{}\npostgres\n", crate::harness::ROLE)).expect("written");
    let hba = fs::read_to_string(etc.join("pg_hba.conf")).expect("there");
    let at_names = format!("{hba}local all @{} trust\n", etc.join("names").display());
    fs::write(etc.join("pg_hba.conf"), at_names).expect("written");
    let config = fs::read_to_string(etc.join("postgresql.conf")).expect("there");
    let pid_file = cluster.root_dir().join("s/main.pid");
    let config = format!(
        "{config}\ninclude_dir 'conf.d'\ninclude '{}'\nhba_file = '{}'\nident_file = '{}'\nexternal_pid_file = '{}'\n",
        etc.join("more.conf").display(),
        etc.join("pg_hba.conf").display(),
        etc.join("pg_ident.conf").display(),
        pid_file.display(),
    );
    fs::write(etc.join("postgresql.conf"), &config).expect("written");
    for name in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "more.conf", "names", "conf.d"] {
        own(&etc.join(name));
    }
    // `-D` of a server may name the folder of its settings, which then say where the data lies.
    fs::write(
        cluster.data_dir().join("postgresql.conf"),
        format!("include '{}'\n", etc.join("postgresql.conf").display()),
    )
    .expect("written");
    cluster.start().expect("starts");
    crate::harness::grant(&cluster);
    let pid_before = fs::read_to_string(&pid_file).expect("the server wrote it");
    let store = Store::new();
    let (finished, set) = store.back_up(&cluster, 1);
    let stored: Vec<&str> = finished.record["settings"]["files"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|f| f.as_str())
        .collect();
    for name in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "more.conf", "names", "conf.d"] {
        let path = etc.join(name).display().to_string();
        assert!(stored.contains(&path.as_str()), "{path} is not among {stored:?}");
    }

    let target = cluster.root_dir().join("restored");
    restore(&set, &restore_options(&target)).expect("restored");
    // The originals may be gone by the time of a restore.
    durable::rename(&etc, &cluster.root_dir().join("etc-gone")).expect("moved");
    let server = RestoredServer::start(&installation, &target, &[]);
    assert_eq!(server.psql("SHOW work_mem").expect("readable"), "9MB");
    let hba = server.psql("SHOW hba_file").expect("readable");
    assert!(Path::new(&hba).starts_with(target.join("backstop-config")), "{hba}");
    assert_eq!(server.psql("SHOW external_pid_file").expect("readable"), "");
    assert_eq!(fs::read_to_string(&pid_file).expect("still there"), pid_before, "the source's is left alone");

    // What was restored names its own place in its settings; its own restore must not lead back there.
    let store = Store::new();
    let (_, set) = store.back_up_by(&server.engine(), 2, &Control::default()).expect("the backup finishes");
    let again = cluster.root_dir().join("again");
    restore(&set, &restore_options(&again)).expect("restored");
    let last = RestoredServer::start(&installation, &again, &[]);
    assert_eq!(last.psql("SHOW data_directory").expect("readable"), again.display().to_string());
    let hba = last.psql("SHOW hba_file").expect("readable");
    assert!(Path::new(&hba).starts_with(again.join("backstop-config")), "{hba}");
}

#[test]
fn settings_that_name_the_sources_own_directory_do_not_lead_back_to_it() {
    let mut cluster = builder(&version_15()).create().expect("a cluster");
    let data = cluster.data_dir().display().to_string();
    cluster.set("data_directory", &data).expect("written");
    cluster.set("hba_file", &format!("{data}/pg_hba.conf")).expect("written");
    cluster.start().expect("starts");
    crate::harness::grant(&cluster);
    let store = Store::new();
    let (_, set) = store.back_up(&cluster, 1);
    let target = cluster.root_dir().join("restored");
    restore(&set, &restore_options(&target)).expect("restored");
    let server = RestoredServer::start(&version_15(), &target, &[]);
    assert_eq!(server.psql("SHOW data_directory").expect("readable"), target.display().to_string());
    assert_eq!(
        server.psql("SHOW hba_file").expect("readable"),
        target.join("pg_hba.conf").display().to_string()
    );
}

#[test]
fn a_repository_and_its_key_are_enough() {
    let cluster = start(&builder(&version_15()));
    cluster.psql("CREATE TABLE kept AS SELECT generate_series(1, 1000) i").expect("a table");
    let store = Store::new();
    store.back_up_with(&cluster, 1, &Control::default()).expect("the backup finishes");
    let expect = cluster.psql(&fingerprint("kept")).expect("readable");
    let home = tempfile::Builder::new().prefix("bs-").tempdir_in("/tmp").expect("temporary folder");
    fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("opened");
    drop(cluster);
    let local = blobstore::LocalStore::open(&store.folder.path().join("repository")).expect("the folder");
    let key = repository::KeySecret::File([7; 32]);
    let repository = repository::Repository::open(std::sync::Arc::new(local), vec![key]).expect("opens");
    let manifests = repository.sets(&"pg-1".parse().expect("an id")).expect("a listing");
    let origin = &manifests[0].origin;
    let name = repository::AttemptName { set: origin.set, attempt: origin.attempt };
    let set =
        repository.open_set(&repository::Place { instance: origin.instance.clone(), name }).expect("a set");
    let target = home.path().join("new/and/deeper/restored");
    restore(&set, &restore_options(&target)).expect("restored");
    let server = RestoredServer::start(&version_15(), &target, &[]);
    assert_eq!(server.psql(&fingerprint("kept")).expect("readable"), expect);
}
